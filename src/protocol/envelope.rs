//! The JSON-RPC envelope of a body: what it asks for, read in one pass.
//!
//! Promises: what this says is what every conforming parser reads from the same bytes, or the body is refused. One
//! pass, no document, no allocation unless a decisive string is written with escapes (or a batch is sent).
//! Must not: look into `arguments` or results beyond their syntax, nor judge what is asked.
//!
//! Start reading at [`Envelope::parse`], then `message.rs` for what is read and `scan.rs` for the syntax;
//! [`listing`] reads answers.
//!
//! # Why refuse what JSON allows
//! The bytes are forwarded as they came, so a second reading must not differ from ours. Parsers differ on duplicate
//! keys, on keys that differ only in case (some match them without regard to it), on lone surrogates and on numbers
//! beyond a double; all of these are refused, the first two where decisions are made: at the top, in `params` and in
//! `params._meta`.

mod keys;
pub mod listing;
mod message;
mod scan;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use scan::Scanner;

/// Containers that may be open at once, the outermost included.
pub const MAX_DEPTH: u32 = 64;
/// Messages in one batch.
pub const MAX_BATCH: usize = 1_000;
/// Keys in one object that decisions are made on.
pub const MAX_KEYS: usize = 10_000;

/// What a body asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    content: Content<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content<'a> {
    One(Message<'a>),
    Batch(Vec<Message<'a>>),
}

/// One JSON-RPC message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Whether it asks, tells or answers.
    pub kind: Kind,
    /// The method, unescaped; empty in a response.
    pub method: Cow<'a, str>,
    /// The id as it is written in the body: a number, a string with its quotes, or `null`.
    pub id: Option<&'a str>,
    /// What the method acts on, unescaped: `params.name` of `tools/call` and `prompts/get`, `params.uri` of
    /// `resources/read`, `params.taskId` of `tasks/*`. Nothing for other methods, or where the field is missing.
    pub target: Option<Cow<'a, str>>,
    /// `params._meta["io.modelcontextprotocol/protocolVersion"]`, unescaped.
    pub version: Option<Cow<'a, str>>,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A method with an id: it wants an answer.
    Request,
    /// A method without an id.
    Notification,
    /// A result or an error, sent by a client that was asked by its server.
    Response,
}

/// Why a body was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Some byte sequence is not UTF-8.
    #[error("body is not UTF-8: first wrong byte at {at}; send JSON encoded as UTF-8")]
    Encoding {
        /// Offset in bytes.
        at: usize,
    },
    /// Not JSON.
    #[error("body is not JSON: {rule} at byte {at}")]
    Syntax {
        /// What was expected there.
        rule: &'static str,
        /// Offset in bytes.
        at: usize,
    },
    /// More containers inside each other than [`MAX_DEPTH`].
    #[error("body nests deeper than {MAX_DEPTH} levels at byte {at}")]
    Depth {
        /// Offset in bytes.
        at: usize,
    },
    /// The same key twice in an object that decisions are made on.
    #[error("key repeated in {object}; each key may stand there once")]
    Duplicate {
        /// Which object.
        object: &'static str,
    },
    /// A key that differs from a decisive one only in case.
    #[error(
        "key in {object} that differs from `{field}` only in case; some parsers take it for that field"
    )]
    LookAlike {
        /// Which object.
        object: &'static str,
        /// The field it resembles.
        field: &'static str,
    },
    /// More keys than [`MAX_KEYS`].
    #[error("more than {MAX_KEYS} keys in {object}")]
    Keys {
        /// Which object.
        object: &'static str,
    },
    /// A field of the wrong type.
    #[error("`{field}` must be {expected}")]
    Type {
        /// The field's path in the message.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// Neither method nor answer, or both.
    #[error("message must have either a `method` or one of `result` and `error`")]
    Shape,
    /// An element of a batch, or the whole body, is no object.
    #[error("message must be a JSON object, or an array of them")]
    NotAnObject,
    /// `[]`.
    #[error("batch is empty")]
    EmptyBatch,
    /// More messages than [`MAX_BATCH`].
    #[error("batch has more than {MAX_BATCH} messages")]
    BatchSize,
}

impl EnvelopeError {
    /// The JSON-RPC error code for it: parse error, or invalid request.
    pub const fn code(&self) -> i32 {
        match self {
            Self::Encoding { .. } | Self::Syntax { .. } => super::error::PARSE_ERROR,
            Self::Depth { .. }
            | Self::Duplicate { .. }
            | Self::LookAlike { .. }
            | Self::Keys { .. }
            | Self::Type { .. }
            | Self::Shape
            | Self::NotAnObject
            | Self::EmptyBatch
            | Self::BatchSize => super::error::INVALID_REQUEST,
        }
    }

    /// The label for logs and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Encoding { .. } => "json_encoding",
            Self::Syntax { .. } => "json_syntax",
            Self::Depth { .. } => "json_depth",
            Self::Duplicate { .. } => "json_duplicate_key",
            Self::LookAlike { .. } => "json_look_alike_key",
            Self::Keys { .. } => "json_keys",
            Self::Type { .. } => "json_type",
            Self::Shape => "json_rpc_shape",
            Self::NotAnObject => "json_rpc_not_an_object",
            Self::EmptyBatch => "json_rpc_empty_batch",
            Self::BatchSize => "json_rpc_batch_size",
        }
    }
}

impl<'a> Envelope<'a> {
    /// Reads the envelope of a complete body.
    ///
    /// # Errors
    /// When the body is no JSON-RPC message or batch, or can be read in more than one way.
    pub fn parse(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        let mut scanner = Scanner::new(body)?;
        let content = match scanner.value_start() {
            Some(b'{') => Content::One(message::read(&mut scanner, 0)?),
            Some(b'[') => Content::Batch(batch(&mut scanner)?),
            Some(_) => {
                scanner.skip_value(0)?;
                scanner.end()?;
                return Err(EnvelopeError::NotAnObject);
            }
            None => return Err(scanner.syntax("expected a value")),
        };
        scanner.end()?;
        Ok(Self { content })
    }

    /// The messages, in order; at least one.
    pub fn messages(&self) -> &[Message<'a>] {
        match &self.content {
            Content::One(message) => std::slice::from_ref(message),
            Content::Batch(messages) => messages,
        }
    }

    /// Whether the body is an array, also of a single message.
    pub const fn is_batch(&self) -> bool {
        matches!(self.content, Content::Batch(_))
    }

    /// The message of a body that is not a batch.
    pub const fn single(&self) -> Option<&Message<'a>> {
        match &self.content {
            Content::One(message) => Some(message),
            Content::Batch(_) => None,
        }
    }

    /// The id to echo in an error about the whole body: that of its only request.
    pub fn id(&self) -> Option<&'a str> {
        self.single()
            .filter(|message| message.kind == Kind::Request)
            .and_then(|message| message.id)
    }
}

fn batch<'a>(scanner: &mut Scanner<'a>) -> Result<Vec<Message<'a>>, EnvelopeError> {
    let mut messages = Vec::new();
    let mut failure = None;
    scanner.array(|scanner| {
        if messages.len() == MAX_BATCH {
            return Err(EnvelopeError::BatchSize);
        }
        if scanner.value_start() == Some(b'{') {
            messages.push(message::read(scanner, 1)?);
        } else {
            scanner.skip_value(1)?;
            failure = Some(EnvelopeError::NotAnObject);
        }
        Ok(())
    })?;
    match failure {
        Some(error) => Err(error),
        None if messages.is_empty() => Err(EnvelopeError::EmptyBatch),
        None => Ok(messages),
    }
}

/// Whether the text is nothing but a JSON string, a number or `null`: what an id may be.
pub(super) fn is_id(raw: &str) -> bool {
    let mut scanner = match Scanner::new(raw.as_bytes()) {
        Ok(scanner)
            if raw.starts_with([
                '"', '-', 'n', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9',
            ]) =>
        {
            scanner
        }
        _ => return false,
    };
    scanner
        .raw_value(0)
        .is_ok_and(|value| value.len() == raw.len())
}
