//! "Did you mean": the known name nearest to an unknown one.

/// The candidate with the fewest edits to `wrong`, if it is near enough to be meant.
///
/// A key's last segment counts too: `poll_intervall` at the top is near `catalog.poll_interval`.
pub(super) fn nearest<'a>(
    wrong: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).clamp(1, 4);
    candidates
        .map(|candidate| {
            let last = candidate.rsplit('.').next().unwrap_or(candidate);
            let wrong_last = wrong.rsplit('.').next().unwrap_or(wrong);
            let whole = distance(wrong, candidate);
            // A right name in a wrong section is a near miss as well, but never nearer than a typo.
            (whole.min(distance(wrong_last, last) + 1), candidate)
        })
        .min_by_key(|(edits, _)| *edits)
        .filter(|(edits, _)| *edits <= limit)
        .map(|(_, candidate)| candidate)
}

/// Number of insertions, deletions and replacements between two texts.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.chars().enumerate() {
        let mut diagonal = line;
        let mut before = line + 1;
        let mut next = Vec::with_capacity(row.len());
        next.push(before);
        for (above, to) in row.iter().skip(1).zip(&right) {
            let replaced = diagonal + usize::from(from != *to);
            before = replaced.min(above + 1).min(before + 1);
            diagonal = *above;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (left, right, edits) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("abc", "abc", 0),
        ] {
            assert_eq!(distance(left, right), edits, "{left} {right}");
        }
    }

    #[test]
    fn finds_typos_and_wrong_sections_but_not_strangers() {
        let keys = ["catalog.poll_interval", "gateway.http_bind", "log.level"];
        let nearest = |wrong| nearest(wrong, keys.iter().copied());
        assert_eq!(
            nearest("catalog.pol_interval"),
            Some("catalog.poll_interval")
        );
        assert_eq!(
            nearest("gateway.poll_interval"),
            Some("catalog.poll_interval")
        );
        assert_eq!(nearest("poll_intervall"), Some("catalog.poll_interval"));
        assert_eq!(nearest("something.else.entirely"), None);
    }
}
