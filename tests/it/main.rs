//! Behaviour of the parts through their public faces, on real sockets where sockets matter.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, as tests do"
)]

#[cfg(feature = "registry")]
mod architecture;
#[cfg(all(feature = "registry", feature = "gateway"))]
mod catalog;
#[cfg(feature = "examples")]
mod examples;
#[cfg(feature = "gateway")]
mod gateway;
#[cfg(feature = "registry")]
mod openapi;
#[cfg(feature = "registry")]
mod registry;
mod support;
