//! A private key out of PEM: PKCS#8, PKCS#1, SEC1, plain or encrypted.

use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use super::error::Problem;
use super::legacy;
use super::pem::{Section, is_one_sequence, sections};
use crate::domain::secret::Secret;

/// The first private key of a file; a password that is not needed is passed over.
///
/// # Errors
/// What is wrong with the file or the password.
pub(super) fn private_key(
    bytes: &[u8],
    password: Option<&Secret<String>>,
) -> Result<PrivateKeyDer<'static>, Problem> {
    let section = sections(bytes)
        .map_err(Problem::Broken)?
        .into_iter()
        .find(|section| section.label.ends_with("PRIVATE KEY"))
        .ok_or(Problem::Empty("BEGIN PRIVATE KEY"))?;
    let password = || password.map(|secret| secret.expose().as_bytes());
    let der = if section.label == "ENCRYPTED PRIVATE KEY" {
        pkcs8(&section, password().ok_or(Problem::PasswordMissing)?)?
    } else if section
        .header("Proc-Type")
        .is_some_and(|value| value.contains("ENCRYPTED"))
    {
        legacy::decrypt(&section, password().ok_or(Problem::PasswordMissing)?)?
    } else if is_one_sequence(&section.der) {
        section.der
    } else {
        return Err(Problem::Broken(format!(
            "the content of `{}` is no key",
            section.label
        )));
    };
    match section.label.as_str() {
        "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => Ok(PrivatePkcs8KeyDer::from(der).into()),
        "RSA PRIVATE KEY" => Ok(PrivatePkcs1KeyDer::from(der).into()),
        "EC PRIVATE KEY" => Ok(PrivateSec1KeyDer::from(der).into()),
        other => Err(Problem::Unsupported(format!(
            "a `{other}` is no key for TLS"
        ))),
    }
}

fn pkcs8(section: &Section, password: &[u8]) -> Result<Vec<u8>, Problem> {
    let sealed = EncryptedPrivateKeyInfoRef::try_from(section.der.as_slice())
        .map_err(|error| Problem::Broken(error.to_string()))?;
    match sealed.decrypt(password) {
        Ok(plain) => Ok(plain.as_bytes().to_vec()),
        Err(pkcs8::Error::EncryptedPrivateKey(
            error @ (pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. }
            | pkcs8::pkcs5::Error::NoPbes1CryptSupport
            | pkcs8::pkcs5::Error::AlgorithmParametersInvalid { .. }),
        )) => Err(Problem::Unsupported(error.to_string())),
        Err(_) => Err(Problem::PasswordWrong),
    }
}
