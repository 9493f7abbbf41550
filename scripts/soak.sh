#!/usr/bin/env bash
# make soak: load, faults and crashes at full length on a release build, with figures and limits.
#
# SHARE=0.1 does a tenth of the counts; ROWS="3 7" picks rows; MCP_BIN names a binary that is built.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh soak
binary="${MCP_BIN:-}"
if [ -z "$binary" ]; then
  cargo build --release --locked --bin mcp </dev/null
  binary="$(target_dir)/release/mcp"
  cargo build --release --locked --bin mcp --no-default-features --features gateway --target-dir "$(target_dir)/gateway-only" </dev/null
  MCP_GATEWAY_BIN="$(target_dir)/gateway-only/release/mcp"
fi
options=(${MCP_GATEWAY_BIN:+--gateway-binary "$MCP_GATEWAY_BIN"} --share "${SHARE:-1}" --json reports/soak.json)
for row in ${ROWS:-}; do options+=(--row "$row"); done
PYTHONDONTWRITEBYTECODE=1 exec python3 scripts/acceptance.py "$binary" "${options[@]}"
