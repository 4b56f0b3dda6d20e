//! Text to [`Scenario`](super::Scenario).
