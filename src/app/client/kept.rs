//! Logins that are kept: `mcp/credentials.json` in the user's configuration folder, for its owner
//! only.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use super::variable;
use crate::app::Failure;
use crate::domain::secret::Secret;

/// All kept logins.
pub(super) struct Kept {
    path: PathBuf,
    content: Content,
}

#[derive(Default, Serialize, Deserialize)]
struct Content {
    /// Where the last login was.
    #[serde(default)]
    current: Option<String>,
    #[serde(default)]
    registries: BTreeMap<String, Login>,
}

/// One login. The text of its token is written to the file and nowhere else.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Login {
    pub(super) username: String,
    token: String,
    /// Absent: a token that somebody brought, which is theirs to revoke.
    pub(super) token_id: Option<String>,
    pub(super) expires_at: Option<String>,
}

impl Login {
    pub(super) fn new(
        username: String,
        token: &Secret<String>,
        token_id: Option<String>,
        expires_at: Option<String>,
    ) -> Self {
        Self {
            username,
            token: token.expose().clone(),
            token_id,
            expires_at,
        }
    }
}

impl Kept {
    /// Reads them.
    pub(super) fn open(env: &[(String, String)]) -> Result<Self, Failure> {
        let path = path(env)?;
        let content =
            read(&path).map_err(|error| error.context(format!("cannot use {}", path.display())))?;
        Ok(Self { path, content })
    }

    /// Where they lie.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the last login was.
    pub(super) fn current(&self) -> Option<&str> {
        self.content.current.as_deref()
    }

    /// What was kept for exactly this registry.
    pub(super) fn login(&self, url: &Url) -> Option<&Login> {
        self.content.registries.get(url.as_str())
    }

    pub(super) fn token(&self, url: &Url) -> Option<Secret<String>> {
        self.login(url)
            .map(|login| Secret::new(login.token.clone()))
    }

    /// Keeps a login, and makes it the current one.
    pub(super) fn keep(&mut self, url: &Url, login: Login) -> Result<(), Failure> {
        self.content
            .registries
            .insert(url.as_str().to_owned(), login);
        self.content.current = Some(url.as_str().to_owned());
        self.write()
    }

    /// Forgets a login.
    pub(super) fn forget(&mut self, url: &Url) -> Result<(), Failure> {
        self.content.registries.remove(url.as_str());
        if self.content.current.as_deref() == Some(url.as_str()) {
            self.content.current = None;
        }
        self.write()
    }

    fn write(&self) -> Result<(), Failure> {
        write(&self.path, &self.content).map_err(|error| {
            Failure::Other(error.context(format!("cannot write {}", self.path.display())))
        })
    }
}

fn path(env: &[(String, String)]) -> Result<PathBuf, Failure> {
    let absolute = |name: &str| {
        variable(env, name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join("mcp/credentials.json"))
        .ok_or_else(|| {
            Failure::Usage("neither XDG_CONFIG_HOME nor HOME says where logins are kept".to_owned())
        })
}

fn read(path: &Path) -> Result<Content, anyhow::Error> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Content::default()),
        Err(error) => return Err(error.into()),
    };
    if file.metadata()?.mode() & 0o077 != 0 {
        anyhow::bail!("others can read it; run `chmod 600` on it and log in again");
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    // The parser's message could quote a token.
    serde_json::from_str(&text)
        .map_err(|_| anyhow::anyhow!("it is damaged; delete it and log in again"))
}

/// Written beside and renamed, so that a crash leaves the old or the new one.
fn write(path: &Path, content: &Content) -> Result<(), anyhow::Error> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let beside = path.with_extension(format!("new{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(&serde_json::to_vec_pretty(content)?)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    Ok(())
}
