//! Watches the built web UI so that new files are embedded, and refuses a build that must have it but does not.
//! It runs no node and opens no connection: `npm run build` in `web/` makes the files.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed={WATCHED}");
    println!("cargo::rerun-if-changed=web/build.rs");
    println!("cargo::rerun-if-env-changed={REQUIRE}");

    let required = env::var_os(REQUIRE).is_some_and(|value| value == "1");
    let embedded = env::var_os("CARGO_FEATURE_UI").is_some();
    if required && embedded && !Path::new(INDEX).is_file() {
        println!(
            "cargo::error={REQUIRE}=1 but {INDEX} is missing: run `npm ci && npm run build` in web/, \
             or build without the `ui` feature"
        );
    }
}

/// Committed, so that it exists on every checkout: watching a missing folder would rebuild on every run.
const WATCHED: &str = "web/dist";
const INDEX: &str = "web/dist/app/index.html";
const REQUIRE: &str = "MCP_REQUIRE_UI";
