//! Keys in every form, made here and by the `openssl` command where there is one.

use std::fmt::Write as _;
use std::process::Command;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::pkcs5::pbes2;
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};

use super::*;

fn armour(label: &str, headers: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n{headers}");
    for line in text.as_bytes().chunks(64) {
        writeln!(pem, "{}", std::str::from_utf8(line).unwrap()).unwrap();
    }
    writeln!(pem, "-----END {label}-----").unwrap();
    pem
}

/// PKCS#8 encrypted with few rounds, so that tests are quick.
pub(super) fn encrypted_pkcs8(key: &KeyPair, password: &str) -> String {
    let der = key.serialize_der();
    let info = PrivateKeyInfoRef::try_from(der.as_slice()).unwrap();
    let params = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(100, &[5; 16], [6; 16]);
    let sealed = info.encrypt_with_params(params.unwrap(), password).unwrap();
    armour("ENCRYPTED PRIVATE KEY", "", sealed.as_bytes())
}

/// What PKCS#8 wraps: SEC1 or PKCS#1.
fn inner(key: &KeyPair) -> Vec<u8> {
    let der = key.serialize_der();
    PrivateKeyInfoRef::try_from(der.as_slice())
        .unwrap()
        .private_key
        .as_bytes()
        .to_vec()
}

/// The legacy form of an inner key.
fn legacy<C: KeyIvInit + BlockModeEncrypt>(
    label: &str,
    cipher: &str,
    key_length: usize,
    iv: &[u8],
    der: &[u8],
    password: &str,
) -> String {
    let mut key = Vec::new();
    while key.len() < key_length {
        let last = key.len().saturating_sub(16);
        let digest = Md5::new()
            .chain_update(&key[last..])
            .chain_update(password)
            .chain_update(&iv[..8]);
        key.extend(digest.finalize());
    }
    let mut content = der.to_vec();
    content.resize(der.len() + 16, 0);
    let sealed = C::new_from_slices(&key[..key_length], iv)
        .unwrap()
        .encrypt_padded::<Pkcs7>(&mut content, der.len())
        .unwrap();
    let iv = iv.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").unwrap();
        text
    });
    armour(
        label,
        &format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: {cipher},{iv}\n\n"),
        sealed,
    )
}

fn pairs() -> [(Pair, &'static str); 2] {
    [
        (&PKCS_ECDSA_P256_SHA256, "EC PRIVATE KEY"),
        (&PKCS_RSA_SHA256, "RSA PRIVATE KEY"),
    ]
    .map(|(algorithm, label)| {
        let mut pair = Pair::new("x");
        pair.key = KeyPair::generate_for(algorithm).unwrap();
        pair.write_certificate(&pair.certificate("x", -DAY, DAY));
        (pair, label)
    })
}

type Aes<K> = cbc::Encryptor<K>;

/// The right password loads, a wrong one and none say what is the matter.
fn assert_needs_password(pair: &Pair, form: &str) {
    pair.load_with("right")
        .unwrap_or_else(|error| panic!("{form}: {error}"));
    let wrong = one_line(&pair.load_with("wrong").unwrap_err());
    assert!(
        wrong.contains("wrong SSL_KEYFILE_PASSWORD"),
        "{form}: {wrong}"
    );
    assert!(
        !wrong.contains("\"wrong\"") && !wrong.contains("right"),
        "{form}: {wrong}"
    );
    let none = one_line(&pair.load().unwrap_err());
    assert!(
        none.contains("is encrypted; set SSL_KEYFILE_PASSWORD"),
        "{form}: {none}"
    );
}

#[test]
fn plain_keys_load_as_pkcs8_sec1_and_pkcs1_and_ignore_a_password() {
    for (pair, label) in pairs() {
        for pem in [
            pair.key.serialize_pem(),
            armour(label, "", &inner(&pair.key)),
        ] {
            pair.write_key(&format!("some text\r\n{}", pem.replace('\n', "\r\n")));
            pair.load().unwrap();
            pair.load_with("not needed").unwrap();
        }
    }
}

#[test]
fn encrypted_pkcs8_loads_with_the_right_password_only() {
    for (pair, label) in pairs() {
        pair.write_key(&encrypted_pkcs8(&pair.key, "right"));
        assert_needs_password(&pair, label);
    }
}

#[test]
fn legacy_encrypted_pem_loads_with_the_right_password_only() {
    for (pair, label) in pairs() {
        let der = inner(&pair.key);
        let iv = [0xa5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        let pw = "right";
        for (cipher, pem) in [
            (
                "AES-128-CBC",
                legacy::<Aes<aes::Aes128>>(label, "AES-128-CBC", 16, &iv, &der, pw),
            ),
            (
                "AES-192-CBC",
                legacy::<Aes<aes::Aes192>>(label, "AES-192-CBC", 24, &iv, &der, pw),
            ),
            (
                "AES-256-CBC",
                legacy::<Aes<aes::Aes256>>(label, "AES-256-CBC", 32, &iv, &der, pw),
            ),
            (
                "DES-EDE3-CBC",
                legacy::<Aes<des::TdesEde3>>(label, "DES-EDE3-CBC", 24, &iv[..8], &der, pw),
            ),
        ] {
            pair.write_key(&pem);
            assert_needs_password(&pair, cipher);
        }
    }
}

#[test]
fn broken_legacy_headers_are_one_line_too() {
    let pair = Pair::new("x");
    for (headers, expected) in [
        ("Proc-Type: 4,ENCRYPTED\n\n", "no DEK-Info"),
        (
            "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,zz\n\n",
            "not hexadecimal",
        ),
        (
            "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n",
            "cut off",
        ),
        (
            "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011223344556677\n\n",
            "wrong length",
        ),
        (
            "Proc-Type: 4,ENCRYPTED\nDEK-Info: RC2-CBC,0011223344556677\n\n",
            "RC2-CBC",
        ),
    ] {
        pair.write_key(&armour("EC PRIVATE KEY", headers, &[0; 32]));
        let error = one_line(&pair.load_with("right").unwrap_err());
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

/// Keys as the `openssl` command writes them. Does nothing where there is none: the forms are
/// covered above by keys made here.
#[test]
fn keys_encrypted_by_openssl_load() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    for (pair, _) in pairs() {
        fs::write(pair.path("plain.pem"), pair.key.serialize_pem()).unwrap();
        for form in [
            "pkey -traditional -aes128",
            "pkey -traditional -aes192",
            "pkey -traditional -aes256",
            "pkey -traditional -des3",
            "pkcs8 -topk8 -iter 100 -v2 aes-128-cbc",
            "pkcs8 -topk8 -iter 100 -v2 aes-256-cbc -v2prf hmacWithSHA512",
            "pkcs8 -topk8 -iter 100 -v2 aes-256-cbc -v2prf hmacWithSHA1",
            "pkcs8 -topk8 -iter 100 -v2 des3",
            "pkcs8 -topk8 -scrypt -scrypt_N 1024 -scrypt_r 8 -scrypt_p 1",
        ] {
            let made = Command::new("openssl")
                .args(form.split_whitespace())
                .args(["-passout", "pass:right", "-in"])
                .arg(pair.path("plain.pem"))
                .arg("-out")
                .arg(pair.path("key.pem"))
                .output()
                .unwrap();
            assert!(
                made.status.success(),
                "{form}: {}",
                String::from_utf8_lossy(&made.stderr)
            );
            assert_needs_password(&pair, form);
        }
    }
}

#[test]
fn an_rsa_key_that_is_too_short_is_said_to_be_so() {
    let pair = Pair::new("x");
    let Ok(made) = Command::new("openssl").args(["genrsa", "1024"]).output() else {
        return;
    };
    pair.write_key(&String::from_utf8(made.stdout).unwrap());
    let error = one_line(&pair.load().unwrap_err());
    assert!(
        error.contains("key.pem") && error.contains("RSA needs 2048 bits"),
        "{error}"
    );
}
