//! Listening sockets: bound here, or inherited from systemd.
//!
//! Promises: a socket from here is non-blocking, has a long backlog, and a failure names the setting
//! and the remedy. Start reading at [`Inherited::claim_or_bind`].

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// An address that could not be listened at.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error(
        "cannot listen at {address} ({label}): the address is taken; stop the process that has it \
         (see `ss -ltnp`) or set {label} to another address"
    )]
    Taken {
        /// The setting.
        label: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// A port below 1024 without the right to it.
    #[error(
        "cannot listen at {address} ({label}): not permitted; set {label} to a port of 1024 or more, \
         or give the process CAP_NET_BIND_SERVICE or a socket from systemd"
    )]
    NotPermitted {
        /// The setting.
        label: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The machine does not have this address.
    #[error(
        "cannot listen at {address} ({label}): this machine has no such address; set {label} to one \
         of its own (see `ip address`), or to 0.0.0.0 or [::] for all"
    )]
    NoSuchAddress {
        /// The setting.
        label: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot listen at {address} ({label}): {source}; set {label} to another address")]
    Other {
        /// The setting.
        label: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Listens at `address`; `label` is the setting's name, for the error.
///
/// `[::]` takes IPv4 too. Port 0 takes any free one.
///
/// # Errors
/// When the address is taken, not permitted or not this machine's.
pub fn bind(address: SocketAddr, label: &'static str) -> Result<TcpListener, BindError> {
    open(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken {
            label,
            address,
            source,
        },
        io::ErrorKind::PermissionDenied => BindError::NotPermitted {
            label,
            address,
            source,
        },
        io::ErrorKind::AddrNotAvailable => BindError::NoSuchAddress {
            label,
            address,
            source,
        },
        _ => BindError::Other {
            label,
            address,
            source,
        },
    })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    prepare(&listener)?;
    Ok(listener)
}

/// What every listening socket has, wherever it came from. Accepted sockets inherit the keepalive,
/// which ends connections whose peer is gone without a word.
fn prepare(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    SockRef::from(listener).set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL),
    )
}

/// Listening sockets that systemd passed, not yet claimed.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<(String, TcpListener)>,
}

impl Inherited {
    /// Takes the sockets named by `LISTEN_FDS`. Call it once, before other threads run. `names` is
    /// the value of `LISTEN_FDNAMES`, if there is one.
    pub fn take(names: Option<&str>) -> Self {
        let mut passed = listenfd::ListenFd::from_env();
        let names: Vec<&str> = names
            .map(|names| names.split(':').collect())
            .unwrap_or_default();
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            let name = (*names.get(index).unwrap_or(&"")).to_owned();
            match passed.take_tcp_listener(index) {
                Ok(Some(listener)) => sockets.push((name, listener)),
                Ok(None) => {}
                Err(error) => tracing::warn!(
                    socket.index = index,
                    socket.name = name,
                    error = %error,
                    "a descriptor passed by systemd is not a TCP socket and stays unused"
                ),
            }
        }
        Self::of(sockets)
    }

    /// These sockets, each with its `FileDescriptorName`.
    pub const fn of(sockets: Vec<(String, TcpListener)>) -> Self {
        Self { sockets }
    }

    /// The socket with this `FileDescriptorName`, else the one with this local address.
    ///
    /// Any-address sockets of both families count as the same one, because `ListenStream=443` makes
    /// an IPv6 socket that takes both.
    ///
    /// # Errors
    /// When the passed socket cannot be made ready for use.
    pub fn claim(&mut self, address: SocketAddr, name: &str) -> io::Result<Option<TcpListener>> {
        let by_name = self
            .sockets
            .iter()
            .position(|(given, _)| !name.is_empty() && given == name);
        let found = by_name.or_else(|| {
            self.sockets
                .iter()
                .position(|(_, socket)| socket.local_addr().is_ok_and(|at| same(at, address)))
        });
        let Some(index) = found else { return Ok(None) };
        let (_, listener) = self.sockets.swap_remove(index);
        prepare(&listener)?;
        Ok(Some(listener))
    }

    /// [`Inherited::claim`], else [`bind`].
    ///
    /// # Errors
    /// As [`bind`].
    pub fn claim_or_bind(
        &mut self,
        address: SocketAddr,
        label: &'static str,
        name: &str,
    ) -> Result<TcpListener, BindError> {
        match self.claim(address, name) {
            Ok(Some(listener)) => Ok(listener),
            Ok(None) => bind(address, label),
            Err(source) => Err(BindError::Other {
                label,
                address,
                source,
            }),
        }
    }

    /// What nobody claimed, as text for a warning.
    pub fn unclaimed(&self) -> Vec<String> {
        self.sockets
            .iter()
            .map(|(name, socket)| match socket.local_addr() {
                Ok(address) => format!("{name} {address}").trim().to_owned(),
                Err(_) => name.clone(),
            })
            .collect()
    }
}

fn same(passed: SocketAddr, wanted: SocketAddr) -> bool {
    let any = |ip: IpAddr| {
        if ip.is_unspecified() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            ip
        }
    };
    passed.port() == wanted.port() && any(passed.ip()) == any(wanted.ip())
}

/// Connections that may wait to be accepted; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
const KEEPALIVE_IDLE: Duration = Duration::from_mins(1);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::os::fd::OwnedFd;
    use std::process::{Command, Stdio};

    use super::*;

    fn any() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    #[test]
    fn a_taken_address_is_named_with_its_setting_and_the_remedy() {
        let first = bind(any(), "GATEWAY_HTTP_BIND").unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address, "GATEWAY_HTTP_BIND").unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, BindError::Taken { .. }), "{text}");
        assert!(
            text.contains(&address.to_string()) && text.contains("set GATEWAY_HTTP_BIND"),
            "{text}"
        );
    }

    #[test]
    fn an_address_of_another_machine_is_said_to_be_one() {
        let error = bind("192.0.2.1:0".parse().unwrap(), "REGISTRY_BIND").unwrap_err();
        assert!(matches!(error, BindError::NoSuchAddress { .. }), "{error}");
    }

    #[test]
    fn a_listener_is_non_blocking_and_can_be_bound_again_at_once() {
        let listener = bind(any(), "X").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(
            listener.accept().unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        let client = TcpStream::connect(address).unwrap();
        drop(listener);
        drop(client);
        bind(address, "X").unwrap();
    }

    #[test]
    fn the_ipv6_any_address_takes_ipv4_too() {
        let Ok(listener) = bind("[::]:0".parse().unwrap(), "X") else {
            return; // a machine without IPv6
        };
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect(("127.0.0.1", port)).unwrap();
    }

    #[test]
    fn inherited_sockets_are_claimed_by_name_then_by_address_and_once() {
        let sockets = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (web, ops) = (sockets(), sockets());
        let (web_at, ops_at) = (web.local_addr().unwrap(), ops.local_addr().unwrap());
        let mut inherited = Inherited::of(vec![("web".into(), web), (String::new(), ops)]);
        let claimed = inherited.claim(any(), "web").unwrap().unwrap();
        assert_eq!(claimed.local_addr().unwrap(), web_at);
        assert_eq!(
            claimed.accept().unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        assert!(inherited.claim(web_at, "web").unwrap().is_none());
        assert_eq!(inherited.unclaimed(), [ops_at.to_string()]);
        let claimed = inherited.claim_or_bind(ops_at, "OPS_BIND", "ops").unwrap();
        assert_eq!(claimed.local_addr().unwrap(), ops_at);
        assert!(inherited.unclaimed().is_empty());
    }

    /// Runs itself a second time with the socket as descriptor 3, as systemd would.
    #[test]
    fn a_socket_passed_by_systemd_is_found_by_its_name() {
        if std::env::var_os("LISTEN_FDS").is_some() {
            let names = std::env::var("LISTEN_FDNAMES").ok();
            let mut inherited = Inherited::take(names.as_deref());
            let listener = inherited.claim_or_bind(any(), "X", "front").unwrap();
            listener.set_nonblocking(false).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"inherited").unwrap();
            return;
        }
        let listener = TcpListener::bind(any()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut child = Command::new("sh")
            .arg("-c")
            .arg("exec 3<&0; LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=front exec \"$0\" --exact \"$1\"")
            .arg(std::env::current_exe().unwrap())
            .arg("net::listen::tests::a_socket_passed_by_systemd_is_found_by_its_name")
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut words = String::new();
        TcpStream::connect(address)
            .unwrap()
            .read_to_string(&mut words)
            .unwrap();
        assert_eq!(words, "inherited");
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn any_address_sockets_of_both_families_are_the_same_one() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert!(same(at("[::]:443"), at("0.0.0.0:443")));
        assert!(!same(at("[::]:443"), at("0.0.0.0:80")));
        assert!(!same(at("[::]:443"), at("127.0.0.1:443")));
    }
}
