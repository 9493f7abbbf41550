//! The built application as part of the executable; in debug builds it is read from the folder.

use std::borrow::Cow;
use std::fmt::Write as _;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/web/dist/app"]
#[allow_missing = true]
struct Built;

/// One built file.
pub(super) struct File {
    pub(super) bytes: Cow<'static, [u8]>,
    pub(super) kind: String,
    /// Of the content.
    pub(super) hash: String,
}

/// The file of a path below the build's folder.
pub(super) fn find(path: &str) -> Option<File> {
    let file = Built::get(path)?;
    let mut hash = String::with_capacity(24);
    for byte in file.metadata.sha256_hash().iter().take(12) {
        // Writing to a String does not fail.
        let _ = write!(hash, "{byte:02x}");
    }
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let kind = if kind.type_() == "text" {
        format!("{kind}; charset=utf-8")
    } else {
        kind.to_string()
    };
    Some(File {
        bytes: file.data,
        kind,
        hash,
    })
}
