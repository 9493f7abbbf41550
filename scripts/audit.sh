#!/usr/bin/env bash
# make audit: known vulnerabilities, licences, banned crates and sources. JSON goes into reports/.
#
# Fails when a tool finds something. A database that is out of reach is said plainly and is not a
# finding: the version floors of .deny.toml still count then. ADVISORY_DB names a local clone of the
# RustSec database for machines without a network.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
exec </dev/null

scripts/setup.sh audit || exit 1
TOOLS="$CACHE/cargo-tools"
export PATH="$TOOLS/bin:$PATH"
mkdir -p reports "$TOOLS"
PASSED=0; FAILED=0; UNCHECKED=()

tool() {
  have "$1" && return 0
  say "installing $1 $2 into ${TOOLS#"$ROOT"/} (some minutes, once)"
  cargo install --locked --quiet --root "$TOOLS" "$1" --version "$2"
}
verdict() {
  if [ "$2" = 0 ]; then PASSED=$((PASSED + 1)); printf 'ok    %s\n' "$1"
  else FAILED=$((FAILED + 1)); printf 'FAIL  %s, see %s\n' "$1" "$3"; fi
}

cargo_deny() {
  local features name report status
  tool cargo-deny 0.20.2 || { UNCHECKED+=("crates: cargo-deny could not be installed"); return; }
  for name in full gateway registry; do
    case "$name" in
      full) features=(--all-features) ;;
      gateway) features=(--no-default-features --features gateway) ;;
      registry) features=(--no-default-features --features "registry ui examples postgres") ;;
    esac
    report="reports/deny-$name.json"; status=0
    cargo deny --format json "${features[@]}" check bans licenses sources 2>"$report" || status=$?
    verdict "$name build: licences, banned crates and version floors, sources" "$status" "$report"
  done
}

cargo_audit() {
  local report=reports/audit.json status=0 args=(--json)
  tool cargo-audit 0.22.2 || { UNCHECKED+=("Rust advisories: cargo-audit could not be installed"); return; }
  [ -n "${ADVISORY_DB:-}" ] && args+=(--no-fetch --stale --db "$ADVISORY_DB")
  cargo audit "${args[@]}" >"$report" 2>"$report.log" || status=$?
  if python3 -c 'import json,sys; json.load(open(sys.argv[1]))["vulnerabilities"]' "$report" 2>/dev/null; then
    rm -f "$report.log"
    verdict "Rust crates: known vulnerabilities" "$status" "$report"
  else
    UNCHECKED+=("Rust advisories: the advisory database is out of reach (reports/audit.json.log); set ADVISORY_DB to a local clone")
  fi
}

npm_audit() {
  local report=reports/npm-audit.json status=0
  (cd web && npm audit --json) >"$report" 2>"$report.log" || status=$?
  if python3 -c 'import json,sys; json.load(open(sys.argv[1]))["vulnerabilities"]' "$report" 2>/dev/null; then
    rm -f "$report.log"
    verdict "web packages: known vulnerabilities" "$status" "$report"
  else
    UNCHECKED+=("web advisories: npm's advisory service is out of reach ($report)")
  fi
}

head1 "Rust crates"
cargo_deny
cargo_audit
head1 "web packages"
npm_audit
head1 "make audit"
for line in "${UNCHECKED[@]}"; do printf 'NOT CHECKED  %s\n' "$line"; done
printf '%s passed, %s failed\n' "$PASSED" "$FAILED"
[ "$FAILED" = 0 ]
