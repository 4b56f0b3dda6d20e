//! Projects run by PhysiCell 1.14.2, run by Milieu, and compared with what PhysiCell gave.
//!
//! The projects and tables lie in `shared/physicell` beside the repository; where that is absent
//! each test says so and passes. What must hold everywhere is tested from formulas in
//! `kernels/tests`, `rules/tests` and `tests/physics`.

mod open;
mod output;
mod project;
mod table;
mod unit;
