//! `mcp config show` and `mcp config check`: settings as text.

use std::fmt::Write as _;

use super::draft::shown;
use super::load::Loaded;
use super::mistake::Errors;

impl Loaded {
    /// The settings as TOML, each with where it came from; secrets hidden.
    pub fn show(&self) -> String {
        let mut keys: Vec<(&str, &str)> = self
            .keys
            .iter()
            .map(|key| key.rsplit_once('.').unwrap_or(("", key)))
            .collect();
        keys.sort_unstable();
        let mut text = String::new();
        let mut current = "";
        for (section, name) in keys {
            if section != current {
                // Writing to a String cannot fail.
                let _ = write!(text, "\n[{section}]\n");
                current = section;
            }
            let key = if section.is_empty() {
                name.to_owned()
            } else {
                format!("{section}.{name}")
            };
            let _ = match self.values.get(&key) {
                Some(assigned) => writeln!(
                    text,
                    "{name} = {}  # {}",
                    shown(&key, &assigned.value),
                    assigned.origin
                ),
                None => writeln!(text, "# {name} is not set"),
            };
        }
        text
    }
}

/// What `mcp config check` says: `Ok` when the settings hold together, else every mistake.
///
/// # Errors
/// The text that lists every mistake.
pub fn check(loaded: &Result<Loaded, Errors>) -> Result<String, String> {
    match loaded {
        Ok(loaded) => {
            let mut text = "the configuration is sound\n".to_owned();
            for warning in &loaded.warnings {
                let _ = writeln!(text, "warning: {warning}");
            }
            Ok(text)
        }
        Err(errors) => Err(format!("{errors}\n")),
    }
}
