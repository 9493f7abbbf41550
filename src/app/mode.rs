//! What the user asks for (`--mode`) and the parts that it means.
//!
//! A mode always parses, whatever this build holds; [`Mode::check_build`] then says in one line what
//! is missing.

use std::fmt;

use crate::config::{Part, Parts};

/// What one process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Mode {
    /// Registry, UI and gateway in one process.
    #[default]
    Full,
    /// Registry and UI; other people's gateways, or ours elsewhere, follow it.
    Registry,
    /// Gateway alone; it follows `REGISTRY_API_URL`.
    Gateway,
    /// `mcp auth-server`: verdicts for other people's gateways; it follows `REGISTRY_API_URL`.
    #[value(skip)]
    AuthServer,
}

impl Mode {
    /// The mode of `--mode`, else of `MCP_MODE` in the environment, else full.
    ///
    /// # Errors
    /// `MCP_MODE` holds something else.
    pub fn resolve(flag: Option<Self>, env: &[(String, String)]) -> Result<Self, UnknownMode> {
        let variable = env
            .iter()
            .find(|(name, value)| name == "MCP_MODE" && !value.is_empty());
        match (flag, variable) {
            (Some(mode), _) => Ok(mode),
            (None, None) => Ok(Self::default()),
            (None, Some((_, value))) => <Self as clap::ValueEnum>::from_str(value.trim(), true)
                .map_err(|_| UnknownMode(value.clone())),
        }
    }

    /// The parts that it runs.
    pub const fn parts(self) -> Parts {
        match self {
            Self::Full => Parts::new(&[Part::Registry, Part::Ui, Part::Gateway]),
            Self::Registry => Parts::new(&[Part::Registry, Part::Ui]),
            Self::Gateway => Parts::new(&[Part::Gateway]),
            Self::AuthServer => Parts::new(&[Part::Validate]),
        }
    }

    /// The parts that it needs and this build lacks.
    ///
    /// The UI is not among them: without it the registry answers `/` with a page that says so.
    pub fn missing_parts(self) -> Vec<Part> {
        self.parts()
            .iter()
            .filter(|part| match part {
                Part::Registry | Part::Validate => !cfg!(feature = "registry"),
                Part::Gateway => !cfg!(feature = "gateway"),
                Part::Ui => false,
            })
            .collect()
    }

    /// Says that this build holds what the mode needs.
    ///
    /// # Errors
    /// The first part that is missing.
    pub fn check_build(self) -> Result<(), MissingPart> {
        match self.missing_parts().first() {
            Some(part) => Err(MissingPart {
                mode: self,
                part: *part,
            }),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full => "full",
            Self::Registry => "registry",
            Self::Gateway => "gateway",
            Self::AuthServer => "auth-server",
        })
    }
}

/// `MCP_MODE` holds no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MCP_MODE is {0:?} in the environment: write full, registry or gateway")]
pub struct UnknownMode(String);

/// This build lacks a part that the mode needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this build has no {}: mode {mode} needs a build with `--features {}`",
    feature(*part),
    feature(*part)
)]
pub struct MissingPart {
    /// What was asked for.
    pub mode: Mode,
    /// What is missing.
    pub part: Part,
}

/// The Cargo feature that holds a part.
const fn feature(part: Part) -> &'static str {
    match part {
        Part::Registry | Part::Validate => "registry",
        Part::Ui => "ui",
        Part::Gateway => "gateway",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(value: &str) -> Vec<(String, String)> {
        vec![("MCP_MODE".to_owned(), value.to_owned())]
    }

    #[test]
    fn flag_goes_before_environment_before_default() {
        assert_eq!(
            Mode::resolve(Some(Mode::Gateway), &env("registry")),
            Ok(Mode::Gateway)
        );
        assert_eq!(Mode::resolve(None, &env("Registry")), Ok(Mode::Registry));
        assert_eq!(Mode::resolve(None, &env("")), Ok(Mode::Full));
        assert_eq!(Mode::resolve(None, &[]), Ok(Mode::Full));
    }

    #[test]
    fn unknown_mode_names_the_variable_and_the_remedy() {
        let error = Mode::resolve(None, &env("standalone"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("MCP_MODE") && error.contains("standalone"),
            "{error}"
        );
        assert!(error.contains("full, registry or gateway"), "{error}");
    }

    #[test]
    fn each_mode_is_the_parts_of_its_name() {
        assert!(Mode::Full.parts().has(Part::Registry) && Mode::Full.parts().has(Part::Gateway));
        assert!(Mode::Registry.parts().has(Part::Ui) && !Mode::Registry.parts().has(Part::Gateway));
        assert_eq!(
            Mode::Gateway.parts().iter().collect::<Vec<_>>(),
            [Part::Gateway]
        );
    }

    #[test]
    fn missing_part_is_one_line_that_names_the_feature() {
        let missing = MissingPart {
            mode: Mode::Full,
            part: Part::Gateway,
        };
        assert_eq!(
            missing.to_string(),
            "this build has no gateway: mode full needs a build with `--features gateway`"
        );
        let lacks = !cfg!(feature = "registry");
        assert_eq!(Mode::Registry.check_build().is_err(), lacks);
        assert_eq!(Mode::Full.missing_parts().contains(&Part::Registry), lacks);
    }
}
