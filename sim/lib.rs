//! Milieu: a tissue in which cells follow readable rules or neural models.
//!
//! A [`scenario::Scenario`] says what is simulated; [`plan::bind`] binds its rules to names;
//! [`simulation::Simulation`] runs it; [`output`] writes what it shows.

pub mod arrays;
pub mod assay;
pub mod bench;
pub mod cell;
pub mod checkpoint;
pub mod clock;
pub mod compare;
mod contacts;
pub mod decide;
pub mod detail;
pub mod dictionary;
mod dyads;
pub mod ensemble;
pub mod evaluate;
mod events;
mod founders;
mod graphs;
pub mod guard;
pub mod import;
mod inheritance;
mod interventions;
mod occasions;
pub mod output;
pub mod page;
pub mod plan;
pub mod readouts;
pub mod record;
pub mod recorder;
pub mod recording;
pub mod run;
pub mod scenario;
mod schedule;
pub mod semantics;
mod sense;
mod setup;
pub mod simulation;
mod stores;
pub mod streams;
mod tables;
