//! Behaviour of the library as its users see it, in process.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[cfg(all(feature = "registry", feature = "gateway"))]
mod catalog;
