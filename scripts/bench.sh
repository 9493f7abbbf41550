#!/usr/bin/env bash
# make bench: our gateway beside NGINX and HAProxy on the same work, in one run.
#
# WHAT="h1 sse" picks works; WHAT=micro runs the micro benchmarks of tests/bench instead, WHAT=profile says
# which functions a request's instructions go to. QUICK=1 does little, to see that it works; UPDATE=1 writes
# the tables into docs/benchmarks.md; MCP_BIN names a release binary that is built.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export PYTHONDONTWRITEBYTECODE=1
exec </dev/null

main() {
  scripts/setup.sh bench
  case "${WHAT:-}" in
    micro)   micro ;;
    profile) profile ;;
    *)       compare ;;
  esac
}

micro() {
  local bench
  for bench in $(sed -n '/^\[\[bench\]\]/,/^name/s/^name *= *"\(.*\)"/\1/p' Cargo.toml); do
    cargo bench --locked --bench "$bench"
  done
}

profile() {
  export CARGO_PROFILE_RELEASE_DEBUG=line-tables-only CARGO_PROFILE_RELEASE_STRIP=none
  local target; target="$(target_dir)/profiled"
  [ -n "${MCP_BIN:-}" ] || cargo build --release --locked --bin mcp --target-dir "$target"
  python3 tests/bench/instructions.py "${MCP_BIN:-$target/release/mcp}" --profile
}

compare() {
  local target options=(--json reports/bench.json)
  target="$(target_dir)"
  [ -n "${MCP_BIN:-}" ] || cargo build --release --locked --bin mcp
  cargo build --release --locked --manifest-path tests/bench/load/Cargo.toml --target-dir "$target/load"
  [ -z "${QUICK:-}" ] || options+=(--quick)
  [ -z "${UPDATE:-}" ] || options+=(--update docs/benchmarks.md)
  # shellcheck disable=SC2086 # words of WHAT are works
  python3 tests/bench/bench.py "${MCP_BIN:-$target/release/mcp}" "$target/load/release/mcp-load" ${WHAT:-} "${options[@]}"
}

main
