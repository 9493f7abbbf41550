//! One message: which fields decide, and how they fit together.

use std::borrow::Cow;

use super::keys::{Keys, looks_like};
use super::scan::{Scanner, Text};
use super::{EnvelopeError, Kind, Message};

/// Reads the object that the scanner stands at; `open` is the number of containers around it.
pub(super) fn read<'a>(scanner: &mut Scanner<'a>, open: u32) -> Result<Message<'a>, EnvelopeError> {
    let mut keys = Keys::of(MESSAGE);
    let mut top = Top::default();
    scanner.object(open, |scanner, key| {
        keys.add(key)?;
        let name = key.value();
        match &*name {
            "method" => top.method = Some(string(scanner, open + 1, "method")?.value()),
            "id" => top.id = Some(id(scanner, open + 1)?),
            "params" => top.params = params(scanner, open + 1)?,
            "result" | "error" => {
                top.answers = true;
                scanner.skip_value(open + 1)?;
            }
            name => {
                refuse_look_alike(
                    name,
                    MESSAGE,
                    &["method", "id", "params", "result", "error"],
                )?;
                scanner.skip_value(open + 1)?;
            }
        }
        Ok(())
    })?;
    top.message()
}

#[derive(Default)]
struct Top<'a> {
    method: Option<Cow<'a, str>>,
    id: Option<&'a str>,
    params: Params<'a>,
    answers: bool,
}

impl<'a> Top<'a> {
    fn message(self) -> Result<Message<'a>, EnvelopeError> {
        let (kind, method) = match (self.method, self.id, self.answers) {
            (Some(method), Some(_), false) => (Kind::Request, method),
            (Some(method), None, false) => (Kind::Notification, method),
            (None, _, true) => (Kind::Response, Cow::Borrowed("")),
            (Some(_), _, true) | (None, _, false) => return Err(EnvelopeError::Shape),
        };
        let target = match target_of(&method) {
            Some(Target::Name) => self.params.name.text()?,
            Some(Target::Uri) => self.params.uri.text()?,
            Some(Target::TaskId) => self.params.task_id.text()?,
            None => None,
        };
        Ok(Message {
            kind,
            method,
            id: self.id,
            target,
            version: self.params.version,
        })
    }
}

#[derive(Clone, Copy)]
enum Target {
    Name,
    Uri,
    TaskId,
}

fn target_of(method: &str) -> Option<Target> {
    match method {
        "tools/call" | "prompts/get" => Some(Target::Name),
        "resources/read" => Some(Target::Uri),
        method if method.starts_with("tasks/") => Some(Target::TaskId),
        _ => None,
    }
}

struct Params<'a> {
    name: Field<'a>,
    uri: Field<'a>,
    task_id: Field<'a>,
    version: Option<Cow<'a, str>>,
}

impl Default for Params<'_> {
    fn default() -> Self {
        Self {
            name: Field::new("name", "params.name"),
            uri: Field::new("uri", "params.uri"),
            task_id: Field::new("taskId", "params.taskId"),
            version: None,
        }
    }
}

/// A field that matters only to some methods: what is wrong with it is said once the method is known.
struct Field<'a> {
    key: &'static str,
    path: &'static str,
    value: Option<Cow<'a, str>>,
    wrong: Option<EnvelopeError>,
}

impl<'a> Field<'a> {
    const fn new(key: &'static str, path: &'static str) -> Self {
        Self {
            key,
            path,
            value: None,
            wrong: None,
        }
    }

    fn read(&mut self, scanner: &mut Scanner<'a>, open: u32) -> Result<(), EnvelopeError> {
        if scanner.value_start() == Some(b'"') {
            self.value = Some(scanner.string()?.value());
            return Ok(());
        }
        self.wrong = Some(EnvelopeError::Type {
            field: self.path,
            expected: "a string",
        });
        scanner.skip_value(open)
    }

    fn note_look_alike(&mut self, key: &str) {
        if looks_like(key, self.key) {
            self.wrong = Some(EnvelopeError::LookAlike {
                object: PARAMS,
                field: self.key,
            });
        }
    }

    fn text(self) -> Result<Option<Cow<'a, str>>, EnvelopeError> {
        self.wrong.map_or(Ok(self.value), Err)
    }
}

fn params<'a>(scanner: &mut Scanner<'a>, open: u32) -> Result<Params<'a>, EnvelopeError> {
    let mut params = Params::default();
    if !object_or_null(scanner, open, PARAMS)? {
        return Ok(params);
    }
    let mut keys = Keys::of(PARAMS);
    scanner.object(open, |scanner, key| {
        keys.add(key)?;
        let name = key.value();
        match &*name {
            "name" => params.name.read(scanner, open + 1),
            "uri" => params.uri.read(scanner, open + 1),
            "taskId" => params.task_id.read(scanner, open + 1),
            "_meta" => {
                params.version = meta(scanner, open + 1)?;
                Ok(())
            }
            name => {
                refuse_look_alike(name, PARAMS, &["_meta"])?;
                params.name.note_look_alike(name);
                params.uri.note_look_alike(name);
                params.task_id.note_look_alike(name);
                scanner.skip_value(open + 1)
            }
        }
    })?;
    Ok(params)
}

fn meta<'a>(scanner: &mut Scanner<'a>, open: u32) -> Result<Option<Cow<'a, str>>, EnvelopeError> {
    let mut version = None;
    if !object_or_null(scanner, open, META)? {
        return Ok(version);
    }
    let mut keys = Keys::of(META);
    scanner.object(open, |scanner, key| {
        keys.add(key)?;
        let name = key.value();
        if name == VERSION_KEY {
            version = Some(string(scanner, open + 1, VERSION_PATH)?.value());
            return Ok(());
        }
        refuse_look_alike(&name, META, &[VERSION_KEY])?;
        scanner.skip_value(open + 1)
    })?;
    Ok(version)
}

/// Whether an object stands there; a `null` is stepped over and counts as absent.
fn object_or_null(
    scanner: &mut Scanner<'_>,
    open: u32,
    field: &'static str,
) -> Result<bool, EnvelopeError> {
    match scanner.value_start() {
        Some(b'{') => Ok(true),
        first => {
            scanner.skip_value(open)?;
            if first == Some(b'n') {
                return Ok(false);
            }
            Err(EnvelopeError::Type {
                field,
                expected: "an object",
            })
        }
    }
}

fn string<'a>(
    scanner: &mut Scanner<'a>,
    open: u32,
    field: &'static str,
) -> Result<Text<'a>, EnvelopeError> {
    if scanner.value_start() == Some(b'"') {
        return scanner.string();
    }
    scanner.skip_value(open)?;
    Err(EnvelopeError::Type {
        field,
        expected: "a string",
    })
}

fn id<'a>(scanner: &mut Scanner<'a>, open: u32) -> Result<&'a str, EnvelopeError> {
    let scalar = matches!(
        scanner.value_start(),
        Some(b'"' | b'-' | b'0'..=b'9' | b'n')
    );
    let raw = scanner.raw_value(open)?;
    if scalar {
        return Ok(raw);
    }
    Err(EnvelopeError::Type {
        field: "id",
        expected: "a string or a number",
    })
}

#[inline]
fn refuse_look_alike(
    key: &str,
    object: &'static str,
    fields: &[&'static str],
) -> Result<(), EnvelopeError> {
    match fields.iter().find(|field| looks_like(key, field)) {
        Some(field) => Err(EnvelopeError::LookAlike { object, field }),
        None => Ok(()),
    }
}

const MESSAGE: &str = "the message";
const PARAMS: &str = "`params`";
const META: &str = "`params._meta`";
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const VERSION_PATH: &str = "params._meta[\"io.modelcontextprotocol/protocolVersion\"]";
