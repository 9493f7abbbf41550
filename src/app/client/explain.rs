//! `mcp explain`.

use std::fmt::Write as _;

use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::Client;
use super::print::{flag, list, safe, text};
use crate::app::Failure;
use crate::cli::policy::ExplainArgs;

pub(super) async fn run(client: &Client, args: &ExplainArgs) -> Result<(), Failure> {
    let mut query = Serializer::new(String::new());
    query.append_pair("user", &args.user);
    query.append_pair("server", &args.server);
    let (groups, scopes) = (args.group.join(","), args.scope.join(","));
    let optional = [
        ("tool", args.tool.as_deref().unwrap_or("")),
        ("method", args.method.as_deref().unwrap_or("")),
        ("groups", groups.as_str()),
        ("scopes", scopes.as_str()),
    ];
    for (name, value) in optional {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    let target = format!("api/explain?{}", query.finish());
    let answer = client.api.get(&target).await?;
    client.print(&answer, told);
    Ok(())
}

/// The verdict, each scope with its rules, and what would do.
fn told(answer: &Value) -> String {
    let verdict = if flag(answer, "allowed") {
        "allowed"
    } else {
        "refused"
    };
    let mut said = format!("{verdict}: {}\n", safe(&text(answer, "summary")));
    for scope in items(answer, "scopes") {
        // Writing to a string cannot fail.
        let _ = write!(said, "\nscope {}", safe(&text(scope, "name")));
        let groups = list(scope, "groups");
        if !groups.is_empty() {
            let _ = write!(said, ", from {}", safe(&groups));
        }
        let rules = items(scope, "rules");
        said.push_str(match (flag(scope, "known"), rules.is_empty()) {
            (false, _) => ": the policy does not know it\n",
            (true, true) => ": no rule for this server\n",
            (true, false) => "\n",
        });
        for rule in rules {
            let mark = if flag(rule, "allows") { "+" } else { "-" };
            let (number, says) = (text(rule, "number"), safe(&text(rule, "says")));
            let _ = writeln!(said, "  {mark} rule {number} {says}");
        }
    }
    for remedy in items(answer, "remedies") {
        let _ = write!(said, "\nwould do: scope {}", safe(&text(remedy, "scope")));
        let groups = list(remedy, "groups");
        if !groups.is_empty() {
            let _ = write!(said, " (groups {})", safe(&groups));
        }
    }
    said
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let items = value.get(name).and_then(Value::as_array);
    items.map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_names_what_is_missing_and_who_has_it() {
        let answer = json!({
            "allowed": false,
            "summary": "ada may not call the tool write at /time\u{1b}[2J",
            "scopes": [
                {"name": "gone", "groups": ["staff"], "known": false, "rules": []},
                {"name": "readers", "groups": [], "known": true, "rules": [
                    {"number": 2, "allows": false, "says": "names this server, but not the tool"},
                ]},
            ],
            "remedies": [{"scope": "writers", "groups": ["lords", "kings"]}],
        });
        assert_eq!(
            told(&answer),
            "refused: ada may not call the tool write at /time\\u{1b}[2J\n\
             \nscope gone, from staff: the policy does not know it\n\
             \nscope readers\n  - rule 2 names this server, but not the tool\n\
             \nwould do: scope writers (groups lords,kings)"
        );
    }
}
