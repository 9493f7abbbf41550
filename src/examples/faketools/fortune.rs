//! Numbers that look drawn at random and follow from the arguments.

use serde::Serialize;

/// A stream of numbers.
#[derive(Debug)]
pub(super) struct Fortune(u64);

impl Fortune {
    /// The stream of one tool for one set of arguments.
    pub(super) fn of(tool: &str, arguments: &impl Serialize) -> Self {
        let arguments = serde_json::to_vec(arguments).unwrap_or_default();
        let bytes = tool.bytes().chain(arguments);
        // FNV-1a: no secret depends on it, and it never changes between versions.
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    /// The next number of the stream (SplitMix64).
    pub(super) const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below a bound; zero where the bound is zero.
    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.draw() % bound }
    }

    /// A number with three decimals from a range.
    pub(super) fn between(&mut self, least: f64, most: f64) -> f64 {
        let share =
            f64::from(u32::try_from(self.below(1_000_001)).unwrap_or_default()) / 1_000_000.0;
        let value = least + (most - least) * share;
        (value * 1_000.0).round() / 1_000.0
    }

    /// One of several.
    pub(super) fn choice<'a>(&mut self, all: &'a [String]) -> Option<&'a String> {
        let at = self.below(u64::try_from(all.len()).unwrap_or_default());
        all.get(usize::try_from(at).ok()?)
    }

    /// An id such as `QFA-4711`.
    pub(super) fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}-{}", 1_000 + self.below(9_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_arguments_give_the_same_stream() {
        let draw = |tool, arguments| Fortune::of(tool, &arguments).draw();
        assert_eq!(draw("a", 1), draw("a", 1));
        assert_ne!(draw("a", 1), draw("a", 2));
        assert_ne!(draw("a", 1), draw("b", 1));
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut fortune = Fortune::of("range", &());
        for _ in 0..1_000 {
            assert!((-1.0..=1.0).contains(&fortune.between(-1.0, 1.0)));
            assert!(fortune.below(3) < 3);
        }
        assert_eq!(fortune.below(0), 0);
        assert_eq!(fortune.choice(&[]), None);
    }
}
