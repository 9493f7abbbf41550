//! The token that a follower shows.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::domain::secret::Secret;

/// From the settings, or from a file that may come later.
#[derive(Debug)]
pub(super) struct Token {
    shown: ArcSwapOption<Secret<String>>,
    file: Option<PathBuf>,
}

impl Token {
    /// Of a comma list the first: the newest, during rotation.
    pub(super) fn new(list: Option<&Secret<String>>, file: Option<PathBuf>) -> Self {
        let first = list.and_then(|list| first_of(list.expose()));
        Self {
            shown: ArcSwapOption::new(first.map(Arc::new)),
            file,
        }
    }

    pub(super) fn shown(&self) -> Option<Secret<String>> {
        self.shown.load().as_deref().cloned()
    }

    /// Whether one may come.
    pub(super) const fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Reads the file; the token in it, where that is another one than is shown.
    pub(super) async fn renew(&self) -> Option<Secret<String>> {
        let file = self.file.as_ref()?;
        // It may not be there yet, or not be readable yet: the caller comes again.
        let text = tokio::fs::read_to_string(file).await.ok()?;
        let token = first_of(&text)?;
        if self.shown.load().as_deref() == Some(&token) {
            return None;
        }
        tracing::info!(file = %file.display(), "read the registry token");
        self.shown.store(Some(Arc::new(token.clone())));
        Some(token)
    }
}

fn first_of(list: &str) -> Option<Secret<String>> {
    let first = list
        .split(',')
        .map(str::trim)
        .find(|token| !token.is_empty())?;
    Some(Secret::new(first.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(token: &Token) -> Option<String> {
        token.shown().map(|token| token.expose().clone())
    }

    #[test]
    fn the_first_of_several_is_shown() {
        let of = |text: &str| shown(&Token::new(Some(&Secret::new(text.to_owned())), None));
        assert_eq!(of("new, old").as_deref(), Some("new"));
        assert_eq!(of(" ,old").as_deref(), Some("old"));
        assert_eq!(of(" , "), None);
        assert_eq!(shown(&Token::new(None, None)), None);
    }

    #[tokio::test]
    async fn a_file_that_comes_later_or_changes_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let token = Token::new(None, Some(file.clone()));
        assert!(token.renew().await.is_none());
        std::fs::write(&file, " \n").unwrap();
        assert!(token.renew().await.is_none());
        std::fs::write(&file, "one\n").unwrap();
        assert!(token.renew().await.is_some());
        assert!(token.renew().await.is_none(), "the same one");
        assert_eq!(shown(&token).as_deref(), Some("one"));
        std::fs::write(&file, "two,one\n").unwrap();
        assert!(token.renew().await.is_some());
        assert_eq!(shown(&token).as_deref(), Some("two"));
    }
}
