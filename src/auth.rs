//! Who is calling: credentials to a [`Principal`](crate::domain::principal::Principal).
//!
//! The same code serves registry and gateway; both check tokens in process, from the snapshot's
//! [`Trust`](crate::domain::trust::Trust). Making tokens and sessions is the registry's business.

pub mod api_key;
#[cfg(feature = "registry")]
pub mod gateway_key;
pub mod gateway_token;
pub mod identity;
#[cfg(feature = "registry")]
pub mod issue;
#[cfg(any(feature = "registry", feature = "gateway"))]
pub mod oidc;
#[cfg(feature = "registry")]
pub mod password;
#[cfg(any(feature = "registry", feature = "gateway"))]
pub mod signing;
pub mod verify;
