#!/usr/bin/env bash
# make screenshots: pictures of the UI of a started binary, into web/screenshots/.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh test
scripts/build-ui.sh
cargo test --locked --no-run
PYTHONDONTWRITEBYTECODE=1 python3 tests/clients/with_mcp.py -- npm --prefix web run --silent screenshots
say "the pictures are in web/screenshots/"
