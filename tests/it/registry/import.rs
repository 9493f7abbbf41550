//! Definitions in files.
