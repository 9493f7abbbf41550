//! Keys already seen in one object.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use super::scan::Text;
use super::{EnvelopeError, MAX_KEYS};

/// Remembers keys without allocating while they are few and written without escapes.
pub(super) struct Keys<'a> {
    object: &'static str,
    few: [&'a str; FEW],
    count: usize,
    many: Option<HashSet<Cow<'a, str>>>,
}

impl<'a> Keys<'a> {
    #[inline]
    pub(super) const fn of(object: &'static str) -> Self {
        Self {
            object,
            few: [""; FEW],
            count: 0,
            many: None,
        }
    }

    /// Adds a key.
    ///
    /// # Errors
    /// When it is there already, or when there are too many.
    #[inline]
    pub(super) fn add(&mut self, key: Text<'a>) -> Result<(), EnvelopeError> {
        if let (None, Some(plain)) = (&self.many, key.plain())
            && let Some(slot) = self.few.get_mut(self.count)
        {
            *slot = plain;
            let before = self.few.iter().take(self.count);
            if before.into_iter().any(|earlier| *earlier == plain) {
                return Err(EnvelopeError::Duplicate {
                    object: self.object,
                });
            }
            self.count += 1;
            return Ok(());
        }
        self.add_to_many(key)
    }

    #[cold]
    fn add_to_many(&mut self, key: Text<'a>) -> Result<(), EnvelopeError> {
        let few = self.few.iter().take(self.count);
        let many = self
            .many
            .get_or_insert_with(|| few.map(|key| Cow::Borrowed(*key)).collect());
        if many.len() == MAX_KEYS {
            return Err(EnvelopeError::Keys {
                object: self.object,
            });
        }
        if many.insert(key.value()) {
            Ok(())
        } else {
            Err(EnvelopeError::Duplicate {
                object: self.object,
            })
        }
    }
}

/// Whether a parser that ignores case would take `key` for `field`, which is ASCII; the field itself is none.
#[inline]
pub(super) fn looks_like(key: &str, field: &str) -> bool {
    // Letters that fold to ASCII ones are longer than these.
    match key.len().cmp(&field.len()) {
        Ordering::Less => false,
        Ordering::Equal => key != field && key.eq_ignore_ascii_case(field),
        Ordering::Greater => !key.is_ascii() && folds_to(key, field),
    }
}

/// Two letters beyond ASCII fold to ASCII ones: the long s and the Kelvin sign.
#[cold]
fn folds_to(key: &str, field: &str) -> bool {
    let folded = key.chars().map(|letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        letter => letter.to_ascii_lowercase(),
    });
    folded.eq(field.chars().map(|letter| letter.to_ascii_lowercase()))
}

const FEW: usize = 16;
