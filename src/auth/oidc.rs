//! What an identity provider publishes: its discovery document and its keys.
//!
//! Promises: addresses come from the settings or lie on the origins that the settings name; answers
//! are bounded in size and time, and redirects are not followed; however many tokens with unknown
//! keys arrive, the provider is asked once per cool-down. Start with [`refresh::KeyFetcher`] for
//! keys, with [`discovery`] for the document.

pub mod address;
pub mod discovery;
pub mod fetch;
pub mod jwks;
pub mod refresh;
