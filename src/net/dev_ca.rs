//! Certificates of our own making, for development and closed networks.
//!
//! Promises: one local authority per directory, kept across restarts, so that it is trusted once;
//! private keys are readable by their owner only; a leaf is made anew when it nears its end or the
//! names change. The authority can only vouch for local names, private addresses and the names it
//! was made for, so that its theft opens nobody's bank.
//!
//! Start reading at [`ensure`].

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, Issuer, KeyPair, SanType};

use crate::domain::time::{Clock, Timestamp};

mod judge;
mod template;

/// The files of one directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevCerts {
    /// The authority's certificate: what clients must trust.
    pub ca: PathBuf,
    /// The server's certificate.
    pub cert: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
}

/// Certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DevCaError {
    /// A file or directory does not obey.
    #[error("cannot {what} {}: {source}; make the directory writable for this process, or set DATA_DIR to one that is", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A name cannot be in a certificate.
    #[error("`{0}` is neither a host name nor an IP address; correct it in `tls.dev_names`")]
    Name(String),
    /// What lies there is not ours or is damaged.
    #[error("{} is damaged ({reason}); delete the directory to have everything made anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The library refused.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// Makes what is missing in `directory`, or near its end, or for other names, and keeps the rest.
///
/// The certificate is for localhost, its addresses, the machine's name and `names`.
///
/// # Errors
/// When a name is no name, or the directory does not obey.
pub fn ensure(directory: &Path, names: &[String], clock: &Clock) -> Result<DevCerts, DevCaError> {
    let asked = parse_names(names)?;
    let files = Files::of(directory);
    let _lock = files.lock()?;
    let now = clock.now();
    let (ca_pem, ca_key) = match files.authority()? {
        Some((pem, key)) if judge::authority_serves(&pem, &asked, now) => (pem, key),
        before => files.make_authority(&asked, now, before.is_some())?,
    };
    let wanted = with_own_names(asked, &ca_pem);
    if !files.leaf_serves(&ca_pem, &wanted, now) {
        files.make_leaf(&ca_pem, &ca_key, &wanted, now)?;
    }
    Ok(files.names())
}

/// How to make clients trust the authority.
pub fn trust_instructions(ca: &Path) -> String {
    let ca = ca.display();
    format!(
        "Clients trust certificates of this authority once they know {ca}\n\
         \n\
         curl            curl --cacert {ca} https://localhost:8443/health\n\
         Node.js         export NODE_EXTRA_CA_CERTS={ca}\n\
         Python          export SSL_CERT_FILE={ca}        (httpx, the MCP SDK, urllib)\n\
         \x20               export REQUESTS_CA_BUNDLE={ca}   (requests)\n\
         Go, OpenSSL     export SSL_CERT_FILE={ca}\n\
         Debian, Ubuntu  sudo cp {ca} /usr/local/share/ca-certificates/mcp-dev.crt && sudo update-ca-certificates\n\
         Fedora, RHEL    sudo cp {ca} /etc/pki/ca-trust/source/anchors/mcp-dev.pem && sudo update-ca-trust\n\
         macOS           sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {ca}\n\
         Chrome (Linux)  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n mcp-dev -i {ca}\n\
         Firefox         Settings > Privacy & Security > Certificates > View Certificates > Authorities > Import\n\
         \n\
         SSL_CERT_FILE replaces the public authorities; leave it unset where a program needs those too.\n"
    )
}

/// The machine's own host name, in lower case, if it is one that certificates can carry.
pub fn host_name() -> Option<String> {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .to_ascii_lowercase();
    judge::is_host_name(&name).then_some(name)
}

/// Removes the certificate and its key, so that the next [`ensure`] makes new ones. The authority
/// stays: clients that trust it need not be told again.
///
/// # Errors
/// When a file is there and cannot be removed.
pub fn forget_leaf(directory: &Path) -> Result<(), DevCaError> {
    let names = Files::of(directory).names();
    for path in [names.cert, names.key] {
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(DevCaError::File {
                    what: "remove",
                    path,
                    source,
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Addresses and names that were asked for, in order, without repetition.
fn parse_names(names: &[String]) -> Result<Vec<SanType>, DevCaError> {
    let mut parsed = Vec::new();
    for name in names {
        let name = name.trim().trim_end_matches('.').to_ascii_lowercase();
        let address = name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        let one = match address {
            Ok(address) => SanType::IpAddress(address),
            Err(_) if judge::is_host_name(name.strip_prefix("*.").unwrap_or(&name)) => {
                SanType::DnsName(name.as_str().try_into()?)
            }
            Err(_) => return Err(DevCaError::Name(name)),
        };
        if !parsed.contains(&one) {
            parsed.push(one);
        }
    }
    Ok(parsed)
}

/// Localhost in all forms, the machine's name if the authority may vouch for it (a container's
/// changes at each start, and the authority must not), and what was asked for.
fn with_own_names(asked: Vec<SanType>, ca_pem: &str) -> Vec<SanType> {
    let mut wanted = vec![
        SanType::IpAddress(IpAddr::from([127, 0, 0, 1])),
        SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
    ];
    if let Ok(name) = "localhost".try_into() {
        wanted.insert(0, SanType::DnsName(name));
    }
    let own = host_name()
        .and_then(|name| name.try_into().ok())
        .map(SanType::DnsName);
    let own = own.filter(|name| judge::may_vouch_for(ca_pem, std::slice::from_ref(name)));
    for name in own.into_iter().chain(asked) {
        if !wanted.contains(&name) {
            wanted.push(name);
        }
    }
    wanted
}

/// The directory.
struct Files {
    directory: PathBuf,
}

impl Files {
    fn of(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    fn names(&self) -> DevCerts {
        DevCerts {
            ca: self.directory.join("ca.pem"),
            cert: self.directory.join("cert.pem"),
            key: self.directory.join("key.pem"),
        }
    }

    fn ca_key(&self) -> PathBuf {
        self.directory.join("ca-key.pem")
    }

    /// Makes the directory and keeps other processes out until the file is dropped.
    fn lock(&self) -> Result<File, DevCaError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&self.directory)
            .map_err(|source| fault("make the directory", &self.directory, source))?;
        let path = self.directory.join(".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path);
        let lock = lock.map_err(|source| fault("open", &path, source))?;
        lock.lock().map_err(|source| fault("lock", &path, source))?;
        Ok(lock)
    }

    /// The authority's certificate and key, if both are there.
    fn authority(&self) -> Result<Option<(String, KeyPair)>, DevCaError> {
        let (ca, ca_key) = (self.names().ca, self.ca_key());
        let (Some(pem), Some(key)) = (read(&ca)?, read(&ca_key)?) else {
            return Ok(None);
        };
        let damaged = |path: &Path, reason: String| DevCaError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let key = KeyPair::from_pem(&key).map_err(|error| damaged(&ca_key, error.to_string()))?;
        judge::is_pair(&pem, &key).map_err(|reason| damaged(&ca, reason))?;
        Ok(Some((pem, key)))
    }

    fn make_authority(
        &self,
        asked: &[SanType],
        now: Timestamp,
        replaces: bool,
    ) -> Result<(String, KeyPair), DevCaError> {
        let key = KeyPair::generate()?;
        let pem = template::authority(asked, &key, now)?
            .self_signed(&key)?
            .pem();
        // The key first: a certificate without its key would be useless, the other way round not.
        write(&self.ca_key(), &key.serialize_pem(), 0o600)?;
        write(&self.names().ca, &pem, 0o644)?;
        if replaces {
            tracing::warn!(
                tls.ca = %self.names().ca.display(),
                "the authority of our own making was near its end or could not vouch for a new name \
                 and was made anew; clients must trust it again"
            );
        } else {
            tracing::info!(tls.ca = %self.names().ca.display(), "made a local authority for development");
        }
        Ok((pem, key))
    }

    fn leaf_serves(&self, ca_pem: &str, wanted: &[SanType], now: Timestamp) -> bool {
        let DevCerts { cert, key, .. } = self.names();
        let (Ok(Some(cert)), Ok(Some(key))) = (read(&cert), read(&key)) else {
            return false;
        };
        KeyPair::from_pem(&key).is_ok_and(|key| judge::is_pair(&cert, &key).is_ok())
            && judge::leaf_serves(&cert, ca_pem, wanted, now)
    }

    fn make_leaf(
        &self,
        ca_pem: &str,
        ca_key: &KeyPair,
        wanted: &[SanType],
        now: Timestamp,
    ) -> Result<(), DevCaError> {
        let key = KeyPair::generate()?;
        let params: CertificateParams = template::leaf(wanted, ca_pem, now)?;
        let issuer = Issuer::from_ca_cert_pem(ca_pem, ca_key)?;
        let pem = params.signed_by(&key, &issuer)?.pem();
        let files = self.names();
        write(&files.key, &key.serialize_pem(), 0o600)?;
        write(&files.cert, &pem, 0o644)?;
        tracing::info!(tls.certificate = %files.cert.display(), "made a certificate for development");
        Ok(())
    }
}

/// The text of a file; `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, DevCaError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(fault("read", path, source)),
    }
}

/// Replaces a file as a whole: a reader sees the old text or the new one.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), DevCaError> {
    let beside = path.with_extension("new");
    let replace = || {
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(mode)
            .open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    replace().map_err(|source| fault("write", path, source))
}

fn fault(what: &'static str, path: &Path, source: io::Error) -> DevCaError {
    DevCaError::File {
        what,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
