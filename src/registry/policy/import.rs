//! The policy file of an existing installation, taken over once.
//!
//! It counts only while nobody has written a policy; afterwards the database wins. A file with
//! mistakes is named in warnings and changes nothing: then only the administrator may do anything.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::super::change::Actor;
use super::super::{Error, Registry};
use super::{Replace, yaml};
use crate::domain::policy::Policy;
use crate::domain::validate::FieldError;
use crate::http::etag::IfMatch;

impl Registry {
    /// Takes over `scopes.yml`, from the data directory or where the existing system keeps it.
    pub(in super::super) async fn import_policy(&self) -> Result<(), Error> {
        let data_dir = &self.0.settings.data_dir;
        for file in FILES {
            let path = data_dir.join(file);
            if let Some(content) = self.content(path.clone()).await? {
                return self.import_policy_of(&path, &content).await;
            }
        }
        Ok(())
    }

    async fn content(&self, path: PathBuf) -> Result<Option<Vec<u8>>, Error> {
        let reading = self.0.tasks.spawn_blocking(move || read(&path));
        reading
            .await
            .map_err(|_| Error::Internal("reading the policy's file ended early"))
    }

    async fn import_policy_of(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        let file = path.display().to_string();
        let reading = match yaml::read(content) {
            Ok(reading) => reading,
            Err(error) => {
                tracing::warn!(file, %error, "did not take over a policy; correct the file and start again, or write a policy with `mcp policy import`");
                if let yaml::Error::Invalid(mistakes) = &error {
                    warn_of(&file, mistakes, "the policy has a mistake");
                }
                return Ok(());
            }
        };
        let policy = Policy::new(reading.rules);
        let view = self.view();
        if view.policy.version > 0 {
            if view.access.policy != policy {
                tracing::info!(
                    file,
                    "not taken over: the registry already has a policy, and that one counts; `mcp policy import` replaces it"
                );
            }
            return Ok(());
        }
        warn_of(&file, &reading.notes, "the policy has something to look at");
        let actor = Actor {
            username: "import".to_owned(),
            request_id: "start".to_owned(),
            ..Actor::default()
        };
        let replace = Replace {
            policy,
            if_match: IfMatch::default(),
            action: "policy.import",
            from: Some(file.clone()),
            by: actor.username.clone(),
        };
        if self.change(&actor, replace).await? {
            tracing::info!(file, "took over the policy");
        }
        Ok(())
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    match std::fs::metadata(path) {
        Ok(found) if found.len() > MAX_BYTES => {
            tracing::warn!(file = %path.display(), "did not take over a policy: the file is larger than 16 MiB");
            None
        }
        Ok(_) => std::fs::read(path)
            .inspect_err(|error| {
                tracing::warn!(file = %path.display(), %error, "did not take over a policy: the file cannot be read");
            })
            .ok(),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "did not take over a policy: the file cannot be read");
            None
        }
    }
}

fn warn_of(file: &str, places: &[FieldError], what: &'static str) {
    for place in places {
        tracing::warn!(
            file,
            field = place.field,
            value = %place.value,
            rule = place.rule,
            what
        );
    }
}

const FILES: [&str; 2] = ["scopes.yml", "auth_server/scopes.yml"];
const MAX_BYTES: u64 = 16 << 20;
