use proptest::prelude::*;

use super::*;

fn check(guard: &AddressGuard, address: &str) -> Result<(), Refused> {
    guard.check(address.parse().unwrap())
}

/// What a URL with this host is told at registration.
fn registered(guard: &AddressGuard, host: &str) -> Result<(), Refused> {
    let url = url::Url::parse(&format!("http://{host}/mcp")).unwrap();
    guard.check_host_text(&url.host().unwrap())
}

#[test]
fn loopback_private_and_public_addresses_are_dialled_by_default() {
    let guard = AddressGuard::default();
    for address in [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "100.64.0.1",
        "8.8.8.8",
        "1.1.1.1",
        "fd12:3456::1",
        "2606:4700::1111",
        "::ffff:10.0.0.1",
        "64:ff9b::8.8.8.8",
        "2002:0808:0808::1",
    ] {
        assert_eq!(check(&guard, address), Ok(()), "{address}");
    }
}

#[test]
fn what_is_never_dialled_is_refused_with_its_reason() {
    let guard = AddressGuard::default();
    for (address, reason) in [
        ("169.254.0.1", Refused::LinkLocal),
        ("169.254.255.255", Refused::LinkLocal),
        ("169.254.169.254", Refused::Metadata),
        ("169.254.170.2", Refused::Metadata),
        ("100.100.100.200", Refused::Metadata),
        ("fd00:ec2::254", Refused::Metadata),
        ("fd20:ce::254", Refused::Metadata),
        ("fe80::1", Refused::LinkLocal),
        ("febf::1", Refused::LinkLocal),
        ("0.0.0.0", Refused::Unspecified),
        ("0.1.2.3", Refused::Unspecified),
        ("::", Refused::Unspecified),
        ("224.0.0.1", Refused::Multicast),
        ("239.255.255.255", Refused::Multicast),
        ("ff02::1", Refused::Multicast),
        ("255.255.255.255", Refused::Broadcast),
    ] {
        assert_eq!(check(&guard, address), Err(reason), "{address}");
    }
}

#[test]
fn an_address_inside_an_address_is_what_counts() {
    let guard = AddressGuard::default();
    for (address, reason) in [
        ("::ffff:169.254.169.254", Refused::Metadata),
        ("::ffff:a9fe:a9fe", Refused::Metadata),
        ("::169.254.169.254", Refused::Metadata),
        ("::ffff:0:169.254.169.254", Refused::Metadata),
        ("64:ff9b::169.254.169.254", Refused::Metadata),
        ("64:ff9b:1::169.254.169.254", Refused::Metadata),
        ("2002:a9fe:a9fe::1", Refused::Metadata),
        // Teredo: the client inverted in the last four bytes, the server in clear.
        ("2001:0:808:808:0:0:5601:5601", Refused::Metadata),
        ("2001:0:a9fe:a9fe:0:0:f7f7:f7f7", Refused::Metadata),
        ("2001:db8::200:5efe:169.254.169.254", Refused::Metadata),
        ("::ffff:0.0.0.0", Refused::Unspecified),
        ("::ffff:224.0.0.1", Refused::Multicast),
    ] {
        assert_eq!(check(&guard, address), Err(reason), "{address}");
    }
}

#[test]
fn strict_dials_only_the_listed_ranges_and_metadata_not_even_then() {
    let ranges = [
        "10.1.0.0/16",
        "169.254.0.0/16",
        "fd00::/8",
        "0.0.0.0/8",
        "fe80::/10",
    ];
    let guard = AddressGuard::strict(ranges.iter().map(|range| range.parse().unwrap()).collect());
    assert_eq!(check(&guard, "10.1.2.3"), Ok(()));
    assert_eq!(check(&guard, "::ffff:10.1.2.3"), Ok(()));
    assert_eq!(check(&guard, "64:ff9b::10.1.2.3"), Ok(()));
    assert_eq!(check(&guard, "fd12::1"), Ok(()));
    for address in [
        "10.2.0.1",
        "127.0.0.1",
        "::1",
        "8.8.8.8",
        "2606:4700::1111",
        "192.168.0.1",
    ] {
        assert_eq!(
            check(&guard, address),
            Err(Refused::NotAllowed),
            "{address}"
        );
    }
    assert_eq!(check(&guard, "169.254.169.254"), Err(Refused::Metadata));
    assert_eq!(check(&guard, "fd00:ec2::254"), Err(Refused::Metadata));
    assert_eq!(check(&guard, "169.254.1.1"), Err(Refused::LinkLocal));
    assert_eq!(check(&guard, "fe80::1"), Err(Refused::LinkLocal));
    assert_eq!(check(&guard, "0.0.0.0"), Err(Refused::Unspecified));
}

#[test]
fn strict_with_an_empty_list_dials_nothing() {
    let guard = AddressGuard::strict(Vec::new());
    assert_eq!(check(&guard, "127.0.0.1"), Err(Refused::NotAllowed));
    assert_eq!(check(&guard, "8.8.8.8"), Err(Refused::NotAllowed));
}

#[test]
fn every_spelling_of_a_metadata_address_is_refused_at_registration() {
    let guard = AddressGuard::default();
    for host in [
        "169.254.169.254",
        "169.254.169.254.",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "0xa9.0xfe.0xa9.0xfe",
        "169.254.43518",
        "169.16689662",
        "[::ffff:169.254.169.254]",
        "user:pass@169.254.169.254",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "instance-data",
        "metadata",
        "%6detadata.goog",
        "１６９.254.169.254",
    ] {
        assert_eq!(registered(&guard, host), Err(Refused::Metadata), "{host}");
    }
    assert_eq!(registered(&guard, "0"), Err(Refused::Unspecified));
    assert_eq!(registered(&guard, "[fe80::1]"), Err(Refused::LinkLocal));
    assert!(
        url::Url::parse("http://[fe80::1%25eth0]/").is_err(),
        "zone ids are no URL hosts"
    );
}

#[test]
fn ordinary_names_pass_at_registration() {
    let guard = AddressGuard::default();
    for host in [
        "localhost",
        "example.com",
        "fininfo-server",
        "bücher.example",
        "127.1",
        "[::1]",
    ] {
        assert_eq!(registered(&guard, host), Ok(()), "{host}");
    }
}

#[test]
fn blocked_ports_are_refused_and_none_is_by_default() {
    assert_eq!(AddressGuard::default().check_port(22), Ok(()));
    let guard = AddressGuard {
        blocked_ports: vec![22, 25],
        ..AddressGuard::default()
    };
    assert_eq!(guard.check_port(25), Err(Refused::Port));
    assert_eq!(guard.check_port(443), Ok(()));
}

proptest! {
    #[test]
    fn an_ipv4_address_gets_the_same_verdict_in_every_ipv6_dress(bits: u32, strict: bool) {
        let guard = if strict {
            AddressGuard::strict(vec!["0.0.0.0/1".parse().unwrap()])
        } else {
            AddressGuard::default()
        };
        // All zero but the last bit would be the IPv6 loopback in one of the dresses.
        prop_assume!(bits > 1);
        let plain = Ipv4Addr::from(bits);
        let verdict = guard.check(plain.into());
        let [a, b, c, d] = plain.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        for dress in [
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 7, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !high, !low),
        ] {
            prop_assert_eq!(guard.check(dress.into()), verdict, "{}", dress);
        }
    }

    #[test]
    fn nothing_that_is_allowed_is_link_local(bits: u128) {
        let address = Ipv6Addr::from(bits);
        if AddressGuard::default().check(address.into()).is_ok() {
            prop_assert!(!address.is_unicast_link_local());
            prop_assert!(!address.is_multicast());
            if let Some(v4) = address.to_ipv4_mapped() {
                prop_assert!(!v4.is_link_local());
            }
        }
    }
}
