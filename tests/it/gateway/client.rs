//! Clients of the front door: HTTP/1 by hand, HTTP/2 through hyper.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mcp::net::roots::{self, Roots};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::task::TaskTracker;

use super::wire::{Head, Io, Wire, soon};

/// A header field.
pub(crate) type Field<'a> = (&'a str, &'a str);

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.head.word(1).parse().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The label of the reason that the gateway gave.
    #[track_caller]
    pub(crate) fn reason(&self) -> String {
        let body = self.json();
        let label = body["error"]["data"]["reason"]
            .as_str()
            .or_else(|| body["reason"].as_str());
        label.unwrap_or_else(|| panic!("{body}")).to_owned()
    }
}

/// One HTTP/1 connection.
pub(crate) struct Client {
    pub(crate) wire: Wire,
    host: String,
}

impl Client {
    /// To the plain listener.
    pub(crate) async fn plain(address: SocketAddr) -> Self {
        Self::over(tcp(address).await, address)
    }

    /// To the TLS listener, made for `name`.
    pub(crate) async fn tls(address: SocketAddr, name: &str) -> Self {
        Self::over(tls(address, name, &[b"http/1.1"]).await, address)
    }

    fn over(io: impl Io + 'static, address: SocketAddr) -> Self {
        Self {
            wire: Wire::new(io),
            host: address.to_string(),
        }
    }

    /// Sends a request without waiting; `Host` and `Content-Length` are added where they are missing.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        target: &str,
        fields: &[Field<'_>],
        body: &[u8],
    ) -> io::Result<()> {
        let request = request(method, target, &self.host, fields, body);
        self.wire.send(request).await
    }

    /// The next answer, to its end; an error when it is broken off.
    pub(crate) async fn reply(&mut self, method: &str) -> io::Result<Reply> {
        soon(async {
            let head = self.wire.head().await?;
            let head = head.ok_or(io::ErrorKind::UnexpectedEof)?;
            let bodiless = method == "HEAD" || matches!(head.word(1), "101" | "204" | "304");
            let body = if bodiless {
                Vec::new()
            } else {
                self.wire.body(&head).await?
            };
            Ok(Reply { head, body })
        })
        .await
    }

    /// The next head, once it is there.
    pub(crate) async fn head(&mut self) -> Head {
        soon(self.wire.head()).await.unwrap().unwrap()
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        target: &str,
        fields: &[Field<'_>],
        body: &[u8],
    ) -> Reply {
        self.send(method, target, fields, body).await.unwrap();
        self.reply(method).await.unwrap()
    }

    /// An MCP call with a token.
    pub(crate) async fn call(&mut self, target: &str, token: &str, message: &str) -> Reply {
        let bearer = format!("Bearer {token}");
        let fields = [JSON, ("authorization", bearer.as_str())];
        self.ask("POST", target, &fields, message.as_bytes()).await
    }
}

/// One request on its own connection to the plain listener.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    target: &str,
    fields: &[Field<'_>],
    body: &[u8],
) -> Reply {
    Client::plain(address)
        .await
        .ask(method, target, fields, body)
        .await
}

/// Sends bytes as they are and reads one answer.
pub(crate) async fn ask_raw(address: SocketAddr, request: impl AsRef<[u8]>) -> io::Result<Reply> {
    let mut client = Client::plain(address).await;
    client.wire.send(request).await?;
    client.reply("GET").await
}

pub(crate) const JSON: Field<'static> = ("content-type", "application/json");
/// A call that everybody who may anything may make.
pub(crate) const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

fn request(method: &str, target: &str, host: &str, fields: &[Field<'_>], body: &[u8]) -> Vec<u8> {
    let has = |name: &str| {
        fields
            .iter()
            .any(|(field, _)| field.eq_ignore_ascii_case(name))
    };
    let mut all = fields.to_vec();
    if !has("host") {
        all.push(("Host", host));
    }
    let length = body.len().to_string();
    let sends_body = !body.is_empty() || method == "POST";
    if sends_body && !has("content-length") && !has("transfer-encoding") {
        all.push(("Content-Length", &length));
    }
    let fields: String = all
        .iter()
        .flat_map(|(name, value)| [*name, ": ", *value, "\r\n"])
        .collect();
    let head = format!("{method} {target} HTTP/1.1\r\n{fields}\r\n");
    [head.as_bytes(), body].concat()
}

/// A connected socket.
pub(crate) async fn tcp(address: SocketAddr) -> TcpStream {
    let stream = soon(TcpStream::connect(address)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A connected TLS session; every certificate is taken.
pub(crate) async fn tls(
    address: SocketAddr,
    name: &str,
    protocols: &[&[u8]],
) -> TlsStream<TcpStream> {
    let config = roots::client_config(&Roots::built_in(), None, true, protocols).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(&config));
    soon(connector.connect(name, tcp(address).await))
        .await
        .unwrap()
}

/// One HTTP/2 connection.
pub(crate) struct H2 {
    sender: http2::SendRequest<Full<Bytes>>,
    pub(crate) tasks: TaskTracker,
    origin: String,
}

impl H2 {
    /// With prior knowledge, to the plain listener.
    pub(crate) async fn plain(address: SocketAddr) -> Self {
        Self::over(tcp(address).await, &format!("http://{address}")).await
    }

    /// To the TLS listener, made for `name`.
    pub(crate) async fn tls(address: SocketAddr, name: &str) -> Self {
        let stream = tls(address, name, &[b"h2"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Self::over(stream, &format!("https://{name}")).await
    }

    async fn over(io: impl Io + 'static, origin: &str) -> Self {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io))
            .await
            .unwrap();
        let tasks = TaskTracker::new();
        tasks.spawn(connection);
        Self {
            sender,
            tasks,
            origin: origin.to_owned(),
        }
    }

    /// Sends a request; a `target` with a scheme is sent as it is.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        target: &str,
        fields: &[Field<'_>],
        body: &[u8],
    ) -> hyper::Result<Response<Incoming>> {
        let uri = if target.contains("://") {
            target.to_owned()
        } else {
            format!("{}{target}", self.origin)
        };
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::copy_from_slice(body));
        let answer = self.sender.send_request(request.body(body).unwrap());
        soon(answer).await
    }

    /// Status and whole body.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        target: &str,
        fields: &[Field<'_>],
        body: &[u8],
    ) -> (u16, Bytes) {
        let answer = self.send(method, target, fields, body).await.unwrap();
        let status = answer.status().as_u16();
        let body = soon(answer.into_body().collect()).await.unwrap();
        (status, body.to_bytes())
    }
}
