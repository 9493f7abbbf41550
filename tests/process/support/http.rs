//! A blocking HTTP/1.1 client that hides nothing: every answer, and every failure to get one.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use serde_json::Value;

use super::tls;

/// What is read from and written to.
trait Io: Read + Write + Send {}
impl<T: Read + Write + Send> Io for T {}

/// A connection, kept for several requests.
pub(crate) struct Connection {
    io: BufReader<Box<dyn Io>>,
    host: String,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Headers of a request.
pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

impl Connection {
    /// Plain.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = connect(address)?;
        let io: Box<dyn Io> = Box::new(socket);
        Ok(Self {
            io: BufReader::new(io),
            host: address.to_string(),
        })
    }

    /// TLS to `localhost`, trusting `ca`.
    pub(crate) fn open_tls(address: SocketAddr, ca: &Path) -> io::Result<Self> {
        let socket = connect(address)?;
        let io: Box<dyn Io> = Box::new(tls::client(socket, ca)?);
        let host = format!("localhost:{}", address.port());
        Ok(Self {
            io: BufReader::new(io),
            host,
        })
    }

    /// Sends the head of a request whose body of this length is to come.
    pub(crate) fn announce(
        &mut self,
        method: &str,
        target: &str,
        headers: Headers<'_>,
        length: usize,
    ) -> io::Result<()> {
        let length = length.to_string();
        let headers = [headers, &[("content-length", length.as_str())]].concat();
        self.send_head(method, target, &headers, &[])
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.get_mut().write_all(bytes)?;
        self.io.get_mut().flush()
    }

    /// Sends a request without waiting for its answer.
    pub(crate) fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> io::Result<()> {
        if body.is_empty() && method == "GET" {
            return self.send_head(method, target, headers, body);
        }
        let length = body.len().to_string();
        let headers = [headers, &[("content-length", length.as_str())]].concat();
        self.send_head(method, target, &headers, body)
    }

    fn send_head(
        &mut self,
        method: &str,
        target: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> io::Result<()> {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            head.extend(["host: ", &self.host, "\r\n"]);
        }
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head += "\r\n";
        self.write(&[head.as_bytes(), body].concat())
    }

    /// Reads the head of an answer; its body is still to be read.
    pub(crate) fn head(&mut self) -> io::Result<Reply> {
        let first = self.read_line()?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| io::Error::other(format!("not an HTTP answer: {first:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                return Ok(Reply {
                    status,
                    headers,
                    body: Vec::new(),
                });
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| io::Error::other(format!("not a header: {line:?}")))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Reads a whole answer.
    pub(crate) fn reply(&mut self) -> io::Result<Reply> {
        let mut reply = self.head()?;
        if reply.is_chunked() {
            while let Some(chunk) = self.chunk()? {
                reply.body.extend(chunk);
            }
        } else if let Some(length) = reply.header("content-length") {
            let length = length.parse().map_err(io::Error::other)?;
            reply.body.resize(length, 0);
            self.io.read_exact(&mut reply.body)?;
        } else if !matches!(reply.status, 204 | 304) {
            self.io.read_to_end(&mut reply.body)?;
        }
        Ok(reply)
    }

    /// The next piece of a chunked body; `None` at its clean end.
    pub(crate) fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let size = self.read_line()?;
        let length = usize::from_str_radix(&size, 16)
            .map_err(|_| io::Error::other(format!("not a chunk's size: {size:?}")))?;
        let mut bytes = vec![0; length];
        self.io.read_exact(&mut bytes)?;
        let end = self.read_line()?;
        if !end.is_empty() {
            return Err(io::Error::other("a chunk is longer than it says"));
        }
        Ok((length > 0).then_some(bytes))
    }

    /// A request and its answer.
    pub(crate) fn call(
        &mut self,
        method: &str,
        target: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> io::Result<Reply> {
        self.send(method, target, headers, body)?;
        self.reply()
    }

    /// Claims that the other side has closed the connection, and waits for it.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.io.fill_buf(), Ok([]))
    }

    fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.io.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(is, _)| is == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, super::PATIENCE)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(super::PATIENCE))?;
    socket.set_write_timeout(Some(super::PATIENCE))?;
    Ok(socket)
}

/// One GET on a connection of its own.
pub(crate) fn get(address: SocketAddr, target: &str) -> io::Result<Reply> {
    call(address, "GET", target, &[], &[])
}

/// One request on a connection of its own.
pub(crate) fn call(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: Headers<'_>,
    body: &[u8],
) -> io::Result<Reply> {
    Connection::open(address)?.call(method, target, headers, body)
}
