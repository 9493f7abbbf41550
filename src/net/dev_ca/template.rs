//! What the certificates of our own making say.

use std::fmt::Write as _;
use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData, SanType,
};
use time::OffsetDateTime;

use super::{DevCaError, judge};
use crate::domain::time::Timestamp;

/// An authority for ten years that vouches for servers with local names, private addresses and the
/// names asked for; not for further authorities.
pub(super) fn authority(
    asked: &[SanType],
    key: &KeyPair,
    now: Timestamp,
) -> Result<CertificateParams, DevCaError> {
    let mut params = CertificateParams::default();
    let host = super::host_name();
    // Two authorities of one name confuse clients that know both: the key makes it unique.
    let mut mark = String::new();
    for byte in key.der_bytes().iter().rev().take(4) {
        let _ = write!(mark, "{byte:02x}");
    }
    let name = format!(
        "mcp development CA {} {mark}",
        host.as_deref().unwrap_or("localhost")
    );
    params.distinguished_name.push(DnType::CommonName, name);
    params
        .distinguished_name
        .push(DnType::OrganizationName, "mcp");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = moment(now.plus_seconds(-EARLY))?;
    params.not_after = moment(now.plus_seconds(AUTHORITY_LIFE))?;
    let mut permitted: Vec<GeneralSubtree> = LOCAL_ZONES
        .iter()
        .map(|zone| (*zone).to_owned())
        .chain(host)
        .map(GeneralSubtree::DnsName)
        .collect();
    permitted.extend(
        PRIVATE_RANGES
            .iter()
            .filter_map(|(address, length)| Some((address.parse::<IpAddr>().ok()?, *length)))
            .map(|(address, length)| {
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, length))
            }),
    );
    permitted.extend(asked.iter().filter_map(subtree));
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: permitted,
        excluded_subtrees: Vec::new(),
    });
    Ok(params)
}

/// A server's certificate for these names, for 397 days (the longest that all browsers take) or
/// until its authority ends.
pub(super) fn leaf(
    wanted: &[SanType],
    ca_pem: &str,
    now: Timestamp,
) -> Result<CertificateParams, DevCaError> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "mcp development server");
    params.subject_alt_names = wanted.to_vec();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let end = now.plus_seconds(LEAF_LIFE);
    params.not_before = moment(now.plus_seconds(-EARLY))?;
    params.not_after = moment(judge::end_of(ca_pem).map_or(end, |ca| ca.min(end)))?;
    Ok(params)
}

fn subtree(name: &SanType) -> Option<GeneralSubtree> {
    match name {
        SanType::DnsName(name) => {
            let name = name.as_str();
            Some(GeneralSubtree::DnsName(
                name.strip_prefix("*.").unwrap_or(name).to_owned(),
            ))
        }
        SanType::IpAddress(address) => {
            let length = if address.is_ipv4() { 32 } else { 128 };
            Some(GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(
                *address, length,
            )))
        }
        _ => None,
    }
}

fn moment(at: Timestamp) -> Result<OffsetDateTime, DevCaError> {
    OffsetDateTime::from_unix_timestamp(at.unix()).map_err(|_| rcgen::Error::Time.into())
}

const DAY: i64 = 24 * 60 * 60;
/// Clients' clocks may be late.
const EARLY: i64 = 60 * 60;
const AUTHORITY_LIFE: i64 = 3650 * DAY;
const LEAF_LIFE: i64 = 397 * DAY;

/// Zones that nobody owns in public.
const LOCAL_ZONES: [&str; 6] = ["localhost", "local", "test", "internal", "lan", "home.arpa"];
const PRIVATE_RANGES: [(&str, u8); 7] = [
    ("127.0.0.0", 8),
    ("10.0.0.0", 8),
    ("172.16.0.0", 12),
    ("192.168.0.0", 16),
    ("100.64.0.0", 10),
    ("::1", 128),
    ("fc00::", 7),
];
