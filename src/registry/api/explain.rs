//! `GET /api/explain`

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Registry;
use super::super::policy::{Answer, Question, Who, Wish};
use super::caller::User;
use super::reply;
use crate::domain::path::ServerPath;
use crate::domain::policy::explain::{HeldScope, Remedy, RuleFinding};
use crate::http::Problem;
use crate::http::query::Query;

/// A verdict and what gave or withheld it.
#[derive(Serialize, ToSchema)]
pub(super) struct Explained {
    user: String,
    server: String,
    /// As the gateway decides.
    allowed: bool,
    /// The whole of it in a sentence.
    summary: String,
    /// The user's scopes, and their rules for the server.
    scopes: Vec<ExplainedScope>,
    /// Scopes that would allow it, for admins.
    remedies: Vec<ExplainedRemedy>,
    /// What the user may do with the server in the registry.
    ui_permissions: BTreeMap<&'static str, bool>,
}

/// A scope of the user.
#[derive(Serialize, ToSchema)]
pub(super) struct ExplainedScope {
    name: String,
    /// The groups it comes from; none where the credential itself names it.
    groups: Vec<String>,
    /// Whether the policy has it.
    known: bool,
    rules: Vec<ExplainedRule>,
}

/// A rule that applies to the server.
#[derive(Serialize, ToSchema)]
pub(super) struct ExplainedRule {
    /// Its place among the scope's rules, from 1.
    number: usize,
    allows: bool,
    /// In words.
    says: String,
}

/// A scope that would do.
#[derive(Serialize, ToSchema)]
pub(super) struct ExplainedRemedy {
    scope: String,
    /// The groups that have it.
    groups: Vec<String>,
}

impl Explained {
    fn new(answer: Answer, server: &ServerPath) -> Self {
        let scopes = answer.policy.scopes.into_iter();
        let remedies = answer.policy.remedies.into_iter();
        Self {
            user: answer.username,
            server: server.to_string(),
            allowed: answer.allowed,
            summary: answer.summary,
            scopes: scopes.map(ExplainedScope::from).collect(),
            remedies: remedies.map(ExplainedRemedy::from).collect(),
            ui_permissions: answer.permissions,
        }
    }
}

impl From<HeldScope> for ExplainedScope {
    fn from(scope: HeldScope) -> Self {
        Self {
            name: scope.name,
            groups: scope.groups,
            known: scope.known,
            rules: scope.rules.into_iter().map(ExplainedRule::from).collect(),
        }
    }
}

impl From<RuleFinding> for ExplainedRule {
    fn from(rule: RuleFinding) -> Self {
        Self {
            number: rule.number,
            allows: rule.allows,
            says: rule.says,
        }
    }
}

impl From<Remedy> for ExplainedRemedy {
    fn from(remedy: Remedy) -> Self {
        Self {
            scope: remedy.scope,
            groups: remedy.groups,
        }
    }
}

/// Why somebody may use a server, or may not.
///
/// Without `method` and `tool`: whether they may use it at all. Everybody may ask of themselves,
/// admins of anybody. For users that only an identity provider knows, say which groups and scopes
/// their token names.
#[utoipa::path(
    get,
    path = "/api/explain",
    operation_id = "explain",
    tag = "policy",
    params(
        ("server" = String, Query, description = "the server's path"),
        ("user" = Option<String>, Query, description = "name of a local user, or anonymous; absent: the caller"),
        ("tool" = Option<String>, Query, description = "a tool to be called"),
        ("method" = Option<String>, Query, description = "a JSON-RPC method; tools/call where a tool is given"),
        ("groups" = Option<String>, Query, description = "groups that the user's token names, separated by commas; admins only"),
        ("scopes" = Option<String>, Query, description = "scopes that it names, separated by commas; admins only"),
    ),
    responses(
        (status = 200, description = "the verdict", body = Explained),
        (status = 400, description = "a parameter is missing or wrong", body = Problem),
        (status = 403, description = "another user, without being an admin", body = Problem),
        (status = 404, description = "no such user; or no such server for the caller", body = Problem),
    ),
)]
pub(super) async fn explain(
    State(registry): State<Registry>,
    user: User,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let question = question(query.as_deref().unwrap_or(""))?;
    let answer = registry.explain(&user.principal, &question).await?;
    let explained = Explained::new(answer, &question.server);
    Ok(reply::json(StatusCode::OK, &explained))
}

fn question(query: &str) -> Result<Question, Problem> {
    let mut query = Query::parse(query)?;
    let server = query
        .text("server")
        .ok_or_else(|| Problem::bad_request("the parameter server is required"))?;
    let server = ServerPath::parse(&server)
        .map_err(|rule| Problem::bad_request(format!("the parameter server: {rule}")))?;
    let wish = match (query.text("method"), query.text("tool")) {
        (None, None) => Wish::Use,
        (Some(method), None) => Wish::Method(method),
        (Some(method), Some(_)) if method != "tools/call" => {
            return Err(Problem::bad_request(
                "the parameter tool goes with the method tools/call only",
            ));
        }
        (_, Some(tool)) => Wish::Tool(tool),
    };
    let list = |text: Option<String>| -> Option<Vec<String>> {
        text.map(|text| text.split(',').map(|one| one.trim().to_owned()).collect())
    };
    let name = query.text("user");
    let (groups, scopes) = (list(query.text("groups")), list(query.text("scopes")));
    query.end()?;
    let who = match (name, groups.is_some() || scopes.is_some()) {
        (name, true) => Who::With {
            name: name.unwrap_or_else(|| "somebody".to_owned()),
            scopes: scopes.unwrap_or_default(),
            groups: groups.unwrap_or_default(),
        },
        (Some(name), false) => Who::Named(name),
        (None, false) => Who::Caller,
    };
    Ok(Question { who, server, wish })
}
