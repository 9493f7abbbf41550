#!/usr/bin/env bash
# The public MCP conformance suite, at a server and at the same server behind the gateway, and with
# its own servers behind the gateway: tests/conformance/run.sh [server] [client]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ -f .cache/conformance/node_modules/.lock-digest ] || scripts/setup.sh test
for peer in mcp-peer-server mcp-peer-client; do
  [ -x "${CARGO_TARGET_DIR:-target}/debug/examples/$peer" ] || cargo build --locked --example "$peer"
done
export PYTHONDONTWRITEBYTECODE=1
(cd tests/conformance && python3 -m unittest --quiet test_run)
exec python3 tests/conformance/run.py "$@"
