//! Tests through public interfaces, on real sockets where sockets matter.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must fail there and then"
)]

#[cfg(feature = "gateway")]
mod gateway;
mod support;
