//! Where a value came from.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Compiled in.
    Default,
    /// Worked out from something else, named here.
    Derived(String),
    /// The settings file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A file that an environment variable names.
    NamedFile {
        /// The variable.
        variable: String,
        /// The file.
        path: PathBuf,
    },
    /// A file in the credentials directory.
    Credential(PathBuf),
    /// A file that a setting names.
    KeyFile(PathBuf),
    /// A flag on the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::Derived(from) => write!(formatter, "default, from {from}"),
            Self::File(path) | Self::KeyFile(path) => write!(formatter, "file {}", path.display()),
            Self::Env(name) => write!(formatter, "environment {name}"),
            Self::NamedFile { variable, path } => {
                write!(formatter, "file {} named by {variable}", path.display())
            }
            Self::Credential(path) => write!(formatter, "credential {}", path.display()),
            Self::Flag(name) => write!(formatter, "flag {name}"),
        }
    }
}
