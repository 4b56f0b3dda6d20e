//! What `milieu bench` measures.

pub mod scenes;
