//! Whole simulations against formulas and invariants.
//!
//! A tolerance of a random result is four standard errors of the stated law. Seeds are fixed, so
//! a test that passes once passes always.

#[path = "../common/mod.rs"]
mod common;

mod arrivals;
mod binding;
mod births;
mod changes;
mod deeds;
mod differences;
mod dyads;
mod ends;
mod fates;
mod fields;
mod forces;
mod interventions;
mod rules;
mod tables;
mod turns;
mod unions;
mod volumes;
mod walks;
