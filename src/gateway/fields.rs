//! The fields of a request, in the order they came.
//!
//! # Why
//! A call has about ten fields and each is looked for a few times. Comparing ten names costs less
//! than hashing one; a hash map pays off far above what the limits allow by default.

use std::borrow::Borrow;

use http::HeaderValue;
use http::header::{HeaderMap, HeaderName};

/// Names and values; a name may come more than once.
#[derive(Clone, Debug, Default)]
pub struct FieldList(Vec<(HeaderName, HeaderValue)>);

impl FieldList {
    /// An empty list that takes `count` fields without growing.
    pub fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Adds a field behind the others.
    pub fn push(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.push((name, value));
    }

    /// How many fields there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The values of a name.
    pub fn all<'f>(
        &'f self,
        name: impl Borrow<HeaderName> + 'f,
    ) -> impl Iterator<Item = &'f HeaderValue> + 'f {
        self.0
            .iter()
            .filter(move |(other, _)| other == name.borrow())
            .map(|(_, value)| value)
    }

    /// The first value of a name.
    pub fn get(&self, name: impl Borrow<HeaderName>) -> Option<&HeaderValue> {
        let name = name.borrow();
        self.0
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value)
    }

    /// Whether some name comes more than once.
    pub fn repeats(&self) -> bool {
        let mut rest = &*self.0;
        while let Some(((name, _), behind)) = rest.split_first() {
            if behind.iter().any(|(other, _)| other == name) {
                return true;
            }
            rest = behind;
        }
        false
    }

    /// Removes all fields of a name.
    pub fn remove(&mut self, name: impl Borrow<HeaderName>) {
        self.0.retain(|(other, _)| other != name.borrow());
    }

    /// Keeps the fields of which the name is wanted.
    pub fn keep(&mut self, mut wanted: impl FnMut(&HeaderName) -> bool) {
        self.0.retain(|(name, _)| wanted(name));
    }

    /// Sets a field, replacing all of its name.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.remove(&name);
        self.push(name, value);
    }
}

impl From<HeaderMap> for FieldList {
    fn from(map: HeaderMap) -> Self {
        let mut fields = Self::with_capacity(map.len());
        let mut last = None;
        // A map names the first of several values of a name only.
        for (name, value) in map {
            if let Some(name) = name.or_else(|| last.clone()) {
                last = Some(name.clone());
                fields.push(name, value);
            }
        }
        fields
    }
}

impl From<FieldList> for HeaderMap {
    fn from(fields: FieldList) -> Self {
        let mut map = Self::with_capacity(fields.len());
        for (name, value) in fields.0 {
            map.append(name, value);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    fn fields(written: &[(&'static str, &'static str)]) -> FieldList {
        let mut fields = FieldList::default();
        for (name, value) in written {
            fields.push(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        fields
    }

    #[test]
    fn finds_all_values_of_a_name_in_order() {
        let mut fields = fields(&[("via", "a"), ("host", "h"), ("via", "b")]);
        assert_eq!(fields.all(header::VIA).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(fields.get(&header::VIA).unwrap(), "a");
        assert!(fields.repeats());
        fields.set(header::VIA, HeaderValue::from_static("c"));
        assert_eq!(fields.all(header::VIA).collect::<Vec<_>>(), ["c"]);
        assert!(!fields.repeats());
        fields.remove(header::VIA);
        assert_eq!((fields.len(), fields.get(header::VIA)), (1, None));
    }

    #[test]
    fn a_map_and_a_list_hold_the_same() {
        let before = fields(&[("via", "a"), ("host", "h"), ("via", "b"), ("x-a", "1")]);
        let map = HeaderMap::from(before);
        let vias: Vec<_> = map.get_all("via").iter().collect();
        assert_eq!(vias, ["a", "b"]);
        let after = FieldList::from(map);
        assert_eq!(after.len(), 4);
        assert_eq!(after.all(header::VIA).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(after.get(HeaderName::from_static("x-a")).unwrap(), "1");
    }
}
