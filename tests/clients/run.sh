#!/usr/bin/env bash
# The built binary (MCP_BIN, else target/debug/mcp) from outside: tests/clients/run.sh front-door|matrix [ARGUMENT...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PYTHONDONTWRITEBYTECODE=1
part="${1:-}"; shift || true
case "$part" in
  front-door) exec python3 tests/clients/front_door.py "$@" ;;
  matrix)
    [ -f .cache/venv-fastmcp-4.1.2/.installed ] && [ -f tests/clients/node/node_modules/.lock-digest ] || scripts/setup.sh test
    for peer in mcp-peer-server mcp-peer-client; do
      [ -x "${CARGO_TARGET_DIR:-target}/debug/examples/$peer" ] || cargo build --locked --example "$peer"
    done
    python3 -m unittest --quiet tests/clients/test_compare.py
    exec python3 tests/clients/matrix.py "$@" ;;
  *) echo "usage: tests/clients/run.sh front-door|matrix [ARGUMENT...]" >&2; exit 2 ;;
esac
