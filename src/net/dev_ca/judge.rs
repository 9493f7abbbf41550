//! Whether certificates that were made before still serve.

use std::net::IpAddr;

use rcgen::{KeyPair, PublicKeyData, SanType};
use x509_parser::extensions::GeneralName;
use x509_parser::pem::{Pem, parse_x509_pem};
use x509_parser::prelude::X509Certificate;

use crate::domain::time::Timestamp;
use crate::net::tls::names_of;

/// Whether the authority lasts for another leaf and may vouch for these names.
pub(super) fn authority_serves(ca_pem: &str, asked: &[SanType], now: Timestamp) -> bool {
    end_of(ca_pem).is_some_and(|end| end > now.plus_seconds(RENEW_AHEAD))
        && may_vouch_for(ca_pem, asked)
}

/// Whether a leaf is this authority's, for exactly these names, and not near its end.
pub(super) fn leaf_serves(pem: &str, ca_pem: &str, wanted: &[SanType], now: Timestamp) -> bool {
    let (Ok(leaf), Ok(ca)) = (document(pem), document(ca_pem)) else {
        return false;
    };
    let (Ok(leaf), Ok(ca)) = (leaf.parse_x509(), ca.parse_x509()) else {
        return false;
    };
    let (begin, end) = (
        leaf.validity().not_before.timestamp(),
        leaf.validity().not_after.timestamp(),
    );
    let mut names = names_of(&leaf);
    let mut wanted: Vec<String> = wanted.iter().filter_map(text).collect();
    names.sort_unstable();
    wanted.sort_unstable();
    names == wanted
        && begin <= now.unix()
        && end > now.plus_seconds(RENEW_AHEAD).unix()
        && leaf.issuer() == ca.subject()
        && leaf.verify_signature(Some(ca.public_key())).is_ok()
}

/// Whether the name constraints of an authority let these names through.
pub(super) fn may_vouch_for(ca_pem: &str, names: &[SanType]) -> bool {
    let Ok(ca) = document(ca_pem) else {
        return false;
    };
    let Ok(ca) = ca.parse_x509() else {
        return false;
    };
    let Ok(Some(constraints)) = ca.name_constraints() else {
        return true;
    };
    let Some(permitted) = &constraints.value.permitted_subtrees else {
        return true;
    };
    names
        .iter()
        .all(|name| permitted.iter().any(|subtree| covers(&subtree.base, name)))
}

/// When a certificate ends.
pub(super) fn end_of(pem: &str) -> Option<Timestamp> {
    let document = document(pem).ok()?;
    let certificate = document.parse_x509().ok()?;
    Some(Timestamp::from_unix(
        certificate.validity().not_after.timestamp(),
    ))
}

/// Whether a certificate is for this key.
///
/// # Errors
/// A sentence about what is wrong.
pub(super) fn is_pair(pem: &str, key: &KeyPair) -> Result<(), String> {
    let document = document(pem)?;
    let certificate: X509Certificate<'_> =
        document.parse_x509().map_err(|error| error.to_string())?;
    if certificate.public_key().subject_public_key.data.as_ref() == key.der_bytes() {
        Ok(())
    } else {
        Err("it does not belong to its key".to_owned())
    }
}

/// Whether this is a host name as certificates carry them.
pub(super) fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253
        && name.split('.').all(label)
        && name
            .rsplit('.')
            .next()
            .is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()))
}

fn document(pem: &str) -> Result<Pem, String> {
    parse_x509_pem(pem.as_bytes())
        .map(|(_, document)| document)
        .map_err(|error| error.to_string())
}

fn covers(subtree: &GeneralName<'_>, name: &SanType) -> bool {
    match (subtree, name) {
        (GeneralName::DNSName(zone), SanType::DnsName(name)) => {
            let name = name.as_str();
            let name = name.strip_prefix("*.").unwrap_or(name);
            name == *zone
                || name
                    .strip_suffix(zone)
                    .is_some_and(|rest| rest.ends_with('.'))
        }
        (GeneralName::IPAddress(range), SanType::IpAddress(address)) => {
            let octets = match address {
                IpAddr::V4(v4) => v4.octets().to_vec(),
                IpAddr::V6(v6) => v6.octets().to_vec(),
            };
            let Some((base, mask)) = range.split_at_checked(octets.len()) else {
                return false;
            };
            mask.len() == octets.len()
                && octets
                    .iter()
                    .zip(base)
                    .zip(mask)
                    .all(|((one, other), mask)| one & mask == other & mask)
        }
        _ => false,
    }
}

fn text(name: &SanType) -> Option<String> {
    match name {
        SanType::DnsName(name) => Some(name.as_str().to_owned()),
        SanType::IpAddress(address) => Some(address.to_string()),
        _ => None,
    }
}

/// A leaf is renewed so many seconds before its end.
const RENEW_AHEAD: i64 = 30 * 24 * 60 * 60;
