//! What can be wrong with a certificate or its key, each with the remedy.

use std::path::{Path, PathBuf};

use crate::domain::time::Timestamp;
use crate::net::dev_ca::DevCaError;

/// TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the files is at fault.
    #[error("the {role} {} ({}) {problem}", path.display(), role.setting())]
    File {
        /// Which of the two.
        role: Role,
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The certificates of our own making could not be made.
    #[error(transparent)]
    Dev(#[from] DevCaError),
    /// rustls refused the settings.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The chain, leaf first.
    Certificate,
    /// The leaf's private key.
    Key,
}

impl Role {
    /// The setting that names the file.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Certificate => "SSL_CERTFILE",
            Self::Key => "SSL_KEYFILE",
        }
    }

    pub(super) fn fault(self, path: &Path, problem: Problem) -> TlsError {
        TlsError::File {
            role: self,
            path: path.to_owned(),
            problem,
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Certificate => "certificate file",
            Self::Key => "private key file",
        })
    }
}

/// What is wrong with a file; reads on after its name.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is no such file.
    #[error("does not exist; put it there, name another, or set SSL_DEV=true for a self-made one")]
    Missing,
    /// There is, but not for us.
    #[error(
        "cannot be read by this process (user id {process}): it belongs to user id {owner}, group \
         {group}, mode {mode:04o}; change its owner or mode, or the service's user"
    )]
    Forbidden {
        /// Whose it is.
        owner: u32,
        /// Whose group's.
        group: u32,
        /// Its permissions.
        mode: u32,
        /// Who we are.
        process: u32,
    },
    /// The kernel failed to read it.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// It is a directory or far too large.
    #[error("is not a PEM file: {0}")]
    NotAFile(&'static str),
    /// There is nothing of the kind in it.
    #[error("holds no `{0}`; it must be PEM")]
    Empty(&'static str),
    /// Its text or its content does not parse.
    #[error("is broken: {0}; replace it")]
    Broken(String),
    /// It cannot be used any more.
    #[error("expired at {}; renew it", .0.to_rfc3339())]
    Expired(Timestamp),
    /// It cannot be used yet.
    #[error("is not valid before {}; check the machine's clock", .0.to_rfc3339())]
    NotYetValid(Timestamp),
    /// The key is another certificate's.
    #[error("does not belong to the certificate in {}; give the pair that was issued together", .0.display())]
    Mismatch(PathBuf),
    /// The key is that of a later certificate of the chain.
    #[error("has the server's own certificate at place {0}; it must come first, then its issuers")]
    LeafNotFirst(usize),
    /// It is encrypted and no password is set.
    #[error("is encrypted; set SSL_KEYFILE_PASSWORD (or SSL_KEYFILE_PASSWORD_FILE)")]
    PasswordMissing,
    /// It is encrypted with another password.
    #[error("cannot be decrypted: wrong SSL_KEYFILE_PASSWORD, or a damaged file")]
    PasswordWrong,
    /// It is too weak or of an algorithm that TLS does not use.
    #[error("cannot be used: {0}; make a new pair, best with P-256 (RSA needs 2048 bits or more)")]
    Unusable(String),
    /// It is in a form that is not supported.
    #[error("cannot be used: {0}; convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc`")]
    Unsupported(String),
}
