//! Passwords of local users: Argon2id, compared in constant time.

use std::fmt;

use argon2::Argon2;
use argon2::password_hash::{self, PasswordHasher as _, PasswordVerifier as _, phc};

use crate::domain::secret::Secret;

/// A salted Argon2id hash, with its parameters.
#[derive(Clone)]
pub struct PasswordHash(phc::PasswordHash);

impl PasswordHash {
    /// Hashes a password; slow on purpose, so call it where blocking is fine.
    ///
    /// # Errors
    /// [`Failed`] without randomness or memory.
    pub fn new(password: &str) -> Result<Self, Failed> {
        let mut salt = [0; 16];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| Failed)?;
        Argon2::default()
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map(Self)
            .map_err(|_| Failed)
    }

    /// From a PHC string.
    ///
    /// # Errors
    /// [`Failed`] when it is none.
    pub fn parse(text: &str) -> Result<Self, Failed> {
        phc::PasswordHash::new(text).map(Self).map_err(|_| Failed)
    }

    /// As a PHC string, for the database.
    pub fn to_phc(&self) -> Secret<String> {
        Secret::new(self.0.to_string())
    }

    /// Whether it is this password; as slow as hashing, whatever the answer.
    ///
    /// # Errors
    /// [`Failed`] without memory.
    pub fn verify(&self, password: &str) -> Result<bool, Failed> {
        match Argon2::default().verify_password(password.as_bytes(), &self.0) {
            Ok(()) => Ok(true),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(_) => Err(Failed),
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(***)")
    }
}

/// Hashing was not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not hash a password: no randomness, not enough memory, or not a hash")]
pub struct Failed;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_password_only() {
        let hash = PasswordHash::new("correct horse").unwrap();
        assert!(hash.verify("correct horse").unwrap());
        assert!(!hash.verify("correct horse ").unwrap());
        assert!(!hash.verify("").unwrap());
        assert_ne!(
            hash.to_phc(),
            PasswordHash::new("correct horse").unwrap().to_phc(),
            "salted"
        );
    }

    #[test]
    fn comes_back_from_its_text() {
        let hash = PasswordHash::new("correct horse").unwrap();
        let text = hash.to_phc();
        assert!(text.expose().starts_with("$argon2id$v=19$m="));
        let again = PasswordHash::parse(text.expose()).unwrap();
        assert!(again.verify("correct horse").unwrap() && !again.verify("wrong").unwrap());
        assert!(PasswordHash::parse("$1$x").is_err() && PasswordHash::parse("").is_err());
    }
}
