//! Makes values harmless in a log: one line, no terminal commands, no reordered text.

use std::fmt::{self, Write};

/// A writer that escapes what could forge or hide log lines.
#[derive(Debug)]
pub struct Escaped<W>(pub W);

impl<W: Write> Write for Escaped<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut clean_from = 0;
        for (at, unsafe_char) in text.char_indices().filter(|(_, c)| is_unsafe(*c)) {
            self.0
                .write_str(text.get(clean_from..at).unwrap_or_default())?;
            match unsafe_char {
                '\n' => self.0.write_str("\\n")?,
                '\r' => self.0.write_str("\\r")?,
                '\t' => self.0.write_str("\\t")?,
                other => write!(self.0, "\\u{{{:x}}}", u32::from(other))?,
            }
            clean_from = at + unsafe_char.len_utf8();
        }
        self.0.write_str(text.get(clean_from..).unwrap_or_default())
    }
}

/// Claims that a character could end the line, command a terminal, or change how text reads.
pub(super) const fn is_unsafe(c: char) -> bool {
    c.is_ascii_control()
        || matches!(c,
            '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        write!(Escaped(&mut out), "{text}").unwrap();
        out
    }

    #[test]
    fn leaves_ordinary_text_of_any_language_alone() {
        for text in [
            "",
            "plain",
            "größe 漢字 العربية 🙂",
            "quotes \" and \\ stay",
        ] {
            assert_eq!(escaped(text), text);
        }
    }

    #[test]
    fn escapes_line_ends_terminal_commands_and_direction_changes() {
        for (text, safe) in [
            ("a\nb", "a\\nb"),
            ("a\r\nb\t", "a\\r\\nb\\t"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("\0\u{7f}\u{8}", "\\u{0}\\u{7f}\\u{8}"),
            ("\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
            (
                "a\u{2028}b\u{2066}c\u{feff}",
                "a\\u{2028}b\\u{2066}c\\u{feff}",
            ),
        ] {
            assert_eq!(escaped(text), safe);
        }
    }
}
