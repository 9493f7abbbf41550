//! Sockets: listening, TLS, dialling.
//!
//! Promises: an address is checked before it is dialled and the checked address is the dialled one;
//! a listener never spins; certificates change without a new listener. Knows nothing of HTTP, routes
//! or identities.
//!
//! Start reading at [`listen`] for what comes in, at [`dial`] for what goes out, at [`tls`] for
//! certificates.

pub mod accept;
pub mod dev_ca;
pub mod dial;
pub mod guard;
pub mod idle_io;
pub mod listen;
#[cfg(any(feature = "registry", feature = "gateway", feature = "examples"))]
pub mod outbound;
pub mod roots;
pub mod systemd;
pub mod tls;
