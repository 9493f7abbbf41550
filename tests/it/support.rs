//! Building blocks of tests: a whole registry on a temporary folder, and a caller.

pub(crate) mod app;
pub(crate) mod call;

pub(crate) use app::TestApp;
