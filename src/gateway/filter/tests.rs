use super::*;

#[test]
fn other_alphabets_and_encodings_are_not_read() {
    let head = |name: HeaderName, value: &'static str| {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    };
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "text/event-stream;Charset=\"UTF-8\"; x=y",
        "application/json;",
    ] {
        let head = head(header::CONTENT_TYPE, kind);
        assert_eq!(check(StatusCode::OK, &head), Ok(()), "{kind}");
        assert_eq!(
            check(StatusCode::PARTIAL_CONTENT, &head),
            Err(Error::Encoded)
        );
    }
    for kind in [
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
        "application/json; a=b;charset = \"iso-8859-1\"",
        "application/json; charset",
    ] {
        let head = head(header::CONTENT_TYPE, kind);
        assert_eq!(check(StatusCode::OK, &head), Err(Error::Encoded), "{kind}");
    }
    for (encoding, passes) in [("identity", true), ("gzip", false), ("", false), ("br", false)] {
        let head = head(header::CONTENT_ENCODING, encoding);
        assert_eq!(check(StatusCode::OK, &head).is_ok(), passes, "{encoding}");
    }
}
