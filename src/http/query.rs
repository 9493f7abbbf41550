//! Query parameters, read strictly: known names, each once.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::problem::Problem;

/// The parameters of a request.
#[derive(Clone, Debug, Default)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a query string, or a form.
    ///
    /// # Errors
    /// 400 for a parameter that is given twice.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let mut parameters = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if parameters
                .insert(name.clone().into_owned(), value.into_owned())
                .is_some()
            {
                return Err(Problem::bad_request(format!(
                    "the parameter {name:?} is given twice"
                )));
            }
        }
        Ok(Self(parameters))
    }

    /// Takes a parameter; empty is absent.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    /// Takes a parameter of another type.
    ///
    /// # Errors
    /// 400 that says what it must be.
    pub fn value<T: FromStr>(&mut self, name: &str, rule: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let value = text
            .parse()
            .map_err(|_| Problem::bad_request(format!("the parameter {name} {rule}")))?;
        Ok(Some(value))
    }

    /// Takes a number within bounds.
    ///
    /// # Errors
    /// 400 that names the bounds.
    pub fn number(&mut self, name: &str, min: u64, max: u64) -> Result<Option<u64>, Problem> {
        let rule = format!("must be a whole number from {min} to {max}");
        let number: Option<u64> = self.value(name, &rule)?;
        match number {
            Some(number) if !(min..=max).contains(&number) => {
                Err(Problem::bad_request(format!("the parameter {name} {rule}")))
            }
            number => Ok(number),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// 400 for a name that nobody took.
    pub fn end(self) -> Result<(), Problem> {
        match self.0.keys().next() {
            Some(name) => Err(Problem::bad_request(format!(
                "there is no parameter {name:?} here"
            ))),
            None => Ok(()),
        }
    }
}
