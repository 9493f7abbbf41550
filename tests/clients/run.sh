#!/usr/bin/env bash
# Real MCP clients against the built binary (MCP_BIN, else target/debug/mcp): tests/clients/run.sh [full] [split]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
for version in 2.3.0 1.30.0; do
  [ -x ".cache/venv-mcp-$version/bin/python" ] || { scripts/setup.sh test; break; }
done
exec env PYTHONDONTWRITEBYTECODE=1 python3 tests/clients/run.py "$@"
