//! Building blocks of tests: a whole registry on a temporary folder and a caller, a whole gateway,
//! scripted upstreams.

#[cfg(feature = "registry")]
pub(crate) mod app;
#[cfg(feature = "registry")]
pub(crate) mod call;
#[cfg(feature = "gateway")]
#[expect(dead_code, reason = "the process tests use what is not used here")]
pub(crate) mod frames;
#[cfg(feature = "gateway")]
pub(crate) mod front;
#[cfg(feature = "gateway")]
pub(crate) mod noise;
#[cfg(feature = "registry")]
pub(crate) mod provider;
#[cfg(feature = "examples")]
pub(crate) mod upstream;

#[cfg(feature = "registry")]
pub(crate) use app::TestApp;
