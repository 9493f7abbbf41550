#!/usr/bin/env bash
# Builds the UI into web/dist/app, unless its sources are unchanged since the last build.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p "$CACHE"

# A digest over names and contents of everything that can change the result.
sources_digest() {
  { node --version
    find web -path web/node_modules -prune -o -path web/dist -prune -o -path web/e2e -prune \
      -o -path web/screenshots -prune -o -path web/coverage -prune -o -type f -print0 \
      | LC_ALL=C sort -z | xargs -0 sha256sum
  } | sha256sum | cut -d' ' -f1
}

[ -f web/package.json ] || die "web/package.json is missing: this checkout has no UI"
npm_install web "the UI"
[ "${1:-}" = modules ] && exit 0

digest="$(sources_digest)"
if [ "$(cat "$CACHE/ui.digest" 2>/dev/null)" = "$digest" ] && [ -f web/dist/app/index.html ]; then
  say "the UI is up to date"
  exit 0
fi
say "building the UI"
(cd web && npm run --silent build </dev/null)
[ -f web/dist/app/index.html ] || die "the UI build left no web/dist/app/index.html"
printf '%s' "$digest" > "$CACHE/ui.digest"
