//! `PATCH /api/users/{username}`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::super::users::UserPatch;
use super::super::super::{Error, Registry};
use super::super::caller::account::SelfOrAdmin;
use super::super::reply;
use super::super::written::{self, Password};
use super::UserInfo;
use crate::domain::secret::Secret;
use crate::domain::validate::FieldError;
use crate::domain::validate::fields::Fields;
use crate::http::Problem;
use crate::http::body::{JSON, MERGE_PATCH, read_json};

/// What shall be another; absent fields stay.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(super) struct UserPatched {
    /// Users change their own with `current_password`; an administrator sets anybody's, which ends
    /// that user's sessions, tokens and keys.
    #[schema(min_length = 12, max_length = 1024)]
    password: Option<String>,
    /// For one's own password only.
    current_password: Option<String>,
    /// Taking a group away ends tokens made before; keys with all rights of their owner follow.
    groups: Option<Vec<String>>,
    /// Disabling ends sessions, tokens and keys for good.
    disabled: Option<bool>,
}

/// Changes a local user; without being an administrator, one's own password.
///
/// When the answer is there, the gateways of this process act on it; others within a second.
#[utoipa::path(
    patch,
    path = "/api/users/{username}",
    operation_id = "patch_user",
    tag = "users",
    params(("username" = String, Path, description = "the login name")),
    request_body(content((UserPatched = "application/json"), (UserPatched = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "the user", body = UserInfo),
        (status = 403, description = "the caller is no administrator", body = Problem),
        (status = 404, description = "there is no such user", body = Problem),
        (status = 409, description = "the administrator of the settings is changed there", body = Problem),
        (status = 422, description = "the body has mistakes, or the current password is wrong", body = Problem),
        (status = 429, description = "too many wrong passwords", body = Problem),
    ),
)]
pub(in super::super) async fn patch(
    State(registry): State<Registry>,
    SelfOrAdmin {
        user,
        username,
        own,
        admin,
    }: SelfOrAdmin,
    request: Request,
) -> Result<Response, Problem> {
    let body = read_json(request, &[JSON, MERGE_PATCH], registry.body_limits()).await?;
    let changes = match read(&body).map_err(written::refused)? {
        Written::Own { present, new } if own => {
            let (actor, session) = (user.actor(), user.session.as_ref());
            registry
                .change_own_password(&actor, session, present, new, user.edge.client)
                .await
                .map_err(not_the_present_one)?
        }
        Written::Own { .. } => {
            return Err(Problem::bad_request(
                "current_password is for one's own password",
            ));
        }
        Written::Patch(_) if !admin => {
            return Err(Problem::forbidden(
                "you may change your own password only, with current_password",
            ));
        }
        Written::Patch(patch) => {
            registry
                .change_user(&user.actor(), &username, patch)
                .await?
        }
    };
    Ok(reply::json(StatusCode::OK, &UserInfo::from(changes)))
}

/// Not 401: the session is a good one.
fn not_the_present_one(error: Error) -> Problem {
    match error {
        Error::Login => written::refused(vec![FieldError::new(
            "/current_password",
            &Value::from("***"),
            "is not your current password",
        )]),
        other => other.into(),
    }
}

enum Written {
    Own {
        present: Secret<String>,
        new: Secret<String>,
    },
    Patch(UserPatch),
}

fn read(body: &Value) -> Result<Written, Vec<FieldError>> {
    let mut fields = Fields::new(written::object(body)?);
    let password = written::password(&mut fields, "password", Password::New);
    let present = written::password(&mut fields, "current_password", Password::Present);
    let groups = written::groups(&mut fields, "groups");
    let disabled = fields.flag("disabled");
    let Some(present) = present else {
        let patch = UserPatch {
            password,
            groups,
            disabled,
        };
        return written::finish(fields, Some(Written::Patch(patch)));
    };
    for field in ["groups", "disabled"] {
        if fields.has(field) {
            fields.wrong(field, "cannot be changed together with one's own password");
        }
    }
    if !fields.has("password") {
        fields.wrong("password", "is required beside current_password");
    }
    written::finish(fields, password.map(|new| Written::Own { present, new }))
}
