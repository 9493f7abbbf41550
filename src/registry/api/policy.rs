//! `/api/policy`: the policy as JSON, or as the text of a `scopes.yml`.

pub(super) mod read;
pub(super) mod replace;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::super::Registry;
use super::super::policy::yaml;
use super::reply;
use crate::domain::policy::document;
use crate::domain::time::Timestamp;
use crate::domain::validate::FieldError;
use crate::http::{Problem, body};

/// The answer in the form that was asked for.
fn answer(
    registry: &Registry,
    headers: &HeaderMap,
    warnings: &[FieldError],
) -> Result<Response, Problem> {
    let view = registry.view();
    let rules = view.access.policy.rules();
    let mut response = if asks_for_yaml(headers) {
        let text = yaml::write(rules).map_err(|_| Problem::internal())?;
        let headers = [(CONTENT_TYPE, YAML[0]), (CACHE_CONTROL, "no-store")];
        (headers, text).into_response()
    } else {
        let mut value = document::write(rules);
        let origin = &view.policy;
        if let Value::Object(map) = &mut value {
            let updated_at = origin.updated_at.map(Timestamp::to_rfc3339);
            map.insert("version".to_owned(), json!(origin.version));
            map.insert("updated_at".to_owned(), json!(updated_at));
            map.insert("updated_by".to_owned(), json!(origin.updated_by));
            map.insert("warnings".to_owned(), json!(warnings));
        }
        reply::json(StatusCode::OK, &value)
    };
    reply::set_etag(&mut response, &view.policy.etag());
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

fn asks_for_yaml(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(|one| one.split(';').next().unwrap_or("").trim())
        .find_map(|one| {
            let is_yaml = YAML.iter().any(|yaml| one.eq_ignore_ascii_case(yaml));
            (is_yaml || one.eq_ignore_ascii_case(body::JSON)).then_some(is_yaml)
        })
        .unwrap_or(false)
}

/// RFC 9512, and what was written before it.
const YAML: [&str; 4] = [
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
];

/// Who may do what. In lists of names, `*` is every one; methods, tools and permissions may also be
/// `all`.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes a body that is read and written field by field"
)]
pub(super) struct PolicyDocument {
    /// What each scope allows. A scope that is not here allows nothing.
    scopes: BTreeMap<String, ScopeDocument>,
    /// The scopes of each group of the identity provider. The group `anonymous` is that of callers
    /// without a credential.
    #[schema(required = false)]
    group_mappings: BTreeMap<String, BTreeSet<String>>,
    /// How often it was written; 0 is the embedded default.
    #[schema(read_only)]
    version: u64,
    /// When it was last written.
    #[schema(read_only, required = true, format = DateTime)]
    updated_at: Option<String>,
    /// By whom.
    #[schema(read_only, required = true)]
    updated_by: Option<String>,
    /// What was left out of a written text, or may surprise.
    #[schema(read_only)]
    warnings: Vec<FieldError>,
}

/// What one scope allows.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes a body that is read and written field by field"
)]
pub(super) struct ScopeDocument {
    /// May read and change everything in the registry.
    #[schema(required = false)]
    admin: bool,
    /// MCP traffic.
    #[schema(required = false)]
    servers: Vec<RuleDocument>,
    /// The registry's API: servers by permission, such as `list_service`.
    #[schema(required = false)]
    ui_permissions: BTreeMap<String, Vec<String>>,
    /// Rules for agents, kept as they are.
    #[schema(required = false)]
    agents: Vec<AgentDocument>,
}

/// What is allowed at some servers.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes a body that is read and written field by field"
)]
pub(super) struct RuleDocument {
    /// Paths, slashes at their ends do not matter.
    #[schema(example = json!(["currenttime"]))]
    servers: Vec<String>,
    /// JSON-RPC methods.
    #[schema(example = json!(["initialize", "tools/list", "tools/call"]))]
    methods: Vec<String>,
    /// What `tools/call` may name.
    #[schema(required = false, example = json!(["*"]))]
    tools: Vec<String>,
}

/// A rule for agents.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes a body that is read and written field by field"
)]
pub(super) struct AgentDocument {
    /// Such as `list_agents`.
    action: String,
    /// Paths of agents.
    resources: Vec<String>,
}
