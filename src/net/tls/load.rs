//! Reading a certificate and its key, and judging whether they can serve.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use rustls::InconsistentKeys;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::error::{Problem, Role, TlsError};
use super::key::private_key;
use super::pem::sections;
use super::source::TlsFiles;
use crate::domain::hex::hex;
use crate::domain::time::Timestamp;
use crate::net::roots::provider;

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertInfo {
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// Host names and addresses that it is for.
    pub names: Vec<String>,
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
}

/// The bytes of both files at one moment.
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    /// Tells two contents apart.
    pub(super) digest: [u8; 32],
}

/// A pair that can serve.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) info: CertInfo,
    pub(super) digest: [u8; 32],
}

/// Reads both files.
///
/// # Errors
/// Why one of them cannot be read.
pub(super) fn read(files: &TlsFiles) -> Result<Contents, TlsError> {
    let one = |role: Role, path: &Path| read_one(path).map_err(|problem| role.fault(path, problem));
    let certificate = one(Role::Certificate, &files.certificate)?;
    let key = one(Role::Key, &files.key)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(&certificate.len().to_le_bytes());
    hash.update(&certificate);
    hash.update(&key);
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    Ok(Contents {
        certificate,
        key,
        digest,
    })
}

/// Makes a pair of the contents that rustls can serve at `now`.
///
/// # Errors
/// What is wrong with which file.
pub(super) fn load(
    files: &TlsFiles,
    contents: &Contents,
    now: Timestamp,
) -> Result<Loaded, TlsError> {
    let of_certificate = |problem| Role::Certificate.fault(&files.certificate, problem);
    let of_key = |problem| Role::Key.fault(&files.key, problem);
    let chain = chain(&contents.certificate).map_err(of_certificate)?;
    let info = inspect(chain.first()).map_err(of_certificate)?;
    let key = private_key(&contents.key, files.password.as_ref()).map_err(of_key)?;
    let key = provider()
        .key_provider
        .load_private_key(key)
        .map_err(|error| of_key(Problem::Unusable(error.to_string())))?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(match place_of_leaf(&pair) {
                Some(place) => of_certificate(Problem::LeafNotFirst(place)),
                None => of_key(Problem::Mismatch(files.certificate.clone())),
            });
        }
        Err(error) => return Err(of_certificate(Problem::Broken(error.to_string()))),
    }
    if info.not_after <= now {
        return Err(of_certificate(Problem::Expired(info.not_after)));
    }
    Ok(Loaded {
        key: Arc::new(pair),
        info,
        digest: contents.digest,
    })
}

/// True if anybody on the machine may read the file.
pub(super) fn is_world_readable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.mode() & 0o004 != 0)
}

fn read_one(path: &Path) -> Result<Vec<u8>, Problem> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Problem::Missing,
        io::ErrorKind::PermissionDenied => forbidden(path, error),
        _ => Problem::Unreadable(error),
    };
    let about = std::fs::metadata(path).map_err(failed)?;
    if about.is_dir() {
        return Err(Problem::NotAFile("it is a directory"));
    }
    if about.len() > LARGEST_FILE {
        return Err(Problem::NotAFile("it is larger than 1 MiB"));
    }
    std::fs::read(path).map_err(failed)
}

/// Names the owner of the file, or of the nearest directory that keeps us out.
fn forbidden(path: &Path, error: io::Error) -> Problem {
    let Some(about) = path
        .ancestors()
        .find_map(|place| std::fs::metadata(place).ok())
    else {
        return Problem::Unreadable(error);
    };
    Problem::Forbidden {
        owner: about.uid(),
        group: about.gid(),
        mode: about.mode() & 0o7777,
        process: rustix::process::geteuid().as_raw(),
    }
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let chain: Vec<_> = sections(pem)
        .map_err(Problem::Broken)?
        .into_iter()
        .filter(|section| section.label == "CERTIFICATE")
        .map(|section| CertificateDer::from(section.der))
        .collect();
    if chain.is_empty() {
        Err(Problem::Empty("BEGIN CERTIFICATE"))
    } else {
        Ok(chain)
    }
}

/// What the first certificate says of itself.
fn inspect(leaf: Option<&CertificateDer<'_>>) -> Result<CertInfo, Problem> {
    let leaf = leaf.ok_or(Problem::Empty("BEGIN CERTIFICATE"))?;
    let (_, parsed) =
        X509Certificate::from_der(leaf).map_err(|error| Problem::Broken(error.to_string()))?;
    let fingerprint = hex(digest::digest(&digest::SHA256, leaf).as_ref());
    Ok(CertInfo {
        not_before: Timestamp::from_unix(parsed.validity().not_before.timestamp()),
        not_after: Timestamp::from_unix(parsed.validity().not_after.timestamp()),
        names: names_of(&parsed),
        fingerprint,
    })
}

/// Host names and addresses that a certificate is for.
pub(in crate::net) fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = names.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(octets) => match octets {
                [a, b, c, d] => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
                _ => <[u8; 16]>::try_from(*octets)
                    .ok()
                    .map(|octets| std::net::Ipv6Addr::from(octets).to_string()),
            },
            _ => None,
        })
        .collect()
}

/// At which place (from 1) of the chain the key's own certificate is, if it is there at all.
fn place_of_leaf(pair: &CertifiedKey) -> Option<usize> {
    let place = pair.cert.iter().position(|certificate| {
        CertifiedKey::new(vec![certificate.clone()], Arc::clone(&pair.key))
            .keys_match()
            .is_ok()
    })?;
    Some(place + 1)
}

const LARGEST_FILE: u64 = 1024 * 1024;
