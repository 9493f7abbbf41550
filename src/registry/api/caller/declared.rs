//! The policy of an operation, from the arguments of its handler.
//!
//! Promises: what the description says under `x-mcp-policy` is what the handler's own extractors
//! hold callers to; nobody writes it by hand. Start with [`declare`].

use axum::Extension;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::HeaderMap;
use serde_json::json;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::Paths;

use super::account::SelfOrAdmin;
use super::server::{OnServer, Permissions, Registrar};
use super::{Admin, Anybody, Caller, Gateway, User};
use crate::domain::policy::Permission;

/// Who is let in.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Declared {
    callers: &'static [&'static str],
    /// One of these is needed; for callers that are not admins.
    permissions: &'static [Permission],
}

/// An argument of a handler.
pub(in super::super) trait Argument {
    /// What it holds callers to; nothing where it does not look at them.
    const DECLARED: Option<Declared> = None;
}

/// A handler; `A` are its arguments.
pub(in super::super) trait Handler<A> {
    /// What the first argument that looks at callers holds them to.
    const DECLARED: Option<Declared>;
}

/// Writes the handler's policy into its operation.
pub(in super::super) fn declare<A, H: Handler<A>>(paths: &mut Paths, _: &H) {
    let Some(declared) = H::DECLARED else { return };
    let names: Vec<&str> = declared
        .permissions
        .iter()
        .map(|one| one.as_str())
        .collect();
    let value = json!({ "callers": declared.callers, "permissions": names });
    for item in paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
        ];
        for operation in operations.into_iter().flatten() {
            let extensions = operation.extensions.get_or_insert_default();
            extensions.merge(
                ExtensionsBuilder::new()
                    .add(EXTENSION, value.clone())
                    .build(),
            );
        }
    }
}

const fn of(callers: &'static [&'static str]) -> Declared {
    Declared {
        callers,
        permissions: &[],
    }
}

impl Argument for Anybody {
    const DECLARED: Option<Declared> = Some(of(&["anybody"]));
}

impl Argument for Caller {
    const DECLARED: Option<Declared> = Some(Declared {
        callers: &["anonymous", "user", "gateway"],
        permissions: &[Permission::List],
    });
}

impl Argument for User {
    const DECLARED: Option<Declared> = Some(of(&["user"]));
}

impl Argument for Admin {
    const DECLARED: Option<Declared> = Some(of(&["admin"]));
}

impl Argument for SelfOrAdmin {
    const DECLARED: Option<Declared> = Some(of(&["self", "admin"]));
}

impl Argument for Gateway {
    const DECLARED: Option<Declared> = Some(of(&["gateway"]));
}

impl Argument for Registrar {
    const DECLARED: Option<Declared> = Some(Declared {
        callers: &["user"],
        permissions: &[Permission::Register],
    });
}

impl<P: Permissions> Argument for OnServer<P> {
    const DECLARED: Option<Declared> = Some(Declared {
        callers: if P::ANONYMOUS {
            &["anonymous", "user"]
        } else {
            &["user"]
        },
        permissions: P::ANY_OF,
    });
}

impl<T> Argument for State<T> {}
impl<T> Argument for Path<T> {}
impl<T> Argument for Extension<T> {}
impl Argument for RawQuery {}
impl Argument for Request {}
impl Argument for HeaderMap {}

const fn first<const N: usize>(all: [Option<Declared>; N]) -> Option<Declared> {
    let mut rest: &[Option<Declared>] = &all;
    while let [one, more @ ..] = rest {
        if one.is_some() {
            return *one;
        }
        rest = more;
    }
    None
}

macro_rules! handlers {
    ($(($($argument:ident),*)),* $(,)?) => {$(
        impl<Function, R, $($argument: Argument),*> Handler<($($argument,)*)> for Function
        where
            Function: Fn($($argument),*) -> R,
        {
            const DECLARED: Option<Declared> = first([$($argument::DECLARED),*]);
        }
    )*};
}
handlers!(
    (),
    (A),
    (A, B),
    (A, B, C),
    (A, B, C, D),
    (A, B, C, D, E),
    (A, B, C, D, E, F)
);

/// Where an operation's policy stands in the description.
const EXTENSION: &str = "x-mcp-policy";
