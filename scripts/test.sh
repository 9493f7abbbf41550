#!/usr/bin/env bash
# make test: every check that a change has to pass, in the order that finds trouble soonest.
#
# Stops at the first step that fails. The last line counts the steps: "N passed, N failed".
# What waits for networks or needs Node alone runs aside, while cargo checks.
# Pick steps by a word of their names: scripts/test.sh clippy features
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# One target folder for all steps: clippy and check share what they build for dependencies, and the
# binary that `cargo test` builds serves the client and browser tests.
[ -n "${CI:-}" ] && export CARGO_INCREMENTAL=0
export CARGO_TERM_PROGRESS_WHEN=never
exec </dev/null

WANTED=("$@")
PASSED=0
SUMMARY=()
BEGAN=$SECONDS

wanted() {
  [ "${#WANTED[@]}" = 0 ] && return 0
  local word
  for word in "${WANTED[@]}"; do [[ "$1" == *"$word"* ]] && return 0; done
  return 1
}

step() {
  local name="$1"; shift
  wanted "$name" || return 0
  head1 "$name"
  local since=$SECONDS status=0
  "$@" || status=$?
  count "$name" "$((SECONDS - since))" "$status"
}

count() {
  local name="$1" took="$2" status="$3"
  if [ "$status" != 0 ]; then
    SUMMARY+=("$(printf '%5ss  FAILED  %s (status %s)' "$took" "$name" "$status")")
    finish 1
  fi
  PASSED=$((PASSED + 1))
  SUMMARY+=("$(printf '%5ss  passed  %s' "$took" "$name")")
}

# aside FUNCTION: its steps, one after the other, beside those that follow; `join` shows what they
# printed and counts them.
ASIDE="" SAID=""
aside() {
  SAID="$(mktemp -d)"
  (
    step() {
      local name="$1"; shift
      wanted "$name" || return 0
      local since=$SECONDS status=0
      { head1 "$name"; "$@"; } >> "$SAID/output" 2>&1 || status=$?
      printf '%s\t%s\t%s\n' "$((SECONDS - since))" "$status" "$name" >> "$SAID/steps"
      [ "$status" = 0 ] || exit 1
    }
    "$1"
  ) &
  ASIDE=$!
}

join() {
  [ -n "$ASIDE" ] || return 0
  local steps took status name
  wait "$ASIDE"
  ASIDE=""
  touch "$SAID/output" "$SAID/steps"
  cat "$SAID/output"
  steps="$(cat "$SAID/steps")"
  rm -rf "$SAID"
  [ -n "$steps" ] || return 0
  while IFS=$'\t' read -r took status name; do count "$name" "$took" "$status"; done <<< "$steps"
}

finish() {
  # What is aside ends by itself, and its failure is one more to know of.
  join
  head1 "summary, $((SECONDS - BEGAN)) s in all"
  printf '%s\n' "${SUMMARY[@]}"
  [ "$1" = 0 ] || say "the steps after the failed one were not run"
  exec 2>/dev/null
  printf '%s passed, %s failed\n' "$PASSED" "$1"
  exit "$1"
}

in_web() { (cd web && npm run --silent "$@"); }
each_feature_alone() {
  local feature
  for feature in registry ui gateway examples postgres; do
    say "cargo check --no-default-features --features $feature"
    cargo check --locked --no-default-features --features "$feature" || return 1
  done
}
rust_tests() { scripts/with-postgres.sh cargo test --locked; }
# The same build that the tests used: a plain `cargo build` has other features for dependencies.
debug_binary() { cargo test --locked --no-run; }
# The tests' binary is the registry; what is counted is a gateway of its own.
instructions() {
  cargo build --locked --profile counted --no-default-features --features gateway --bin mcp || return 1
  PYTHONDONTWRITEBYTECODE=1 python3 tests/bench/instructions.py "$(target_dir)/counted/mcp" --registry "$(target_dir)/debug/mcp"
}
gateways() { PYTHONDONTWRITEBYTECODE=1 python3 tests/proxies/run.py; }
browser() { PYTHONDONTWRITEBYTECODE=1 python3 tests/clients/with_mcp.py --shape full -- npm --prefix web run --silent e2e; }

identity() { (cd tests/identity && MCP_BINARY="$ROOT/target/debug/mcp" node --test --test-concurrency=1 identity.test.mjs backend.test.mjs); }

beside_cargo() {
  step "setup: what the tests need"              scripts/setup.sh test
  step "scripts: settings, images, units"        python3 scripts/test-scripts.py
  step "docs: configuration reference in step"   scripts/config-reference.py --check
  step "web: packages"                           scripts/build-ui.sh modules
  step "web: lint"                               in_web lint
  step "web: types"                              in_web check
  step "web: unit tests"                         in_web test
  step "web: build"                              scripts/build-ui.sh
}

step "setup: what a build needs"               scripts/setup.sh run
aside beside_cargo
step "format: cargo fmt"                       cargo fmt --check
step "format: cargo fmt, benchmarks' load"     cargo fmt --check --manifest-path tests/bench/load/Cargo.toml
step "clippy: full build, all targets"         cargo clippy --all-targets --locked -- -D warnings
step "clippy: gateway-only build, all targets" cargo clippy --no-default-features --features gateway --all-targets --locked -- -D warnings
step "features: each one alone compiles"       each_feature_alone
join
step "rust: unit, it and process tests"        rust_tests
step "binary: debug build"                     debug_binary
step "instructions: of a proxied request"      instructions
step "front door: built binary over HTTPS"      tests/clients/run.sh front-door
step "gateways: NGINX, HAProxy, Envoy, Caddy"   gateways
step "clients: every client to every server"   tests/clients/run.sh matrix
step "conformance: directly and behind us"     tests/conformance/run.sh
step "browser: the UI in Chromium"             browser
step "identity: an OpenID provider, Chromium"   identity
[ "$PASSED" -gt 0 ] || { say "no step matches: ${WANTED[*]}"; finish 1; }
finish 0
