//! Questions at the terminal.

use std::io::{IsTerminal as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::app::Failure;
use crate::domain::secret::Secret;

/// A line from the terminal.
pub(super) fn line(question: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(no_terminal(question));
    }
    say(question);
    read_line()
}

/// A password from the terminal, which does not show it.
pub(super) fn password(question: &str) -> Result<Secret<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(no_terminal(question));
    }
    say(question);
    let hidden = Hidden::new()?;
    let text = read_line();
    drop(hidden);
    say("\n");
    text.map(Secret::new)
}

/// A new password, twice.
pub(super) fn new_password(of: &str) -> Result<Secret<String>, Failure> {
    let first = password(&format!("New password of {of}: "))?;
    let again = password("Again: ")?;
    if first != again {
        return Err(Failure::Usage("the two passwords differ".to_owned()));
    }
    Ok(first)
}

/// A secret that was sent to standard input.
pub(super) fn piped() -> Result<Secret<String>, Failure> {
    let text = read_line()?;
    if text.is_empty() {
        return Err(Failure::Usage(
            "there is nothing on standard input".to_owned(),
        ));
    }
    Ok(Secret::new(text))
}

fn say(text: &str) {
    // Not standard output: that is for answers.
    let _ = write!(std::io::stderr(), "{text}");
    let _ = std::io::stderr().flush();
}

fn read_line() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .read_line(&mut text)
        .map_err(|error| anyhow::Error::from(error).context("cannot read standard input"))?;
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    Ok(text)
}

fn no_terminal(question: &str) -> Failure {
    let asked = question.trim_end_matches([' ', ':']);
    Failure::Usage(format!(
        "nobody to ask for: {asked}; standard input is no terminal. Give --user, and the password \
         with --password-stdin"
    ))
}

/// The terminal shows nothing that is typed while this is there.
struct Hidden(Termios);

impl Hidden {
    fn new() -> Result<Self, Failure> {
        let failed = |error: rustix::io::Errno| {
            anyhow::Error::from(error).context("cannot hide what is typed at the terminal")
        };
        let before = tcgetattr(std::io::stdin()).map_err(failed)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &hidden).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}
