//! Why somebody may use a server, or may not: the policy, and what comes before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::accounts::Rights;
use super::super::{Error, Registry};
use crate::domain::path::ServerPath;
use crate::domain::policy::explain::{Explanation, explain};
use crate::domain::policy::{self, ANONYMOUS, Action, Permission};
use crate::domain::principal::{AuthMethod, Principal};

/// What somebody asks.
#[derive(Debug)]
pub(in super::super) struct Question {
    pub(in super::super) who: Who,
    pub(in super::super) server: ServerPath,
    pub(in super::super) wish: Wish,
}

/// Of whom it is asked.
#[derive(Debug)]
pub(in super::super) enum Who {
    /// The caller, by the credential of the request.
    Caller,
    /// Somebody that the registry knows by name; admins only.
    Named(String),
    /// Somebody whose credential has these; admins only.
    With {
        name: String,
        scopes: Vec<String>,
        groups: Vec<String>,
    },
}

/// What they would do.
#[derive(Debug)]
pub(in super::super) enum Wish {
    Use,
    Method(String),
    Tool(String),
}

impl Wish {
    fn action(&self) -> Action<'_> {
        match self {
            Self::Use => Action::Stream,
            Self::Method(method) if method == "tools/call" => Action::Everything,
            Self::Method(method) => Action::Method(method),
            Self::Tool(tool) => Action::Tool(tool),
        }
    }
}

/// The answer.
#[derive(Debug)]
pub(in super::super) struct Answer {
    pub(in super::super) username: String,
    pub(in super::super) allowed: bool,
    pub(in super::super) summary: String,
    pub(in super::super) policy: Explanation,
    pub(in super::super) permissions: BTreeMap<&'static str, bool>,
}

/// Somebody, and whether they may log in at all.
struct Person {
    principal: Arc<Principal>,
    disabled: bool,
}

impl Registry {
    /// Answers as the gateways decide.
    pub(in super::super) async fn explain(
        &self,
        caller: &Arc<Principal>,
        question: &Question,
    ) -> Result<Answer, Error> {
        let view = self.view();
        let policy = &view.access.policy;
        let is_admin = policy.is_admin(caller);
        let person = self.person(caller, is_admin, &question.who).await?;
        let (who, server) = (&person.principal, &question.server);
        let entry = view.servers.get(server);
        let uses = policy.allows(caller, server, Action::Stream);
        let sees = policy.permits(caller, Permission::List, server);
        if !is_admin && !uses && !sees {
            return Err(Error::NoServer(server.clone()));
        }
        let mut told = explain(policy, who, server, question.wish.action());
        if !is_admin {
            told.remedies.clear();
        }
        let definition = entry.map(|entry| &entry.stored.definition);
        let before = match definition {
            None => Some((false, format!("there is no server at {server}"))),
            Some(definition) if !definition.enabled => {
                Some((false, format!("the server {server} is disabled")))
            }
            Some(definition) if definition.public => {
                let says = "is public, so that everybody may do everything there";
                Some((true, format!("the server {server} {says}")))
            }
            Some(_) if person.disabled => {
                Some((false, format!("the user {} is disabled", who.username)))
            }
            Some(_) => None,
        };
        let (allowed, summary) = match before {
            Some((allowed, why)) => (allowed, format!("{why}; {}", by_policy(&told))),
            None => (told.allowed, told.summary.clone()),
        };
        let permissions = Permission::ALL
            .map(|one| (one.as_str(), policy.permits(who, one, server)))
            .into();
        Ok(Answer {
            username: who.username.to_string(),
            allowed,
            summary,
            policy: told,
            permissions,
        })
    }

    async fn person(
        &self,
        caller: &Arc<Principal>,
        is_admin: bool,
        who: &Who,
    ) -> Result<Person, Error> {
        let known = |principal: Principal| Person {
            principal: Arc::new(principal),
            disabled: false,
        };
        match who {
            Who::Caller => Ok(Person {
                principal: Arc::clone(caller),
                disabled: false,
            }),
            Who::Named(name) if **name == *caller.username => Ok(Person {
                principal: Arc::clone(caller),
                disabled: false,
            }),
            _ if !is_admin => Err(Error::AdminOnly("ask for another user")),
            Who::With {
                name,
                scopes,
                groups,
            } => {
                let rights = Rights {
                    scopes: scopes.clone(),
                    groups: groups.clone(),
                };
                Ok(known(rights.principal(name, AuthMethod::Session)))
            }
            Who::Named(name) if name == ANONYMOUS => Ok(known(policy::anonymous())),
            Who::Named(name) => self.person_kept(name).await,
        }
    }

    /// A local user or a service account.
    async fn person_kept(&self, name: &str) -> Result<Person, Error> {
        let mut transaction = self.0.store.read().await?;
        let admin = &self.0.settings.auth.admin_user;
        let (rights, disabled) = if name == admin {
            (Rights::of_admin(), false)
        } else if let Some(user) = transaction.users().find(name).await? {
            (Rights::of_groups(user.groups), user.disabled)
        } else if let Some(account) = transaction.service_accounts().find(name).await? {
            let rights = Rights {
                scopes: account.scopes,
                groups: account.groups,
            };
            (rights, account.disabled)
        } else {
            return Err(Error::Stranger(name.to_owned()));
        };
        Ok(Person {
            principal: Arc::new(rights.principal(name, AuthMethod::Session)),
            disabled,
        })
    }
}

fn by_policy(told: &Explanation) -> String {
    format!("by the policy alone, {}", told.summary)
}
