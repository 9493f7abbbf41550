#!/usr/bin/env bash
# h2spec against both listeners of the gateway, at a page of the registry that flows through it.
#
# Part of make test-full; needs Go, which fetches and builds the version that scripts/h2spec/go.mod
# pins. Reports go to reports/. Fails on every failed case but the one that is explained below.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
exec </dev/null

have go || die "go is not installed. Install Go 1.26 or newer to run h2spec, then run this again."
H2SPEC="$CACHE/h2spec"
go -C scripts/h2spec build -mod=readonly -o "$H2SPEC" github.com/summerwind/h2spec/cmd/h2spec || exit 1
# The build that the tests use: a plain one has other features for dependencies.
cargo test --locked --no-run --test process || exit 1

WORK="$(mktemp -d "${TMPDIR:-/tmp}/mcp-h2spec.XXXXXX")"
SERVER=
stop() {
  [ -n "$SERVER" ] && { kill -TERM "$SERVER"; wait "$SERVER"; } 2>/dev/null
  rm -rf "$WORK"
}
trap stop EXIT
mkdir -p reports

env DATA_DIR="$WORK" HOME="$WORK" LOG_FORMAT=json ADMIN_PASSWORD=h2spec-needs-no-login SSL_DEV=true \
  REGISTRY_BIND=127.0.0.1:0 GATEWAY_HTTP_BIND=127.0.0.1:0 GATEWAY_HTTPS_BIND=127.0.0.1:0 OPS_BIND=127.0.0.1:0 \
  "$(target_dir)/debug/mcp" --mode full >"$WORK/log" 2>&1 &
SERVER=$!

# The port of a listener, by its name in the log.
port() { sed -n "s/.*\"message\":\"listening\".*\"gateway\\.$1\":\"127\\.0\\.0\\.1:\\([0-9]*\\)\".*/\\1/p" "$WORK/log"; }
for _ in $(seq 300); do
  [ -n "$(port http)" ] && curl -fs -o "$WORK/ready" "http://127.0.0.1:$(port http)/ready" && break
  kill -0 "$SERVER" 2>/dev/null || break
  sleep 0.1
done
[ -s "$WORK/ready" ] || { cat "$WORK/log"; die "the gateway did not get ready"; }

FAILED=0
# spec NAME EXPECTED-FAILURES ARGUMENT…: the cases that failed must be exactly those that are expected.
spec() {
  local name="$1" expected="$2"; shift 2
  local report="reports/h2spec-$name.txt"
  "$H2SPEC" --strict --host 127.0.0.1 --path /api/openapi.json "$@" >"$report" 2>&1
  local failed
  failed="$(sed -n '/^Failures:/,$s/^ *× *//p' "$report")"
  say "h2spec, $name: $(tail -n1 "$report")"
  if ! grep -q '^[0-9]* tests, .* failed$' "$report" || [ "$failed" != "$expected" ]; then
    sed -n '/^Failures:/,$p' "$report"
    FAILED=1
  fi
}

spec tls '' --port "$(port https)" --tls --insecure
# What is no HTTP/2 preface is a request of HTTP/1 on a listener for both: it is answered 400 and closed,
# where h2spec wants it closed without a word.
spec plain '2: Sends invalid connection preface' --port "$(port http)"
[ "$FAILED" = 0 ] || die "h2spec failed; see reports/"
