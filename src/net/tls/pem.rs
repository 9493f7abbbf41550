//! PEM sections with their headers, which rustls does not give out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One section of a PEM file.
pub(super) struct Section {
    /// What stands after BEGIN.
    pub(super) label: String,
    /// `Name: value` lines, as in legacy encrypted keys.
    pub(super) headers: Vec<(String, String)>,
    /// The content.
    pub(super) der: Vec<u8>,
}

impl Section {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// All sections of a file; text around them is passed over.
///
/// # Errors
/// A sentence about the first section that does not parse.
pub(super) fn sections(bytes: &[u8]) -> Result<Vec<Section>, String> {
    if bytes.starts_with(&[0x30, 0x82]) {
        return Err("it is DER, not PEM (convert it with `openssl x509|pkey -inform der`)".into());
    }
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(label) = between(line, "-----BEGIN ") {
            found.push(section(label, &mut lines)?);
        }
    }
    Ok(found)
}

fn section<'a>(label: &str, lines: &mut impl Iterator<Item = &'a str>) -> Result<Section, String> {
    let mut headers = Vec::new();
    let mut body = String::new();
    for line in lines {
        if between(line, "-----END ") == Some(label) {
            let der = STANDARD
                .decode(&body)
                .map_err(|error| format!("the base64 of `{label}` does not decode ({error})"))?;
            return Ok(Section {
                label: label.to_owned(),
                headers,
                der,
            });
        }
        if line.starts_with("-----") {
            break;
        }
        match line.split_once(':') {
            Some((name, value)) if body.is_empty() => {
                headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            _ => body.extend(line.chars().filter(|c| !c.is_whitespace())),
        }
    }
    Err(format!(
        "`BEGIN {label}` has no `END {label}`: it is cut off"
    ))
}

fn between<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}

/// True if these bytes are one DER SEQUENCE and nothing else: what decryption with a wrong password
/// practically never yields.
pub(super) fn is_one_sequence(der: &[u8]) -> bool {
    let Some((0x30, rest)) = der.split_first().map(|(tag, rest)| (*tag, rest)) else {
        return false;
    };
    match rest.split_first() {
        Some((short, body)) if *short < 0x80 => body.len() == usize::from(*short),
        Some((long, body)) => {
            let Some((length, body)) = body.split_at_checked(usize::from(*long & 0x7f)) else {
                return false;
            };
            length.len() <= 4
                && !length.is_empty()
                && body.len()
                    == length
                        .iter()
                        .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_come_with_label_headers_and_content() {
        let text = "\u{feff}Bag Attributes\r\n-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n\
                    DEK-Info: AES-128-CBC,00\r\n\r\nAAEC\r\nAwQF\r\n-----END RSA PRIVATE KEY-----\r\n\
                    -----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";
        let found = sections(text.as_bytes()).unwrap();
        let [key, certificate] = found.as_slice() else {
            panic!("{}", found.len())
        };
        assert_eq!(key.label, "RSA PRIVATE KEY");
        assert_eq!(key.header("dek-info"), Some("AES-128-CBC,00"));
        assert_eq!(key.der, [0, 1, 2, 3, 4, 5]);
        assert_eq!(
            (certificate.label.as_str(), certificate.der.as_slice()),
            ("CERTIFICATE", &[0][..])
        );
    }

    #[test]
    fn cut_off_and_garbled_sections_are_said_to_be_so() {
        let error = |text: &str| sections(text.as_bytes()).err().unwrap();
        assert!(error("-----BEGIN X-----\nAAAA\n").contains("cut off"));
        assert!(error("-----BEGIN X-----\nAAAA\n-----END Y-----").contains("cut off"));
        assert!(error("-----BEGIN X-----\nA*\n-----END X-----").contains("base64"));
        assert!(sections(&[0x30, 0x82, 1, 2]).err().unwrap().contains("DER"));
        assert!(sections(b"nothing here").unwrap().is_empty());
    }

    #[test]
    fn one_der_sequence_is_told_from_noise() {
        assert!(is_one_sequence(&[0x30, 0]));
        assert!(is_one_sequence(&[0x30, 1, 9]));
        assert!(is_one_sequence(
            &[&[0x30, 0x81, 0x80][..], &[0; 128]].concat()
        ));
        for noise in [
            &[][..],
            &[0x30],
            &[0x30, 2, 9],
            &[0x31, 0],
            &[0x30, 0x80],
            &[0x30, 0x85, 1],
        ] {
            assert!(!is_one_sequence(noise), "{noise:?}");
        }
    }
}
