//! A request as it arrived.

/// A request: its bytes, and views of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The head with its empty line.
    pub head: Vec<u8>,
    /// The body without its framing; empty where only the head was read.
    pub body: Vec<u8>,
}

impl Request {
    /// The first request in a buffer and its length there, when it is complete.
    pub fn take(buffer: &[u8], with_body: bool) -> Option<(Self, usize)> {
        let end = memchr::memmem::find(buffer, b"\r\n\r\n")? + 4;
        let (head, rest) = buffer.split_at(end);
        let mut request = Self {
            head: head.to_vec(),
            body: Vec::new(),
        };
        if !with_body {
            return Some((request, end));
        }
        let length = if request.header("transfer-encoding").is_some() {
            let (body, length) = unchunk(rest)?;
            request.body = body;
            length
        } else {
            let length = request
                .header("content-length")
                .map_or(0, |length| length.parse().unwrap());
            request.body = rest.get(..length)?.to_vec();
            length
        };
        Some((request, end + length))
    }

    fn line(&self) -> String {
        String::from_utf8_lossy(&self.head)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// The method.
    pub fn method(&self) -> String {
        self.line().split(' ').next().unwrap_or_default().to_owned()
    }

    /// The target as it was sent.
    pub fn target(&self) -> String {
        self.line().split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// Every header in order, names in lower case, values without outer blanks.
    pub fn headers(&self) -> Vec<(String, String)> {
        let head = String::from_utf8_lossy(&self.head).into_owned();
        let lines = head
            .split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        lines
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect()
    }

    /// The values of one header.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.headers()
            .into_iter()
            .filter(|(found, _)| found == name)
            .map(|(_, value)| value)
            .collect()
    }

    /// The first value of one header.
    pub fn header(&self, name: &str) -> Option<String> {
        self.values(name).into_iter().next()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Itself as JSON: what [`super::Script::echo`] answers.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "method": self.method(),
            "target": self.target(),
            "headers": self.headers(),
            "body": self.text(),
        })
    }
}

fn unchunk(mut rest: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (whole, mut body) = (rest.len(), Vec::new());
    loop {
        let line = memchr::memmem::find(rest, b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size.split(';').next().unwrap().trim(), 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            // Trailers, if any, up to the empty line.
            loop {
                let line = memchr::memmem::find(rest, b"\r\n")?;
                rest = &rest[line + 2..];
                if line == 0 {
                    return Some((body, whole - rest.len()));
                }
            }
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}
