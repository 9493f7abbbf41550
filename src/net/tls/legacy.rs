//! Private keys in OpenSSL's old encrypted PEM (`Proc-Type: 4,ENCRYPTED`).
//!
//! The key is derived by one round of MD5, so the password protects little: it is read because
//! existing installations have such files, never written.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use md5::{Digest, Md5};

use super::error::Problem;
use super::pem::{Section, is_one_sequence};

/// The content of a section that says it is encrypted.
///
/// # Errors
/// What is wrong with the headers, the cipher or the password.
pub(super) fn decrypt(section: &Section, password: &[u8]) -> Result<Vec<u8>, Problem> {
    let info = section
        .header("DEK-Info")
        .and_then(|info| info.split_once(','))
        .ok_or_else(|| Problem::Broken("it is encrypted but has no DEK-Info line".into()))?;
    let (cipher, iv) = (info.0.trim().to_ascii_uppercase(), unhex(info.1.trim())?);
    let salt = iv
        .get(..8)
        .ok_or_else(|| Problem::Broken("its DEK-Info is cut off".into()))?;
    let key = |length| derive(password, salt, length);
    let mut content = section.der.clone();
    match cipher.as_str() {
        "AES-128-CBC" => cbc::<cbc::Decryptor<aes::Aes128>>(&key(16), &iv, &mut content)?,
        "AES-192-CBC" => cbc::<cbc::Decryptor<aes::Aes192>>(&key(24), &iv, &mut content)?,
        "AES-256-CBC" => cbc::<cbc::Decryptor<aes::Aes256>>(&key(32), &iv, &mut content)?,
        "DES-EDE3-CBC" => cbc::<cbc::Decryptor<des::TdesEde3>>(&key(24), &iv, &mut content)?,
        _ => {
            return Err(Problem::Unsupported(format!(
                "its cipher {cipher} is not supported"
            )));
        }
    }
    if is_one_sequence(&content) {
        Ok(content)
    } else {
        Err(Problem::PasswordWrong)
    }
}

/// Decrypts in place and takes the padding off.
fn cbc<C: KeyIvInit + BlockModeDecrypt>(
    key: &[u8],
    iv: &[u8],
    content: &mut Vec<u8>,
) -> Result<(), Problem> {
    let cipher = C::new_from_slices(key, iv)
        .map_err(|_| Problem::Broken("its DEK-Info has an IV of the wrong length".into()))?;
    let length = cipher
        .decrypt_padded::<Pkcs7>(content)
        .map_err(|_| Problem::PasswordWrong)?
        .len();
    content.truncate(length);
    Ok(())
}

/// `EVP_BytesToKey` with MD5 and one round.
fn derive(password: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
    let mut key = Vec::with_capacity(length + 16);
    let mut block = Vec::new();
    while key.len() < length {
        let digest = Md5::new()
            .chain_update(&block)
            .chain_update(password)
            .chain_update(salt);
        block = digest.finalize().to_vec();
        key.extend_from_slice(&block);
    }
    key.truncate(length);
    key
}

fn unhex(text: &str) -> Result<Vec<u8>, Problem> {
    let broken = || Problem::Broken("its DEK-Info is not hexadecimal".into());
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.ok_or_else(broken)?;
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high << 4 | low).map_err(|_| broken()),
            _ => Err(broken()),
        })
        .collect()
}
