//! What two snapshots differ in.
//!
//! # Why
//! Most changes are of one server among thousands. Snapshots that came of one another share what did
//! not change, so what they share is passed over, in the registry and in each gateway.

use std::sync::Arc;

use imbl::ordmap::DiffItem;

use super::snapshot::Routes;
use crate::domain::path::ServerPath;
use crate::domain::server::Route;

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
    before.diff(after).map(|item| match item {
        DiffItem::Add(path, route) => Difference::Added(path, route),
        DiffItem::Update {
            new: (path, route), ..
        } => Difference::Changed(path, route),
        DiffItem::Remove(path, _) => Difference::Removed(path),
    })
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
