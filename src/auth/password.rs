//! Passwords of local users: Argon2id, compared in constant time.

use std::fmt;

use argon2::Argon2;
use aws_lc_rs::constant_time::verify_slices_are_equal;

/// A salted Argon2id hash.
#[derive(Clone)]
pub struct PasswordHash {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl PasswordHash {
    /// Hashes a password; slow on purpose, so call it where blocking is fine.
    ///
    /// # Errors
    /// [`Failed`] without randomness or memory.
    pub fn new(password: &str) -> Result<Self, Failed> {
        let mut salt = [0; 16];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| Failed)?;
        Ok(Self {
            hash: derive(password, &salt)?,
            salt,
        })
    }

    /// Whether it is this password; as slow as hashing, whatever the answer.
    ///
    /// # Errors
    /// [`Failed`] without memory.
    pub fn verify(&self, password: &str) -> Result<bool, Failed> {
        let shown = derive(password, &self.salt)?;
        Ok(verify_slices_are_equal(&self.hash, &shown).is_ok())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(***)")
    }
}

/// Hashing was not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not hash a password: no randomness or not enough memory")]
pub struct Failed;

fn derive(password: &str, salt: &[u8]) -> Result<[u8; 32], Failed> {
    let mut hash = [0; 32];
    Argon2::default()
        .hash_password_into(password.as_bytes(), salt, &mut hash)
        .map_err(|_| Failed)?;
    Ok(hash)
}

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
            hash.hash,
            PasswordHash::new("correct horse").unwrap().hash,
            "salted"
        );
    }
}
