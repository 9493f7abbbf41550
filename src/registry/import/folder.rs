//! Reading a folder of definitions as existing installations keep it.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use crate::domain::path::ServerPath;
use crate::http::json;

/// What lies in the folder.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// JSON files, by name.
    pub(super) files: Vec<Found>,
    /// `server_state.json`: which paths are enabled; absent where the file is.
    state: Option<BTreeMap<ServerPath, bool>>,
}

/// One JSON file.
#[derive(Debug)]
pub(super) struct Found {
    /// Its name below the folder, with `/`.
    pub(super) name: String,
    /// SHA-256 of its bytes.
    pub(super) hash: [u8; 32],
    /// What it says, or why that cannot be read.
    pub(super) content: Result<Value, String>,
}

impl Folder {
    /// What the state file says; what it does not name is off, as it always was.
    pub(super) fn enabled(&self, path: &ServerPath) -> Option<bool> {
        self.state
            .as_ref()
            .map(|state| state.get(path).copied().unwrap_or(false))
    }
}

/// Reads everything below the folder.
pub(super) fn read(root: &Path) -> Folder {
    let mut names = Vec::new();
    list(root, "", 0, &mut names);
    names.sort();
    let mut folder = Folder::default();
    for name in names {
        let found = found(root, name);
        match found.name.rsplit('/').next() {
            Some("server_state.json") => folder.state = Some(state(&found)),
            // The search index of existing installations.
            Some("service_index_metadata.json") => {}
            _ => folder.files.push(found),
        }
    }
    folder
}

fn list(folder: &Path, prefix: &str, depth: usize, names: &mut Vec<String>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && depth == 0 => return,
        Err(error) => {
            tracing::warn!(folder = %folder.display(), error = %error, "cannot list a folder of definitions");
            return;
        }
    };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        // Hidden ones hold what mounted volumes keep beside the files.
        if name.starts_with('.') {
            continue;
        }
        if names.len() >= MAX_FILES {
            tracing::warn!(folder = %folder.display(), limit = MAX_FILES, "there are more files of definitions than are imported; split the folder, or add the rest through the API");
            return;
        }
        let path = entry.path();
        // Follows links: mounted files are links.
        let Ok(metadata) = std::fs::metadata(&path) else {
            continue;
        };
        if metadata.is_dir() && depth < MAX_DEPTH {
            list(&path, &format!("{prefix}{name}/"), depth + 1, names);
        } else if metadata.is_file()
            && path
                .extension()
                .is_some_and(|extension| extension == "json")
        {
            names.push(format!("{prefix}{name}"));
        }
    }
}

fn found(root: &Path, name: String) -> Found {
    let path = root.join(&name);
    let bytes = match std::fs::metadata(&path) {
        Ok(metadata) if metadata.len() > MAX_BYTES => Err(format!("longer than {MAX_BYTES} bytes")),
        _ => std::fs::read(&path).map_err(|error| error.to_string()),
    };
    let mut hash = [0; 32];
    if let Ok(bytes) = &bytes {
        hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    }
    let content = bytes.and_then(|bytes| json::parse(&bytes).map_err(|error| error.to_string()));
    Found {
        name,
        hash,
        content,
    }
}

fn state(found: &Found) -> BTreeMap<ServerPath, bool> {
    let Ok(Value::Object(map)) = &found.content else {
        tracing::warn!(
            file = found.name,
            "the state file is not a JSON object; every server starts disabled"
        );
        return BTreeMap::new();
    };
    map.iter()
        .filter_map(|(path, enabled)| Some((ServerPath::parse(path).ok()?, enabled.as_bool()?)))
        .collect()
}

const MAX_FILES: usize = 10_000;
const MAX_DEPTH: usize = 8;
const MAX_BYTES: u64 = 2 << 20;
