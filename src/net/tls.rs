//! TLS of a listener: certificates from files or of our own making, reloaded by content.
//!
//! Promises: TLS 1.2 and 1.3 only, no early data; a start with a certificate that cannot serve fails
//! with one line that names file, reason and remedy; afterwards a bad new file never replaces a good
//! old one, and a good one needs no new listener. Must not log keys or passwords.
//!
//! Start reading at [`ServerCerts::from_config`].
//!
//! # Why
//! Files are compared by content, because certificates come in mounted directories whose links are
//! swapped, where modification times and inotify both mislead.

mod certs;
mod error;
mod key;
mod legacy;
mod load;
mod pem;
mod source;
mod watch;

pub use certs::{Reload, ServerCerts};
pub use error::{Problem, Role, TlsError};
pub use load::CertInfo;
pub(in crate::net) use load::names_of;
pub use source::{DevFiles, TlsFiles, TlsSource};
