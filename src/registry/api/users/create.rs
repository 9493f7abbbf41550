//! `POST /api/users`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::super::users::NewUser;
use super::super::caller::Admin;
use super::super::reply;
use super::super::written::{self, Password};
use super::UserInfo;
use crate::domain::validate::FieldError;
use crate::domain::validate::fields::Fields;
use crate::http::Problem;
use crate::http::body::{JSON, read_json};

/// A user to be.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(super) struct UserWritten {
    /// Letters, digits and `. _ @ + -`; no service account has it.
    #[schema(min_length = 1, max_length = 64)]
    username: String,
    #[schema(min_length = 12, max_length = 1024)]
    password: String,
    /// Policy maps groups to scopes.
    groups: Option<Vec<String>>,
    disabled: Option<bool>,
}

/// Adds a local user.
#[utoipa::path(
    post,
    path = "/api/users",
    operation_id = "create_user",
    tag = "users",
    request_body = UserWritten,
    responses(
        (status = 201, description = "the user", body = UserInfo),
        (status = 403, description = "the caller is no administrator", body = Problem),
        (status = 409, description = "the name is taken", body = Problem),
        (status = 422, description = "the body has mistakes", body = Problem),
    ),
)]
pub(in super::super) async fn create(
    State(registry): State<Registry>,
    Admin(user): Admin,
    request: Request,
) -> Result<Response, Problem> {
    let body = read_json(request, &[JSON], registry.body_limits()).await?;
    let new = read(&body).map_err(written::refused)?;
    let made = registry.create_user(&user.actor(), new).await?;
    Ok(reply::json(StatusCode::CREATED, &UserInfo::from(made)))
}

fn read(body: &Value) -> Result<NewUser, Vec<FieldError>> {
    let mut fields = Fields::new(written::object(body)?);
    let username = written::name(&mut fields, "username");
    if !fields.has("password") {
        fields.wrong("password", "is required");
    }
    let password = written::password(&mut fields, "password", Password::New);
    let groups = written::groups(&mut fields, "groups").unwrap_or_default();
    let disabled = fields.flag("disabled").unwrap_or(false);
    let new = username.zip(password).map(|(username, password)| NewUser {
        username,
        password,
        groups,
        disabled,
    });
    written::finish(fields, new)
}
