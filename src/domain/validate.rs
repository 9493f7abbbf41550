//! From what people write to a [`ServerDefinition`]: every mistake at once.
//!
//! Promises: a definition that comes out of [`definition`] keeps every rule of the product; what
//! does not is answered with one [`FieldError`] per mistake, none of which shows a secret. Must not
//! do I/O. Start with [`definition`]; partial changes go through [`patch::patched`] first.

mod endpoints;
pub(crate) mod fields;
mod headers;
pub mod patch;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use self::fields::{Fields, Text};
use super::path::ServerPath;
use super::server::{ServerDefinition, ToolEntry, Transport, UpstreamTls};

/// One mistake in a written definition.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "registry", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the value.
    pub field: String,
    /// The value as it was written; `"***"` where it may be a secret.
    pub value: Value,
    /// What must hold.
    pub rule: String,
}

impl FieldError {
    /// A mistake at a JSON pointer.
    pub fn new(field: impl Into<String>, value: &Value, rule: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            value: fields::shown(value),
            rule: rule.into(),
        }
    }
}

/// Who wrote the definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A request: unknown fields are mistakes, what the registry keeps itself is ignored.
    Api,
    /// A file of an existing installation: unknown fields are reported and left out, tools count.
    File,
}

/// What a definition is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Who wrote it.
    pub source: Source,
    /// Host of the short form that names only a port.
    pub default_host: &'a str,
    /// What the definition replaces: gives the path and the values behind `"***"`.
    pub existing: Option<&'a ServerDefinition>,
}

/// A definition, and what of the text was left out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// Keeps every rule.
    pub definition: ServerDefinition,
    /// Unknown fields of a file.
    pub ignored: Vec<String>,
}

/// Reads a definition.
///
/// # Errors
/// Every mistake, in the order of the fields.
pub fn definition(body: &Value, context: &Context<'_>) -> Result<Validated, Vec<FieldError>> {
    let Value::Object(map) = body else {
        return Err(vec![FieldError::new("", body, "must be a JSON object")]);
    };
    let mut fields = Fields::new(map);
    let name = name(&mut fields);
    let path = path(&mut fields, context);
    let transports = transports(&mut fields);
    let urls = endpoints::read(&mut fields, context.default_host, &transports);
    let headers = headers::read(&mut fields, &urls, context.existing);
    let definition = path.map(|path| ServerDefinition {
        server_name: name.unwrap_or_default(),
        description: fields
            .text("description", Text::lines(4_000))
            .unwrap_or_default(),
        proxy_pass_url: urls.base,
        transport: transport(&mut fields),
        supported_transports: transports,
        mcp_endpoint: urls.mcp,
        sse_endpoint: urls.sse,
        auth_type: auth_type(&mut fields),
        auth_provider: fields.optional_text("auth_provider", Text::line(100)),
        headers,
        tags: tags(&mut fields),
        license: fields
            .text("license", Text::line(200))
            .unwrap_or_else(|| "N/A".to_owned()),
        num_stars: stars(&mut fields),
        is_python: fields.flag("is_python").unwrap_or(false),
        tool_list: tools(&mut fields, context),
        enabled: enabled(&mut fields, context),
        public: fields.flag("public").unwrap_or(false),
        passthrough: fields.flag("passthrough").unwrap_or(false),
        forward_authorization: fields.flag("forward_authorization").unwrap_or(false),
        timeout: fields
            .optional_integer("timeout", 1, 86_400)
            .and_then(|n| u32::try_from(n).ok()),
        tls: tls(&mut fields),
        metadata: metadata(&mut fields),
        path,
    });
    // Without a path the rest must still be judged.
    if definition.is_none() {
        judge_rest(&mut fields, context);
    }
    let ignored = unknown(&mut fields, context.source);
    match (definition, fields.into_errors()) {
        (Some(definition), errors) if errors.is_empty() => Ok(Validated {
            definition,
            ignored,
        }),
        (_, errors) => Err(errors),
    }
}

fn judge_rest(fields: &mut Fields<'_>, context: &Context<'_>) {
    fields.text("description", Text::lines(4_000));
    transport(fields);
    auth_type(fields);
    fields.optional_text("auth_provider", Text::line(100));
    tags(fields);
    fields.text("license", Text::line(200));
    stars(fields);
    for flag in [
        "is_python",
        "public",
        "passthrough",
        "forward_authorization",
    ] {
        fields.flag(flag);
    }
    tools(fields, context);
    enabled(fields, context);
    fields.optional_integer("timeout", 1, 86_400);
    tls(fields);
    metadata(fields);
}

/// `server_name`; `name` is its short spelling.
fn name(fields: &mut Fields<'_>) -> Option<String> {
    let short = fields.text("name", Text::line(200).required());
    let full = fields.text("server_name", Text::line(200).required());
    if full.is_none() && short.is_none() && !fields.has("server_name") && !fields.has("name") {
        fields.wrong("server_name", "is required");
    }
    full.or(short)
}

fn path(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<ServerPath> {
    let written = match (fields.raw("path"), fields.raw("name")) {
        (Some(Value::String(text)), _) => match ServerPath::parse(text) {
            Ok(path) => Some(path),
            Err(rule) => {
                fields.wrong("path", rule.to_string());
                return None;
            }
        },
        (Some(_), _) => {
            fields.wrong("path", "must be a text such as /fininfo");
            return None;
        }
        (None, _) if context.existing.is_some() => None,
        (None, Some(Value::String(name))) => match ServerPath::parse(name) {
            Ok(path) => Some(path),
            Err(rule) => {
                fields.wrong(
                    "name",
                    format!("cannot serve as path ({rule}); give path as well"),
                );
                return None;
            }
        },
        (None, _) => {
            fields.wrong("path", "is required, such as /fininfo");
            return None;
        }
    };
    let Some(existing) = context.existing else {
        return written;
    };
    if written.as_ref().is_some_and(|path| *path != existing.path) {
        fields.wrong(
            "path",
            format!(
                "must be {}, the id in the URL; to move a server, add it anew",
                existing.path
            ),
        );
    }
    Some(existing.path.clone())
}

fn transports(fields: &mut Fields<'_>) -> Vec<Transport> {
    const RULE: &str = "must be streamable-http, sse or stdio";
    let Some(items) = fields.list("supported_transports", 3) else {
        return vec![Transport::StreamableHttp];
    };
    if items.is_empty() {
        fields.wrong("supported_transports", "must hold at least one transport");
    }
    let mut transports = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item.as_str().and_then(transport_named) {
            Some(transport) if transports.contains(&transport) => {}
            Some(transport) => transports.push(transport),
            None => fields.wrong_at(format!("/supported_transports/{index}"), item, RULE),
        }
    }
    transports
}

fn transport_named(text: &str) -> Option<Transport> {
    match text {
        "streamable-http" => Some(Transport::StreamableHttp),
        "sse" => Some(Transport::Sse),
        "stdio" => Some(Transport::Stdio),
        _ => None,
    }
}

fn transport(fields: &mut Fields<'_>) -> String {
    fields
        .one_of("transport", &["auto", "streamable-http", "sse", "stdio"])
        .unwrap_or("auto")
        .to_owned()
}

fn auth_type(fields: &mut Fields<'_>) -> String {
    let written = fields.one_of(
        "auth_type",
        &["none", "oauth", "api_key", "api-key", "bearer"],
    );
    written
        .map_or(
            "none",
            |text| if text == "api-key" { "api_key" } else { text },
        )
        .to_owned()
}

fn tags(fields: &mut Fields<'_>) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for (index, item) in fields
        .list("tags", 50)
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        match Text::line(100).required().check(item) {
            Ok(tag) if tags.contains(&tag) => {}
            Ok(tag) => tags.push(tag),
            Err(rule) => fields.wrong_at(format!("/tags/{index}"), item, rule),
        }
    }
    tags
}

fn stars(fields: &mut Fields<'_>) -> f64 {
    match fields.raw("num_stars") {
        None => 0.0,
        Some(value) => match value.as_f64() {
            Some(stars) if (0.0..=1e9).contains(&stars) => stars,
            _ => {
                fields.wrong("num_stars", "must be a number from 0 to 1000000000");
                0.0
            }
        },
    }
}

/// Late files of existing installations call it `is_enabled`; in a request that one is read-only.
fn enabled(fields: &mut Fields<'_>, context: &Context<'_>) -> bool {
    let late = match context.source {
        Source::File => fields.flag("is_enabled"),
        Source::Api => None,
    };
    fields.flag("enabled").or(late).unwrap_or(true)
}

/// Written by people only in files; a request keeps what is known.
fn tools(fields: &mut Fields<'_>, context: &Context<'_>) -> Vec<ToolEntry> {
    if context.source == Source::Api {
        return context
            .existing
            .map(|existing| existing.tool_list.clone())
            .unwrap_or_default();
    }
    let items = fields.list("tool_list", MAX_TOOLS).unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        let name = item.get("name").and_then(Value::as_str).map_or(0, str::len);
        if !item.is_object() || name == 0 || name > 200 {
            fields.wrong_at(
                format!("/tool_list/{index}"),
                item,
                "must be an object with a name of 1 to 200 characters",
            );
        }
    }
    if items.iter().map(fields::size).sum::<usize>() > MAX_TOOL_BYTES {
        fields.wrong("tool_list", "must be at most 1 MiB");
    }
    items.to_vec()
}

fn tls(fields: &mut Fields<'_>) -> Option<UpstreamTls> {
    let value = fields.raw("tls").filter(|value| !value.is_null())?;
    let Value::Object(map) = value else {
        fields.wrong(
            "tls",
            "must be an object with ca (PEM) and insecure (true or false)",
        );
        return None;
    };
    let mut inner = Fields::below(map, "/tls");
    let insecure = inner.flag("insecure").unwrap_or(false);
    let ca = inner.optional_text("ca", Text::lines(65_536));
    if ca
        .as_deref()
        .is_some_and(|pem| !is_pem_of_certificates(pem))
    {
        inner.wrong("ca", "must hold one or more certificates in PEM form");
    }
    for unknown in inner.unknown() {
        inner.wrong(&unknown, "is not a field of tls; known are ca and insecure");
    }
    fields.absorb(inner);
    Some(UpstreamTls { ca, insecure })
}

fn is_pem_of_certificates(text: &str) -> bool {
    let mut blocks = 0_usize;
    for block in x509_parser::pem::Pem::iter_from_buffer(text.as_bytes()) {
        match block {
            Ok(pem) if pem.label == "CERTIFICATE" && pem.parse_x509().is_ok() => blocks += 1,
            _ => return false,
        }
    }
    blocks > 0
}

fn metadata(fields: &mut Fields<'_>) -> BTreeMap<String, Value> {
    match fields.raw("metadata") {
        None => BTreeMap::new(),
        Some(value @ Value::Object(map)) => {
            if fields::size(value) > 65_536 {
                fields.wrong("metadata", "must be at most 64 KiB");
            }
            map.iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        }
        Some(_) => {
            fields.wrong("metadata", "must be an object");
            BTreeMap::new()
        }
    }
}

/// Judges what no reader has asked for.
fn unknown(fields: &mut Fields<'_>, source: Source) -> Vec<String> {
    let mut ignored = Vec::new();
    for name in fields.unknown() {
        if let Some((_, remedy)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            wrong_name(fields, &name, (*remedy).to_owned());
        } else if READ_ONLY.contains(&name.as_str()) {
            // GET -> PUT must work.
        } else if source == Source::File {
            ignored.push(name);
        } else {
            wrong_name(
                fields,
                &name,
                format!("is not a field of a server definition{}", hint(&name)),
            );
        }
    }
    ignored
}

/// What is written under such a name may be a secret.
fn wrong_name(fields: &mut Fields<'_>, name: &str, rule: String) {
    let lower = name.to_ascii_lowercase();
    if SECRETIVE.iter().any(|part| lower.contains(part)) {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        fields.wrong_at(pointer, &Value::from(patch::KEPT), rule);
    } else {
        fields.wrong(name, rule);
    }
}

fn hint(name: &str) -> &'static str {
    match name {
        "url" | "proxyPassUrl" | "proxy_url" => "; the address is proxy_pass_url",
        "serverName" | "display_name" | "title" => "; the display name is server_name",
        "auth_scheme" => "; the kind of credentials is auth_type",
        "tools" => "; tools are found by asking the server",
        _ => "; the API's page lists all fields",
    }
}

const SECRETIVE: &[&str] = &[
    "auth",
    "credential",
    "header",
    "key",
    "pass",
    "secret",
    "token",
];

/// Kept by the registry itself; in a written body they are ignored.
const READ_ONLY: &[&str] = &[
    "id",
    "created_at",
    "updated_at",
    "created_by",
    "updated_by",
    "health",
    "num_tools",
    "tool_list",
    "is_enabled",
    "registered_at",
    "registered_by",
];

/// Fields of newer versions whose silent loss would expose a server or a credential.
const REFUSED: &[(&str, &str)] = &[
    (
        "visibility",
        "is not supported: scopes decide who may use a server; leave the field out and limit access by scopes, or set enabled to false",
    ),
    (
        "allowed_groups",
        "is not supported: scopes decide who may use a server; leave the field out and limit access by scopes, or set enabled to false",
    ),
    (
        "auth_credential",
        "is not supported: put the credential into headers, where it is sealed",
    ),
    (
        "auth_credential_encrypted",
        "cannot be read here: write the credential into headers, where it is sealed anew",
    ),
    (
        "custom_headers",
        "is not supported: write them into headers, where they are sealed",
    ),
    (
        "custom_headers_encrypted",
        "cannot be read here: write them into headers, where they are sealed anew",
    ),
];

const MAX_TOOLS: usize = 1_000;
const MAX_TOOL_BYTES: usize = 1 << 20;
