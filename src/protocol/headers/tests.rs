use super::*;
use crate::protocol::version::{V2025_11_25, V2026_07_28};

const CALL: &[u8] =
    br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","_meta":
    {"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;

fn check(version: &str, method: &str, name: &str, body: &[u8]) -> Result<(), Mismatch> {
    fn single(value: &str) -> Single<'_> {
        if value.is_empty() {
            Single::Absent
        } else {
            Single::One(value.as_bytes())
        }
    }
    let headers = HeaderCheck {
        version: single(version),
        method: single(method),
        name: single(name),
    };
    headers.compare(&Envelope::parse(body).unwrap())
}

#[test]
fn equal_headers_pass() {
    assert_eq!(check(V2026_07_28, "tools/call", "safe", CALL), Ok(()));
    assert_eq!(
        check(V2026_07_28, " tools/call\t", "  safe ", CALL),
        Ok(()),
        "outer blanks do not count"
    );
    assert_eq!(
        check(V2026_07_28, "tools/call", "=?base64?c2FmZQ==?=", CALL),
        Ok(())
    );
}

#[test]
fn another_name_than_the_body_calls_is_refused() {
    for name in [
        "other",
        "Safe",
        "safe,safe",
        "=?base64?b3RoZXI=?=",
        "=?BASE64?c2FmZQ==?=",
    ] {
        let refused = check(V2026_07_28, "tools/call", name, CALL).unwrap_err();
        assert_eq!(
            refused,
            Mismatch::Differs {
                header: NAME,
                field: "the target"
            },
            "{name}"
        );
        assert_eq!(refused.code(), -32_020);
    }
}

#[test]
fn another_method_or_version_than_the_body_has_is_refused() {
    let method = check(V2026_07_28, "tools/list", "safe", CALL);
    assert_eq!(
        method,
        Err(Mismatch::Differs {
            header: METHOD,
            field: "method"
        })
    );
    let version = check("2026-09-09", "tools/call", "safe", CALL);
    assert!(matches!(
        version,
        Err(Mismatch::Differs {
            header: VERSION,
            ..
        })
    ));
}

#[test]
fn missing_headers_are_refused_only_where_the_revision_demands_them() {
    assert_eq!(
        check(V2026_07_28, "", "safe", CALL),
        Err(Mismatch::Missing { header: METHOD })
    );
    assert_eq!(
        check(V2026_07_28, "tools/call", "", CALL),
        Err(Mismatch::Missing { header: NAME })
    );
    let list = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(check(V2026_07_28, "tools/list", "", list), Ok(()));
    assert!(check(V2026_07_28, "tools/list", "stray", list).is_err());
    let note = br#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#;
    assert_eq!(check(V2026_07_28, "", "", note), Ok(()));
    assert!(check(V2026_07_28, "notifications/x", "", note).is_err());
}

#[test]
fn a_task_method_that_the_revision_removed_needs_no_name_but_may_not_have_another() {
    let result = br#"{"jsonrpc":"2.0","id":1,"method":"tasks/result","params":{"taskId":"t"}}"#;
    assert_eq!(check(V2026_07_28, "tasks/result", "", result), Ok(()));
    assert_eq!(check(V2026_07_28, "tasks/result", "t", result), Ok(()));
    assert!(check(V2026_07_28, "tasks/result", "u", result).is_err());
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"taskId":"t"}}}}"#);
        assert_eq!(
            check(V2026_07_28, method, "", body.as_bytes()),
            Err(Mismatch::Missing { header: NAME })
        );
    }
}

#[test]
fn earlier_revisions_are_compared_with_the_revision_in_the_body_only() {
    let plain = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe"}}"#;
    for version in ["", V2025_11_25, "draft"] {
        assert_eq!(
            check(version, "tools/list", "other", plain),
            Ok(()),
            "{version}"
        );
    }
    assert_eq!(check("", "tools/list", "other", CALL), Ok(()));
    for version in [V2025_11_25, "draft"] {
        assert!(
            matches!(
                check(version, "tools/call", "safe", CALL),
                Err(Mismatch::Differs {
                    header: VERSION,
                    ..
                })
            ),
            "{version}"
        );
    }
}

#[test]
fn batches_have_no_place_in_the_modern_era() {
    let batch = br#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#;
    assert_eq!(check(V2026_07_28, "ping", "", batch), Err(Mismatch::Batch));
    assert_eq!(check("2025-03-26", "", "", batch), Ok(()));
}

#[test]
fn repeated_headers_are_refused_in_every_era() {
    let envelope = Envelope::parse(CALL).unwrap();
    let same = [&b"safe"[..], b"safe"];
    for version in [
        Single::Absent,
        Single::One(b"2025-11-25"),
        Single::One(b"2026-07-28"),
    ] {
        let headers = HeaderCheck {
            version,
            method: Single::One(b"tools/call"),
            name: Single::of(same),
        };
        assert_eq!(
            headers.compare(&envelope),
            Err(Mismatch::Repeated { header: NAME })
        );
    }
    let version = HeaderCheck {
        version: Single::of(same),
        ..HeaderCheck::default()
    };
    assert_eq!(
        version.compare(&envelope),
        Err(Mismatch::Repeated { header: VERSION })
    );
    assert!(!version.is_modern());
}

#[test]
fn broken_encodings_are_refused() {
    for name in [
        "=?base64?c2FmZQ?=",
        "=?base64?/w==?=",
        "=?base64?!?=",
        "sa\u{e9}fe",
        "sa\u{7f}fe",
    ] {
        let refused = check(V2026_07_28, "tools/call", name, CALL);
        assert_eq!(refused, Err(Mismatch::Malformed { header: NAME }), "{name}");
    }
}

#[test]
fn names_beyond_ascii_travel_encoded() {
    let body = r#"{"id":1,"method":"resources/read","params":{"uri":"file:///\u00e9 =?base64?"}}"#;
    let encoded = format!("=?base64?{}?=", STANDARD.encode("file:///é =?base64?"));
    assert_eq!(
        check(V2026_07_28, "resources/read", &encoded, body.as_bytes()),
        Ok(())
    );
}
