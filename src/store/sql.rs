//! The little that the repositories need of a driver: statements with values, rows of values.
//!
//! Both databases understand the same statements (`$1` placeholders, `ON CONFLICT`, `RETURNING`),
//! so there is one repository each and not two.

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use serde::de::DeserializeOwned;

use super::Error;
use crate::domain::ids::Revision;
use crate::domain::time::Timestamp;

/// A connection inside a transaction. Dropped, it rolls back.
///
/// A statement that failed, or whose future was dropped, spoils the transaction: all after it, and
/// `commit`, answer [`spoiled`].
#[async_trait]
pub(super) trait Connection: Send + 'static {
    /// Runs a statement; how many rows it changed.
    async fn execute(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, Error>;

    /// Runs a statement and takes its rows.
    async fn fetch(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Error>;

    /// Makes everything durable. `counted` is the number of this commit where it wrote; `changed`
    /// the new revision where there is one, for other processes.
    async fn commit(self, counted: Option<Commits>, changed: Option<Revision>)
    -> Result<(), Error>;
}

/// Why a transaction does not go on after a statement that failed or whose answer nobody took.
pub(super) fn spoiled() -> Error {
    Error::Failed(anyhow::anyhow!(
        "a statement before failed or was cancelled; nothing of the transaction is kept"
    ))
}

/// How many commits wrote to a database; a stored number lower than one seen means lost writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Commits(pub(super) u64);

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Text.
    Text(String),
    /// A number, a moment or a flag.
    Int(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// No number.
    NoInt,
    /// No bytes.
    NoBytes,
}

impl Value {
    pub(super) fn unsigned(number: u64) -> Result<Self, Error> {
        i64::try_from(number)
            .map(Self::Int)
            .map_err(|error| Error::Failed(error.into()))
    }

    pub(super) fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        serde_json::to_string(value)
            .map(Self::Text)
            .map_err(|error| Error::Failed(error.into()))
    }

    pub(super) fn bytes(bytes: Option<Vec<u8>>) -> Self {
        bytes.map_or(Self::NoBytes, Self::Bytes)
    }

    /// Text, number or bytes with its length, so that no two rows read the same.
    fn digest(&self, context: &mut Context) {
        let (tag, bytes): (u8, &[u8]) = match self {
            Self::NoInt | Self::NoBytes => (0, &[]),
            Self::Int(number) => return digest_part(context, 1, &number.to_be_bytes()),
            Self::Text(text) => (2, text.as_bytes()),
            Self::Bytes(bytes) => (3, bytes),
        };
        digest_part(context, tag, bytes);
    }
}

fn digest_part(context: &mut Context, tag: u8, bytes: &[u8]) {
    context.update(&[tag]);
    context.update(&bytes.len().to_be_bytes());
    context.update(bytes);
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&[u8; 32]> for Value {
    fn from(bytes: &[u8; 32]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Self {
        Self::Int(moment.unix())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(flag.into())
    }
}

/// Adds the row's checksum as its last value: a flipped bit on the disk must not route traffic.
pub(super) fn with_checksum(mut values: Vec<Value>) -> Vec<Value> {
    let checksum = checksum(&values);
    values.push(Value::Bytes(checksum));
    values
}

fn checksum(values: &[Value]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for value in values {
        value.digest(&mut context);
    }
    context
        .finish()
        .as_ref()
        .iter()
        .take(CHECKSUM_LENGTH)
        .copied()
        .collect()
}

/// A row as it came, in the order of the statement's columns.
#[derive(Clone, Debug)]
pub(super) struct Row(pub(super) Vec<Value>);

impl Row {
    /// Reads column after column; the first one is the row's key in errors.
    pub(super) fn reader(self, table: &'static str) -> Reader {
        let row = match self.0.first() {
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Int(number)) => number.to_string(),
            Some(Value::Bytes(_) | Value::NoInt | Value::NoBytes) | None => String::new(),
        };
        Reader {
            table,
            row,
            cells: self.0.into_iter(),
        }
    }

    /// The same, after the checksum in the last column was compared.
    pub(super) fn checked(mut self, table: &'static str) -> Result<Reader, Error> {
        let stored = self.0.pop();
        let expected = Value::Bytes(checksum(&self.0));
        let reader = self.reader(table);
        if stored != Some(expected) {
            let cause = anyhow::anyhow!("the row does not match its checksum");
            return Err(reader.corrupt("checksum", cause));
        }
        Ok(reader)
    }
}

/// Reads a row's columns in order. What is not as it was written is [`Error::Corrupt`].
#[derive(Debug)]
pub(super) struct Reader {
    table: &'static str,
    row: String,
    cells: std::vec::IntoIter<Value>,
}

impl Reader {
    pub(super) fn corrupt(&self, column: &'static str, source: anyhow::Error) -> Error {
        Error::Corrupt {
            table: self.table,
            column,
            row: self.row.clone(),
            source,
        }
    }

    fn other(&self, column: &'static str, expected: &str) -> Error {
        self.corrupt(column, anyhow::anyhow!("expected {expected}"))
    }

    pub(super) fn text(&mut self, column: &'static str) -> Result<String, Error> {
        match self.cells.next() {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(self.other(column, "text")),
        }
    }

    pub(super) fn int(&mut self, column: &'static str) -> Result<i64, Error> {
        self.maybe_int(column)?
            .ok_or_else(|| self.other(column, "a number"))
    }

    pub(super) fn maybe_int(&mut self, column: &'static str) -> Result<Option<i64>, Error> {
        match self.cells.next() {
            Some(Value::Int(number)) => Ok(Some(number)),
            Some(Value::NoInt | Value::NoBytes) => Ok(None),
            _ => Err(self.other(column, "a number or nothing")),
        }
    }

    pub(super) fn maybe_bytes(&mut self, column: &'static str) -> Result<Option<Vec<u8>>, Error> {
        match self.cells.next() {
            Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Value::NoInt | Value::NoBytes) => Ok(None),
            _ => Err(self.other(column, "bytes or nothing")),
        }
    }

    pub(super) fn bytes(&mut self, column: &'static str) -> Result<Vec<u8>, Error> {
        self.maybe_bytes(column)?
            .ok_or_else(|| self.other(column, "bytes"))
    }

    pub(super) fn maybe_hash(&mut self, column: &'static str) -> Result<Option<[u8; 32]>, Error> {
        let bytes = self.maybe_bytes(column)?;
        bytes
            .map(|bytes| bytes.try_into().map_err(|_| self.other(column, "32 bytes")))
            .transpose()
    }

    pub(super) fn hash(&mut self, column: &'static str) -> Result<[u8; 32], Error> {
        self.maybe_hash(column)?
            .ok_or_else(|| self.other(column, "32 bytes"))
    }

    pub(super) fn unsigned(&mut self, column: &'static str) -> Result<u64, Error> {
        let number = self.int(column)?;
        u64::try_from(number).map_err(|error| self.corrupt(column, error.into()))
    }

    pub(super) fn moment(&mut self, column: &'static str) -> Result<Timestamp, Error> {
        self.int(column).map(Timestamp::from_unix)
    }

    pub(super) fn flag(&mut self, column: &'static str) -> Result<bool, Error> {
        self.int(column).map(|number| number != 0)
    }

    /// Parses text with the type's own rules.
    pub(super) fn parse<T>(&mut self, column: &'static str) -> Result<T, Error>
    where
        T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        let text = self.text(column)?;
        text.parse()
            .map_err(|error: T::Err| self.corrupt(column, error.into()))
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self, column: &'static str) -> Result<T, Error> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|error| self.corrupt(column, error.into()))
    }
}

const CHECKSUM_LENGTH: usize = 16;
