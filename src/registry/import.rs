//! Definitions in files, taken over at start.
//!
//! Promises: a path is imported once; afterwards the database wins, also over a later change of the
//! file and after the server was removed. Nothing is written back. A bad file is named in a warning
//! and the others go on. Start with [`Registry::import`].

mod folder;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_trait::async_trait;
use serde_json::Value;

use self::folder::{Folder, Found};
use super::change::{Actor, Effect, Work};
use super::{Error, Registry};
use crate::domain::path::ServerPath;
use crate::domain::server::ServerDefinition;
use crate::domain::time::Timestamp;
use crate::domain::validate::{self, Context, Source};
use crate::store::{ImportedFile, StoredServer, Transaction};

impl Registry {
    /// Takes over what is new in the folder; a missing folder is an empty one.
    pub(super) async fn import(&self, folder: &Path) -> Result<(), Error> {
        let root = folder.to_owned();
        let reading = self.0.tasks.spawn_blocking(move || folder::read(&root));
        let folder = reading
            .await
            .map_err(|_| Error::Internal("reading the definitions' folder ended early"))?;
        let candidates = candidates(&folder, &self.0.settings.default_host);
        if candidates.is_empty() {
            return Ok(());
        }
        let actor = Actor {
            username: "import".to_owned(),
            request_id: "start".to_owned(),
            ..Actor::default()
        };
        let added = self.change(&actor, Import { candidates }).await?;
        tracing::info!(servers = added, "imported definitions from files");
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Candidate {
    file: String,
    hash: [u8; 32],
    definition: ServerDefinition,
}

/// What the files define, one per path: the later file wins.
fn candidates(folder: &Folder, default_host: &str) -> Vec<Candidate> {
    let mut by_path: BTreeMap<ServerPath, Candidate> = BTreeMap::new();
    for found in &folder.files {
        let Some(definition) = definition(found, folder, default_host) else {
            continue;
        };
        let candidate = Candidate {
            file: found.name.clone(),
            hash: found.hash,
            definition,
        };
        if let Some(earlier) = by_path.insert(candidate.definition.path.clone(), candidate) {
            tracing::warn!(
                file = found.name,
                other = earlier.file,
                server.path = %earlier.definition.path,
                "two files define the same path; the later one counts"
            );
        }
    }
    by_path.into_values().collect()
}

fn definition(found: &Found, folder: &Folder, default_host: &str) -> Option<ServerDefinition> {
    let value = match &found.content {
        Ok(value) => value,
        Err(reason) => {
            tracing::warn!(
                file = found.name,
                reason,
                "skipped a file: it cannot be read as JSON"
            );
            return None;
        }
    };
    if !is_definition(value) {
        tracing::warn!(
            file = found.name,
            "skipped a file: a definition is a JSON object with path and server_name"
        );
        return None;
    }
    let context = Context {
        source: Source::File,
        default_host,
        existing: None,
    };
    match validate::definition(value, &context) {
        Ok(mut validated) => {
            if !validated.ignored.is_empty() {
                tracing::warn!(
                    file = found.name,
                    fields = validated.ignored.join(", "),
                    "left out fields that are not known here"
                );
            }
            if let Some(enabled) = folder.enabled(&validated.definition.path) {
                validated.definition.enabled = enabled;
            }
            Some(validated.definition)
        }
        Err(errors) => {
            for error in errors {
                tracing::warn!(
                    file = found.name,
                    field = error.field,
                    value = %error.value,
                    rule = error.rule,
                    "skipped a file: its definition has a mistake"
                );
            }
            None
        }
    }
}

fn is_definition(value: &Value) -> bool {
    let is_text = |name: &str| value.get(name).is_some_and(Value::is_string);
    (is_text("path") && is_text("server_name")) || (is_text("name") && value.get("port").is_some())
}

struct Import {
    candidates: Vec<Candidate>,
}

#[async_trait]
impl Work for Import {
    type Output = usize;

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<(usize, Effect), Error> {
        let known: BTreeMap<String, ImportedFile> = transaction
            .imports()
            .list()
            .await?
            .into_iter()
            .map(|file| (file.file.clone(), file))
            .collect();
        let known_paths: BTreeSet<ServerPath> =
            known.values().map(|file| file.path.clone()).collect();
        let mut effect = Effect::default();
        for candidate in &self.candidates {
            let path = &candidate.definition.path;
            let noted = known.get(&candidate.file);
            if noted.is_some_and(|noted| noted.hash == candidate.hash && noted.path == *path) {
                continue;
            }
            let taken =
                known_paths.contains(path) || transaction.servers().find(path).await?.is_some();
            if taken {
                tracing::info!(
                    file = candidate.file,
                    server.path = %path,
                    "not imported: the registry already knew this path, and what it knows counts"
                );
            } else {
                let stored = StoredServer {
                    definition: candidate.definition.clone(),
                    version: 1,
                    created_at: now,
                    created_by: "import".to_owned(),
                    updated_at: now,
                    updated_by: "import".to_owned(),
                };
                transaction.servers().insert(&stored).await?;
                effect
                    .audit
                    .push(("server.import", format!("{path} from {}", candidate.file)));
                effect.servers.push((path.clone(), Some(stored)));
            }
            let file = ImportedFile {
                file: candidate.file.clone(),
                hash: candidate.hash,
                path: path.clone(),
            };
            transaction.imports().keep(&file).await?;
            if taken {
                effect.audit.push((
                    "server.import-skipped",
                    format!("{path} from {}", candidate.file),
                ));
            }
        }
        Ok((effect.servers.len(), effect))
    }
}
