//! The contract as tables.
