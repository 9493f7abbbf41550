//! Addresses of browsers that existing installations know: all lead to pages of the UI.

use axum::response::Redirect;

/// `GET /api/auth/login`, `GET /api/auth/logout`: never changes anything.
pub(in super::super) async fn to_login() -> Redirect {
    Redirect::to("/login")
}

/// Older pages of the UI.
pub(in super::super) async fn to_ui() -> Redirect {
    Redirect::to("/ui/")
}
