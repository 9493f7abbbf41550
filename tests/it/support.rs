//! Building blocks of tests: a whole registry on a temporary folder and a caller, a whole gateway,
//! scripted upstreams.

#[cfg(feature = "registry")]
pub(crate) mod app;
#[cfg(feature = "registry")]
pub(crate) mod call;
#[cfg(feature = "gateway")]
pub(crate) mod front;
#[cfg(feature = "registry")]
pub(crate) mod provider;
#[cfg(feature = "examples")]
pub(crate) mod upstream;

#[cfg(feature = "registry")]
pub(crate) use app::TestApp;
