//! Which addresses may be dialled.
//!
//! Promises: link-local, metadata, unspecified, multicast and broadcast addresses are refused always,
//! in every spelling; an IPv6 address that carries an IPv4 one is judged by that. It resolves no
//! names: [`super::dial`] does, and dials exactly what was checked here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::config::NetworkConfig;

/// Why an address may not be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// 169.254.0.0/16 or `fe80::/10`.
    #[error("link-local addresses are never dialled")]
    LinkLocal,
    /// A cloud's metadata service.
    #[error("metadata services are never dialled")]
    Metadata,
    /// 0.0.0.0/8 or `::`.
    #[error("the unspecified address is never dialled")]
    Unspecified,
    /// 224.0.0.0/4 or `ff00::/8`.
    #[error("multicast addresses are never dialled")]
    Multicast,
    /// 255.255.255.255.
    #[error("the broadcast address is never dialled")]
    Broadcast,
    /// Strict, and in none of the operator's ranges.
    #[error("the address is not in `network.allowed_ranges`, and `network.strict` is on")]
    NotAllowed,
    /// On the operator's list of blocked ports.
    #[error("the port is in `network.blocked_ports`")]
    Port,
}

impl Refused {
    /// Label for metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::LinkLocal => "link_local",
            Self::Metadata => "metadata",
            Self::Unspecified => "unspecified",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::NotAllowed => "not_allowed",
            Self::Port => "port",
        }
    }
}

/// The rule of one process, from its settings.
#[derive(Clone, Debug, Default)]
pub struct AddressGuard {
    strict: bool,
    allowed_ranges: Vec<IpNet>,
    blocked_ports: Vec<u16>,
}

impl AddressGuard {
    /// The rule of these settings.
    pub fn new(config: &NetworkConfig) -> Self {
        Self {
            strict: config.strict,
            allowed_ranges: config.allowed_ranges.clone(),
            blocked_ports: config.blocked_ports.clone(),
        }
    }

    /// Only these ranges, whatever else.
    pub const fn strict(allowed_ranges: Vec<IpNet>) -> Self {
        Self {
            strict: true,
            allowed_ranges,
            blocked_ports: Vec::new(),
        }
    }

    /// May this address be dialled?
    ///
    /// # Errors
    /// The reason, where not.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let carried = Carried::of(address);
        for address in carried.iter() {
            never(address)?;
            if self.strict
                && !self
                    .allowed_ranges
                    .iter()
                    .any(|range| range.contains(&address))
            {
                return Err(Refused::NotAllowed);
            }
        }
        Ok(())
    }

    /// May this port be dialled?
    ///
    /// # Errors
    /// [`Refused::Port`] where not.
    pub fn check_port(&self, port: u16) -> Result<(), Refused> {
        if self.blocked_ports.contains(&port) {
            Err(Refused::Port)
        } else {
            Ok(())
        }
    }

    /// May a URL with this host be registered? Names are only compared with those of metadata
    /// services; what they resolve to is checked at each connect.
    ///
    /// # Errors
    /// The reason, where not.
    pub fn check_host_text<S: AsRef<str>>(&self, host: &url::Host<S>) -> Result<(), Refused> {
        match host {
            url::Host::Ipv4(address) => self.check((*address).into()),
            url::Host::Ipv6(address) => self.check((*address).into()),
            url::Host::Domain(name) => self.check_name(name.as_ref()),
        }
    }

    /// [`AddressGuard::check_host_text`] for a host as text, brackets of IPv6 included or not.
    ///
    /// # Errors
    /// The reason, where not.
    pub fn check_name(&self, name: &str) -> Result<(), Refused> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if let Some(address) = literal(&name) {
            return self.check(address);
        }
        if METADATA_NAMES.contains(&name.as_str()) {
            return Err(Refused::Metadata);
        }
        Ok(())
    }
}

/// An address written as text, in brackets or not.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let host = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    host.parse().ok()
}

/// What is refused whatever the settings say.
fn never(address: IpAddr) -> Result<(), Refused> {
    if METADATA.contains(&address) {
        return Err(Refused::Metadata);
    }
    let (unspecified, link_local) = match address {
        IpAddr::V4(v4) => (v4.octets().starts_with(&[0]), v4.is_link_local()),
        IpAddr::V6(v6) => (v6.is_unspecified(), v6.is_unicast_link_local()),
    };
    if unspecified {
        Err(Refused::Unspecified)
    } else if link_local {
        Err(Refused::LinkLocal)
    } else if address.is_multicast() {
        Err(Refused::Multicast)
    } else if address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Err(Refused::Broadcast)
    } else {
        Ok(())
    }
}

/// What a packet to an address really reaches: the address itself, or the IPv4 ones inside it
/// (Teredo has two: the server and the client).
struct Carried(IpAddr, Option<Ipv4Addr>);

impl Carried {
    fn of(address: IpAddr) -> Self {
        let IpAddr::V6(v6) = address else {
            return Self(address, None);
        };
        let segments = v6.segments();
        let [_, first, second, third, .., sixth, seventh] = segments;
        let last = v4(sixth, seventh);
        match segments {
            // IPv4-mapped, translated (RFC 2765); NAT64, well-known and local-use prefixes.
            [0, 0, 0, 0, 0, 0xffff, ..]
            | [0, 0, 0, 0, 0xffff, 0, ..]
            | [0x64, 0xff9b, 0, 0, 0, 0, ..]
            | [0x64, 0xff9b, 1, ..] => Self(last.into(), None),
            // IPv4-compatible.
            [0, 0, 0, 0, 0, 0, ..] if !v6.is_unspecified() && !v6.is_loopback() => {
                Self(last.into(), None)
            }
            // 6to4.
            [0x2002, ..] => Self(v4(first, second).into(), None),
            // Teredo: server in clear, client inverted.
            [0x2001, 0, ..] => Self(v4(second, third).into(), Some(v4(!sixth, !seventh))),
            // ISATAP. Link-local ones stay what they are.
            [_, _, _, _, 0 | 0x0200, 0x5efe, ..] if !v6.is_unicast_link_local() => {
                Self(last.into(), None)
            }
            _ => Self(address, None),
        }
    }

    fn iter(&self) -> impl Iterator<Item = IpAddr> {
        std::iter::once(self.0).chain(self.1.map(IpAddr::V4))
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

/// Metadata services outside 169.254.0.0/16: Alibaba, Azure, Oracle, AWS (three), Google.
const METADATA: [IpAddr; 9] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Names under which metadata services are known.
const METADATA_NAMES: [&str; 8] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "metadata.azure.com",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
];

#[cfg(test)]
mod tests;
