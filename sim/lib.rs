//! Milieu: a tissue in which cells follow readable rules or neural models.
pub mod output;
pub mod scenario;
