use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rcgen::Issuer;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tempfile::TempDir;

use super::*;
use crate::net::roots::provider;

const DAY: i64 = 86_400;

struct Place {
    root: TempDir,
    clock: Clock,
}

impl Place {
    fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_unix(1_800_000_000));
        Self {
            root: tempfile::tempdir().unwrap(),
            clock,
        }
    }

    fn directory(&self) -> PathBuf {
        self.root.path().join("ssl/dev")
    }

    fn ensure(&self, names: &[&str]) -> DevCerts {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        ensure(&self.directory(), &names, &self.clock).unwrap()
    }

    /// The content of each file.
    fn texts(&self) -> BTreeMap<String, String> {
        ["ca.pem", "ca-key.pem", "cert.pem", "key.pem"]
            .into_iter()
            .map(|name| {
                (
                    name.to_owned(),
                    fs::read_to_string(self.directory().join(name)).unwrap(),
                )
            })
            .collect()
    }

    /// What rustls says of the leaf as the certificate of `name`.
    fn verify(&self, name: &str) -> Result<(), rustls::Error> {
        verify(
            &self.texts()["cert.pem"],
            &self.texts()["ca.pem"],
            name,
            &self.clock,
        )
    }
}

fn verify(leaf: &str, ca: &str, name: &str, clock: &Clock) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())?;
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider()).build();
    let leaf = CertificateDer::from_pem_slice(leaf.as_bytes()).unwrap();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
        u64::try_from(clock.now().unix()).unwrap(),
    ));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    rustls::client::danger::ServerCertVerifier::verify_server_cert(
        verifier.unwrap().as_ref(),
        &leaf,
        &[],
        &name,
        &[],
        now,
    )
    .map(|_| ())
}

fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    before
        .iter()
        .filter(|(name, text)| after[*name] != **text)
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn the_certificate_holds_for_localhost_the_machine_and_the_names_given() {
    let place = Place::new();
    place.ensure(&["Gateway.Test", "10.1.2.3", "[fd00::7]", "mcp.example.com"]);
    let own = host_name();
    for name in [
        "localhost",
        "127.0.0.1",
        "::1",
        "gateway.test",
        "10.1.2.3",
        "fd00::7",
        "mcp.example.com",
    ]
    .into_iter()
    .chain(own.as_deref())
    {
        assert_eq!(place.verify(name), Ok(()), "{name}");
    }
    assert!(place.verify("other.test").is_err());
}

#[test]
fn private_keys_are_for_their_owner_only() {
    let place = Place::new();
    let made = place.ensure(&[]);
    let permissions = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(permissions(&made.key), 0o600);
    assert_eq!(permissions(&place.directory().join("ca-key.pem")), 0o600);
    assert_eq!(permissions(&made.ca), 0o644);
}

#[test]
fn a_restart_keeps_everything() {
    let place = Place::new();
    place.ensure(&["a.test"]);
    let before = place.texts();
    place.clock.advance(300 * DAY);
    place.ensure(&["a.test"]);
    assert_eq!(place.texts(), before);
}

#[test]
fn the_leaf_is_renewed_thirty_days_ahead_and_when_names_change_and_the_authority_stays() {
    let place = Place::new();
    place.ensure(&["a.test"]);
    let first = place.texts();
    place.clock.advance(368 * DAY);
    place.ensure(&["a.test"]);
    let renewed = place.texts();
    assert_eq!(changed(&first, &renewed), ["cert.pem", "key.pem"]);
    assert_eq!(place.verify("a.test"), Ok(()));
    place.ensure(&["a.test", "192.168.7.7"]);
    assert_eq!(changed(&renewed, &place.texts()), ["cert.pem", "key.pem"]);
    assert_eq!(place.verify("192.168.7.7"), Ok(()));
}

#[test]
fn the_authority_is_made_anew_for_a_public_name_or_at_its_end_only() {
    let place = Place::new();
    place.ensure(&[]);
    let first = place.texts();
    place.ensure(&["mcp.example.com"]);
    let second = place.texts();
    assert_eq!(changed(&first, &second).len(), 4);
    place.ensure(&[]);
    assert_eq!(
        place.texts()["ca.pem"],
        second["ca.pem"],
        "fewer names need no other authority"
    );
    place.clock.advance(3625 * DAY);
    place.ensure(&[]);
    assert_ne!(place.texts()["ca.pem"], second["ca.pem"]);
    assert_eq!(place.verify("localhost"), Ok(()));
}

#[test]
fn the_authority_vouches_for_no_public_name_it_was_not_made_for() {
    let place = Place::new();
    place.ensure(&["mine.example.com"]);
    let texts = place.texts();
    let issuer = Issuer::from_ca_cert_pem(
        &texts["ca.pem"],
        KeyPair::from_pem(&texts["ca-key.pem"]).unwrap(),
    );
    let issuer = issuer.unwrap();
    let forged = |name: &str| {
        let wanted = parse_names(&[name.to_owned()]).unwrap();
        let params = template::leaf(&wanted, &texts["ca.pem"], place.clock.now()).unwrap();
        let leaf = params
            .signed_by(&KeyPair::generate().unwrap(), &issuer)
            .unwrap()
            .pem();
        verify(&leaf, &texts["ca.pem"], name, &place.clock)
    };
    assert_eq!(forged("mine.example.com"), Ok(()));
    assert_eq!(forged("printer.local"), Ok(()));
    for name in [
        "bank.example",
        "example.com",
        "8.8.8.8",
        "notmine.example.com",
    ] {
        assert!(forged(name).is_err(), "{name}");
    }
}

#[test]
fn openssl_accepts_the_chain() {
    let place = Place::new();
    place.ensure(&["mcp.example.com", "10.1.2.3"]);
    for name in ["localhost", "mcp.example.com"] {
        let Ok(verdict) = Command::new("openssl")
            .args([
                "verify",
                "-x509_strict",
                "-attime",
                "1800000000",
                "-verify_hostname",
                name,
            ])
            .arg("-CAfile")
            .arg(place.directory().join("ca.pem"))
            .arg(place.directory().join("cert.pem"))
            .output()
        else {
            return; // no openssl here; rustls has judged above
        };
        assert!(
            verdict.status.success(),
            "{}",
            String::from_utf8_lossy(&verdict.stderr)
        );
    }
}

#[test]
fn half_written_files_are_made_anew_and_damaged_ones_are_named() {
    let place = Place::new();
    let made = place.ensure(&[]);
    fs::write(&made.cert, "cut").unwrap();
    place.ensure(&[]);
    assert_eq!(place.verify("localhost"), Ok(()));
    fs::remove_file(&made.ca).unwrap();
    place.ensure(&[]);
    assert_eq!(place.verify("localhost"), Ok(()));
    fs::write(place.directory().join("ca-key.pem"), "cut").unwrap();
    let error = ensure(&place.directory(), &[], &place.clock)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("ca-key.pem") && error.contains("delete the directory"),
        "{error}"
    );
}

#[test]
fn what_is_no_name_is_refused_with_the_setting() {
    let place = Place::new();
    for name in [
        "",
        "with space",
        "a..b",
        "-a.test",
        "https://a.test",
        "a_b.test",
        "1.2.3.4.5",
    ] {
        let error = ensure(&place.directory(), &[name.to_owned()], &place.clock).unwrap_err();
        assert!(
            error.to_string().contains("tls.dev_names"),
            "{name}: {error}"
        );
    }
    assert!(
        !place.directory().exists(),
        "nothing is made before the names are judged"
    );
}

#[test]
fn a_directory_that_does_not_obey_is_named_with_the_remedy() {
    let place = Place::new();
    fs::write(place.root.path().join("ssl"), "a file in the way").unwrap();
    let error = ensure(&place.directory(), &[], &place.clock)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("ssl/dev") && error.contains("DATA_DIR"),
        "{error}"
    );
}

#[test]
fn concurrent_starts_agree_on_one_authority() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| place.ensure(&["a.test"]));
        }
    });
    assert_eq!(place.verify("a.test"), Ok(()));
    let before = place.texts();
    place.ensure(&["a.test"]);
    assert_eq!(place.texts(), before);
}

#[test]
fn the_instructions_name_the_file_for_each_kind_of_client() {
    let text = trust_instructions(Path::new("/data/ssl/dev/ca.pem"));
    for part in [
        "curl --cacert /data/ssl/dev/ca.pem",
        "NODE_EXTRA_CA_CERTS",
        "SSL_CERT_FILE",
        "update-ca-certificates",
        "Firefox",
    ] {
        assert!(text.contains(part), "{part}");
    }
}
