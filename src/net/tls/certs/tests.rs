use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::client::Resumption;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, SupportedProtocolVersion};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::{client, server};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::config::tls::TlsMode;
use crate::domain::secret::Secret;
use crate::net::dial::connect_tls;
use crate::net::roots::{Roots, client_config};
use crate::net::tls::DevFiles;

const DAY: i64 = 86_400;

/// A directory with `cert.pem` and `key.pem`.
struct Pair {
    directory: TempDir,
    key: KeyPair,
}

impl Pair {
    /// Valid from yesterday until a year from now, for localhost and `name`.
    fn new(name: &str) -> Self {
        Self::valid(name, -DAY, 365 * DAY)
    }

    /// Valid between these seconds from now.
    fn valid(name: &str, from: i64, until: i64) -> Self {
        let pair = Self {
            directory: tempfile::tempdir().unwrap(),
            key: KeyPair::generate().unwrap(),
        };
        pair.write_key(&pair.key.serialize_pem());
        pair.write_certificate(&pair.certificate(name, from, until));
        pair
    }

    fn certificate(&self, name: &str, from: i64, until: i64) -> String {
        let mut params = CertificateParams::new(["localhost".to_owned(), name.to_owned()]).unwrap();
        let at = |seconds| {
            let now = Clock::system().now().plus_seconds(seconds).unix();
            OffsetDateTime::from_unix_timestamp(now).unwrap()
        };
        (params.not_before, params.not_after) = (at(from), at(until));
        params.self_signed(&self.key).unwrap().pem()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write_key(&self, pem: &str) {
        fs::write(self.path("key.pem"), pem).unwrap();
        fs::set_permissions(self.path("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn write_certificate(&self, pem: &str) {
        fs::write(self.path("cert.pem"), pem).unwrap();
    }

    /// Takes over the files of another pair.
    fn become_like(&self, other: &Self) {
        fs::copy(other.path("cert.pem"), self.path("cert.pem")).unwrap();
        fs::copy(other.path("key.pem"), self.path("key.pem")).unwrap();
    }

    fn source(&self, password: Option<&str>) -> TlsSource {
        TlsSource::Files(TlsFiles {
            certificate: self.path("cert.pem"),
            key: self.path("key.pem"),
            password: password.map(|text| Secret::new(text.to_owned())),
        })
    }

    fn load(&self) -> Result<ServerCerts, TlsError> {
        ServerCerts::load(self.source(None), Clock::system())
    }

    fn load_with(&self, password: &str) -> Result<ServerCerts, TlsError> {
        ServerCerts::load(self.source(Some(password)), Clock::system())
    }

    /// A client that trusts this very certificate.
    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let pem = fs::read_to_string(self.path("cert.pem")).unwrap();
        let roots = Roots::built_in().with_pem(&pem, "test").unwrap();
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots.store())
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.resumption = Resumption::in_memory_sessions(8);
        Arc::new(config)
    }
}

type Damage<'a> = Box<dyn Fn(&Pair) + 'a>;
type Ends = (
    server::TlsStream<DuplexStream>,
    client::TlsStream<DuplexStream>,
);

/// A finished handshake, with one byte sent each way so that session tickets have arrived.
async fn handshake(certs: &ServerCerts, client: Arc<ClientConfig>) -> Result<Ends, String> {
    let (near, far) = duplex(64 * 1024);
    let (server, client) = tokio::join!(
        certs.acceptor().accept(far),
        connect_tls(near, "localhost", client, Duration::from_secs(5))
    );
    let mut client = client.map_err(|error| error.to_string())?;
    let mut server = server.map_err(|error| error.to_string())?;
    echo(&mut server, &mut client).await;
    Ok((server, client))
}

async fn echo(
    server: &mut server::TlsStream<DuplexStream>,
    client: &mut client::TlsStream<DuplexStream>,
) {
    client.write_all(&[1]).await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(server.read_u8().await.unwrap(), 1);
    server.write_all(&[2]).await.unwrap();
    server.flush().await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), 2);
}

/// What was logged at WARN and above while `work` ran.
fn logged(work: impl FnOnce()) -> String {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn one_line(error: &TlsError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n'), "one line: {text}");
    text
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_with_alpn_and_resumption_and_no_early_data() {
    let pair = Pair::new("a.example");
    let certs = pair.load().unwrap();
    assert_eq!(certs.server_config().max_early_data_size, 0);
    for (version, protocol) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let client = pair.client(&[version]);
        let (server, first) = handshake(&certs, Arc::clone(&client)).await.unwrap();
        assert_eq!(server.get_ref().1.protocol_version(), Some(protocol));
        assert_eq!(server.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        assert_eq!(
            first.get_ref().1.handshake_kind(),
            Some(HandshakeKind::Full)
        );
        let (_, second) = handshake(&certs, client).await.unwrap();
        assert_eq!(
            second.get_ref().1.handshake_kind(),
            Some(HandshakeKind::Resumed)
        );
    }
}

/// A client hello of an older protocol (3, 2 is TLS 1.1), with a cipher suite of its time.
fn old_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
    // Extensions: signature algorithms, groups, point formats.
    hello.extend([
        0, 22, 0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0,
    ]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record
}

#[tokio::test]
async fn older_protocols_and_plain_http_are_turned_away() {
    let certs = Pair::new("a.example").load().unwrap();
    for (name, words) in [
        ("TLS 1.0", old_hello(1)),
        ("TLS 1.1", old_hello(2)),
        (
            "HTTP",
            b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".to_vec(),
        ),
    ] {
        let (mut near, far) = duplex(4096);
        near.write_all(&words).await.unwrap();
        assert!(certs.acceptor().accept(far).await.is_err(), "{name}");
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        if name != "HTTP" {
            let [kind, .., level, alert] = answer.as_slice() else {
                panic!("{answer:?}")
            };
            assert_eq!(
                (*kind, *level, *alert),
                (21, 2, 70),
                "{name}: a protocol_version alert"
            );
        }
    }
}

#[tokio::test]
async fn a_reload_serves_new_handshakes_while_old_connections_live() {
    let pair = Pair::new("old.example");
    let certs = pair.load().unwrap();
    let (mut server, mut client) = handshake(&certs, pair.client(&[&TLS13])).await.unwrap();
    assert_eq!(certs.reload_now().unwrap(), Reload::Unchanged);
    pair.become_like(&Pair::new("new.example"));
    assert_eq!(certs.reload_now().unwrap(), Reload::Taken);
    assert_eq!(certs.info().names, ["localhost", "new.example"]);
    handshake(&certs, pair.client(&[&TLS13])).await.unwrap();
    echo(&mut server, &mut client).await;
}

#[tokio::test]
async fn a_swapped_directory_link_counts_as_a_change() {
    let (old, new) = (Pair::new("old.example"), Pair::new("new.example"));
    let mount = tempfile::tempdir().unwrap();
    let data = mount.path().join("..data");
    symlink(old.directory.path(), &data).unwrap();
    let source = TlsSource::Files(TlsFiles {
        certificate: data.join("cert.pem"),
        key: data.join("key.pem"),
        password: None,
    });
    let certs = ServerCerts::load(source, Clock::system()).unwrap();
    let beside = mount.path().join("..data_tmp");
    symlink(new.directory.path(), &beside).unwrap();
    fs::rename(&beside, &data).unwrap();
    assert_eq!(certs.reload_now().unwrap(), Reload::Taken);
    handshake(&certs, new.client(&[&TLS13])).await.unwrap();
}

#[tokio::test]
async fn bad_new_files_keep_the_old_certificate_and_a_good_one_is_taken_afterwards() {
    let pair = Pair::new("old.example");
    let certs = pair.load().unwrap();
    let client = pair.client(&[&TLS13]);
    let fingerprint = certs.info().fingerprint;
    let stranger = KeyPair::generate().unwrap().serialize_pem();
    let expired = Pair::valid("expired.example", -9 * DAY, -DAY);
    let early = Pair::valid("early.example", DAY, 9 * DAY);
    let breaks: [(&str, Damage<'_>); 7] = [
        (
            "is broken",
            Box::new(|pair| pair.write_certificate("-----BEGIN CERTIFICATE-----\nMII")),
        ),
        (
            "BEGIN CERTIFICATE",
            Box::new(|pair| pair.write_certificate("")),
        ),
        (
            "does not exist",
            Box::new(|pair| fs::remove_file(pair.path("cert.pem")).unwrap()),
        ),
        (
            "does not belong",
            Box::new(|pair| pair.write_key(&stranger)),
        ),
        ("expired at", Box::new(|pair| pair.become_like(&expired))),
        (
            "not valid before",
            Box::new(|pair| pair.become_like(&early)),
        ),
        (
            "is a directory",
            Box::new(|pair| {
                fs::remove_file(pair.path("key.pem")).unwrap();
                fs::create_dir(pair.path("key.pem")).unwrap();
            }),
        ),
    ];
    let good = (
        pair.certificate("old.example", -DAY, DAY),
        pair.key.serialize_pem(),
    );
    for (reason, damage) in &breaks {
        damage(&pair);
        let error = one_line(&certs.reload_now().unwrap_err());
        assert!(error.contains(reason), "{reason}: {error}");
        assert_eq!(certs.info().fingerprint, fingerprint, "{reason}");
        handshake(&certs, Arc::clone(&client)).await.unwrap();
        if !pair.path("key.pem").is_dir() {
            pair.write_key(&good.1);
            pair.write_certificate(&good.0);
        }
    }
    fs::remove_dir(pair.path("key.pem")).unwrap();
    pair.become_like(&Pair::new("new.example"));
    assert_eq!(certs.reload_now().unwrap(), Reload::Taken);
}

#[tokio::test]
async fn no_handshake_fails_while_twenty_files_come_and_five_of_them_are_broken() {
    let pair = Pair::new("x0.example");
    let certs = pair.load().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (acceptor, stopped) = (certs.acceptor(), stop.clone());
    tasks.spawn(stopped.run_until_cancelled_owned(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            stream.write_u8(9).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    }));
    let client = client_config(&Roots::built_in(), None, true, &[]).unwrap();
    for round in 1..=20 {
        if round % 4 == 0 {
            pair.write_certificate("broken");
            certs.reload_now().unwrap_err();
        } else {
            pair.become_like(&Pair::new(&format!("x{round}.example")));
            assert_eq!(certs.reload_now().unwrap(), Reload::Taken);
        }
        for _ in 0..5 {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let limit = Duration::from_secs(10);
            let mut stream = connect_tls(stream, "localhost", Arc::clone(&client), limit)
                .await
                .unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), 9);
        }
    }
    assert_eq!(*certs.changes().borrow(), 15);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[test]
fn each_fault_at_start_is_one_line_with_file_setting_and_remedy() {
    let encrypted = encrypted_pkcs8(&Pair::new("x").key, "right");
    let chain_upside_down = |pair: &Pair| {
        let leaf = fs::read_to_string(pair.path("cert.pem")).unwrap();
        let other = fs::read_to_string(Pair::new("issuer").path("cert.pem")).unwrap();
        pair.write_certificate(&format!("{other}{leaf}"));
    };
    let faults: Vec<(Damage<'_>, &[&str])> = vec![
        (
            Box::new(|pair| fs::remove_file(pair.path("cert.pem")).unwrap()),
            &["cert.pem", "SSL_CERTFILE", "does not exist", "SSL_DEV=true"],
        ),
        (
            Box::new(|pair| fs::remove_file(pair.path("key.pem")).unwrap()),
            &["key.pem", "SSL_KEYFILE", "does not exist"],
        ),
        (
            Box::new(|pair| pair.write_certificate("hello")),
            &["cert.pem", "holds no `BEGIN CERTIFICATE`"],
        ),
        (
            Box::new(|pair| pair.write_key("hello")),
            &["key.pem", "holds no `BEGIN PRIVATE KEY`"],
        ),
        (
            Box::new(|pair| {
                pair.write_certificate(
                    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                );
            }),
            &["cert.pem", "is broken"],
        ),
        (
            Box::new(|pair| {
                pair.write_key("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
            }),
            &["key.pem", "is broken"],
        ),
        (
            Box::new(|pair| pair.write_key(&KeyPair::generate().unwrap().serialize_pem())),
            &[
                "key.pem",
                "does not belong to the certificate in",
                "cert.pem",
            ],
        ),
        (
            Box::new(|pair| pair.write_certificate(&pair.certificate("x", -9 * DAY, -DAY))),
            &["cert.pem", "expired at 20", "renew"],
        ),
        (
            Box::new(chain_upside_down),
            &["cert.pem", "at place 2", "must come first"],
        ),
        (
            Box::new(|pair| pair.write_key(&encrypted)),
            &["key.pem", "is encrypted", "SSL_KEYFILE_PASSWORD"],
        ),
        (
            Box::new(|pair| {
                pair.write_key(
                    "-----BEGIN DSA PRIVATE KEY-----\nMAA=\n-----END DSA PRIVATE KEY-----\n",
                );
            }),
            &["key.pem", "DSA PRIVATE KEY", "openssl pkcs8"],
        ),
        (
            Box::new(|pair| fs::write(pair.path("cert.pem"), [0x30, 0x82, 0, 0]).unwrap()),
            &["cert.pem", "DER, not PEM"],
        ),
    ];
    for (damage, expected) in faults {
        let pair = Pair::new("x");
        damage(&pair);
        let error = one_line(&pair.load().unwrap_err());
        for part in expected {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}

#[test]
fn a_file_that_may_not_be_read_is_named_with_owner_mode_and_our_user() {
    let pair = Pair::new("x");
    fs::set_permissions(pair.path("key.pem"), fs::Permissions::from_mode(0o000)).unwrap();
    let us = rustix::process::geteuid();
    let Err(error) = pair.load() else {
        assert!(us.is_root(), "only root reads a file of mode 0000");
        return;
    };
    let error = one_line(&error);
    assert!(
        error.contains("mode 0000") && error.contains(&format!("user id {}", us.as_raw())),
        "{error}"
    );
}

#[test]
fn a_world_readable_key_is_a_warning_and_a_closed_one_is_not() {
    let pair = Pair::new("x");
    assert_eq!(logged(|| drop(pair.load().unwrap())), "");
    fs::set_permissions(pair.path("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let warning = logged(|| drop(pair.load().unwrap()));
    assert!(
        warning.contains("WARN") && warning.contains("key.pem"),
        "{warning}"
    );
}

#[test]
fn a_certificate_of_tomorrow_starts_with_a_warning() {
    let pair = Pair::valid("x", DAY, 90 * DAY);
    let warning = logged(|| drop(pair.load().unwrap()));
    assert!(warning.contains("not valid yet"), "{warning}");
}

#[test]
fn a_bad_file_is_complained_of_once_per_content_and_not_at_first_sight() {
    let pair = Pair::new("x");
    let certs = pair.load().unwrap();
    assert_eq!(logged(|| certs.look()), "");
    pair.write_certificate("broken once");
    assert_eq!(
        logged(|| certs.look()),
        "",
        "the key may still be on its way"
    );
    let second = logged(|| certs.look());
    assert!(
        second.contains("the certificate loaded before stays"),
        "{second}"
    );
    assert_eq!(logged(|| certs.look()), "");
    pair.write_certificate("broken twice");
    let again = logged(|| (0..4).for_each(|_| certs.look()));
    assert_eq!(again.lines().count(), 1, "{again}");
    fs::remove_file(pair.path("cert.pem")).unwrap();
    let gone = logged(|| (0..4).for_each(|_| certs.look()));
    assert_eq!(gone.lines().count(), 1, "{gone}");
    pair.become_like(&Pair::new("new.example"));
    assert_eq!(logged(|| certs.look()), "");
    assert_eq!(certs.info().names, ["localhost", "new.example"]);
}

#[test]
fn a_new_certificate_that_is_not_valid_yet_is_taken_when_its_time_comes() {
    let pair = Pair::new("old.example");
    let clock = Clock::manual(Clock::system().now());
    let certs = ServerCerts::load(pair.source(None), clock.clone()).unwrap();
    pair.become_like(&Pair::valid("early.example", DAY, 90 * DAY));
    let complaint = logged(|| (0..3).for_each(|_| certs.look()));
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    clock.advance(DAY + 1);
    certs.look();
    assert_eq!(certs.info().names, ["localhost", "early.example"]);
}

#[test]
fn expiry_is_a_gauge_and_a_daily_warning_from_thirty_days_ahead_and_serving_goes_on() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let gauge = || {
        let text = recorder.handle().render();
        let line = text
            .lines()
            .find(|line| line.starts_with("mcp_tls_certificate_expiry_seconds"));
        line.unwrap()
            .split_whitespace()
            .last()
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    let pair = Pair::valid("x", -DAY, 31 * DAY + 60);
    let clock = Clock::manual(Clock::system().now());
    let certs = ServerCerts::load(pair.source(None), clock.clone()).unwrap();
    let look = || metrics::with_local_recorder(&recorder, || logged(|| certs.look()));
    assert_eq!(look(), "", "31 days ahead");
    assert!((gauge() - 31.0 * 86_400.0).abs() < 120.0, "{}", gauge());
    clock.advance(DAY + 120);
    assert!(look().contains("expires soon"), "29 days ahead");
    assert_eq!(look(), "", "said today");
    clock.advance(DAY);
    assert!(look().contains("days_left=28"));
    clock.advance(40 * DAY);
    assert!(look().contains("has expired"));
    assert!(gauge() < 0.0);
    assert_eq!(
        certs.reload_now().unwrap(),
        Reload::Unchanged,
        "still serving it"
    );
}

#[tokio::test(start_paused = true)]
async fn the_watch_takes_a_new_pair_within_its_interval_and_stops_when_told() {
    let pair = Pair::new("old.example");
    let certs = pair.load().unwrap();
    let (mut changes, stop, tasks) = (
        certs.changes(),
        CancellationToken::new(),
        TaskTracker::new(),
    );
    tasks.spawn(certs.clone().watch(stop.clone()));
    pair.become_like(&Pair::new("new.example"));
    let begun = tokio::time::Instant::now();
    changes.changed().await.unwrap();
    assert!(
        begun.elapsed() <= Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(certs.info().names, ["localhost", "new.example"]);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn certificates_of_our_own_making_serve_and_are_renewed_by_the_watch() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Clock::system().now());
    let source = TlsSource::Dev(DevFiles {
        directory: directory.path().join("dev"),
        names: vec!["gateway.test".into()],
    });
    let certs = ServerCerts::load(source, clock.clone()).unwrap();
    let ca = fs::read_to_string(directory.path().join("dev/ca.pem")).unwrap();
    let trusting = client_config(&Roots::built_in(), Some(&ca), false, &[b"h2"]).unwrap();
    handshake(&certs, trusting).await.unwrap();
    let before = certs.info();
    assert!(
        before.names.contains(&"gateway.test".to_owned()),
        "{:?}",
        before.names
    );
    certs.look();
    assert_eq!(certs.info(), before);
    clock.advance(380 * DAY);
    certs.look();
    assert!(certs.info().not_after > before.not_after);
}

fn settings(pair: &Pair, enabled: TlsMode, dev: bool) -> TlsConfig {
    TlsConfig {
        enabled,
        certfile: pair.path("cert.pem"),
        keyfile: pair.path("key.pem"),
        keyfile_password: None,
        dev,
        dev_names: Vec::new(),
    }
}

#[test]
fn the_settings_choose_between_none_files_and_our_own_making() {
    let pair = Pair::new("x");
    let data = pair.directory.path();
    let chosen = |enabled, dev| TlsSource::resolve(&settings(&pair, enabled, dev), data);
    assert!(chosen(TlsMode::Off, false).is_none());
    assert!(matches!(
        chosen(TlsMode::Off, true),
        Some(TlsSource::Dev(_))
    ));
    assert!(matches!(
        chosen(TlsMode::Files, false),
        Some(TlsSource::Files(_))
    ));
    assert!(matches!(
        chosen(TlsMode::Auto, false),
        Some(TlsSource::Files(_))
    ));
    fs::remove_file(pair.path("key.pem")).unwrap();
    let Some(TlsSource::Dev(dev)) = chosen(TlsMode::Auto, false) else {
        panic!("one file only")
    };
    assert_eq!(dev.directory, data.join("ssl/dev"));
    assert!(matches!(
        chosen(TlsMode::Files, false),
        Some(TlsSource::Files(_))
    ));
    let config = settings(&pair, TlsMode::Files, false);
    assert!(ServerCerts::from_config(&config, data, &Clock::system()).is_err());
    let off = settings(&pair, TlsMode::Off, false);
    assert!(
        ServerCerts::from_config(&off, data, &Clock::system())
            .unwrap()
            .is_none()
    );
}

mod keys;
use keys::encrypted_pkcs8;
