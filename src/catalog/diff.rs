//! What two snapshots differ in, found in one walk.
//!
//! # Why
//! Most changes are of one server among thousands. Two sorted maps that share what did not change are
//! compared by walking them side by side, which costs a pointer comparison per server; looking each
//! path up costs a dozen string comparisons, in the registry and in each gateway.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

use crate::domain::path::ServerPath;
use crate::domain::server::Route;

type Routes = BTreeMap<ServerPath, Arc<Route>>;

/// One server that is not as it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Difference<'s> {
    /// It was not there before.
    Added(&'s ServerPath, &'s Arc<Route>),
    /// Something of it is new.
    Changed(&'s ServerPath, &'s Arc<Route>),
    /// It is not there any more.
    Removed(&'s ServerPath),
}

/// What differs between two snapshots' routes, in the order of paths.
pub fn differences<'s>(
    before: &'s Routes,
    after: &'s Routes,
) -> impl Iterator<Item = Difference<'s>> {
    Walk {
        before: before.iter().peekable(),
        after: after.iter().peekable(),
    }
}

struct Walk<I: Iterator> {
    before: Peekable<I>,
    after: Peekable<I>,
}

impl<'s, I> Iterator for Walk<I>
where
    I: Iterator<Item = (&'s ServerPath, &'s Arc<Route>)>,
{
    type Item = Difference<'s>;

    fn next(&mut self) -> Option<Difference<'s>> {
        loop {
            let order = match (self.before.peek(), self.after.peek()) {
                (None, None) => return None,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some((old, _)), Some((new, _))) => old.cmp(new),
            };
            match order {
                Ordering::Less => {
                    return self
                        .before
                        .next()
                        .map(|(path, _)| Difference::Removed(path));
                }
                Ordering::Greater => {
                    return self
                        .after
                        .next()
                        .map(|(path, route)| Difference::Added(path, route));
                }
                Ordering::Equal => {
                    let ((_, old), (path, new)) = (self.before.next()?, self.after.next()?);
                    if !Arc::ptr_eq(old, new) && old != new {
                        return Some(Difference::Changed(path, new));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::samples;

    fn routes(paths: &[&str]) -> Routes {
        paths
            .iter()
            .map(|path| {
                let route = samples::route(path, "http://127.0.0.1:1/");
                (route.path.clone(), Arc::new(route))
            })
            .collect()
    }

    #[test]
    fn finds_what_was_added_changed_and_removed() {
        let before = routes(&["/a", "/b", "/c", "/d"]);
        let mut after = before.clone();
        after.remove(&ServerPath::parse("/a").unwrap());
        after.remove(&ServerPath::parse("/d").unwrap());
        let changed = samples::route("/b", "http://127.0.0.1:2/");
        after.insert(changed.path.clone(), Arc::new(changed));
        after.extend(routes(&["/bb", "/e"]));
        let found: Vec<String> = differences(&before, &after)
            .map(|difference| match difference {
                Difference::Added(path, _) => format!("+{path}"),
                Difference::Changed(path, _) => format!("*{path}"),
                Difference::Removed(path) => format!("-{path}"),
            })
            .collect();
        assert_eq!(found, ["-/a", "*/b", "+/bb", "-/d", "+/e"]);
    }

    #[test]
    fn equal_routes_are_no_difference_whoever_made_them() {
        let (one, other) = (routes(&["/a", "/b"]), routes(&["/a", "/b"]));
        assert_eq!(differences(&one, &other).count(), 0);
        assert_eq!(differences(&one, &one.clone()).count(), 0);
        assert_eq!(differences(&Routes::new(), &one).count(), 2);
    }
}
