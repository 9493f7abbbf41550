//! Composition root.

pub mod health;
pub mod mode;
pub mod ops;
pub mod readiness;

use std::process::ExitCode;

/// Runs the program.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
