//! Bodies in a tissue: attachments, events, and each usage in which simulators differ.

mod attachments;
#[path = "../support/mod.rs"]
mod support;
mod threads;
mod turns;
mod usages;
