#!/usr/bin/env bash
# The identity tests with a real Keycloak, its realm from docker/keycloak/realm.json.
#
# Keycloak comes from Maven Central, once, into .cache; it keeps its data in memory and listens on a
# port that was free. The program under test is the debug build, or what MCP_BINARY names.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

VERSION=26.7.2
HOME_OF_KEYCLOAK="$CACHE/keycloak-$VERSION"

install() {
  [ -f "$HOME_OF_KEYCLOAK/.installed" ] && return 0
  say "downloading Keycloak $VERSION from Maven Central (170 MB)"
  local into
  into="$(mktemp -d "$CACHE/keycloak-new-XXXXXX")"
  mvn --quiet --batch-mode dependency:copy \
    "-Dartifact=org.keycloak:keycloak-quarkus-dist:$VERSION:zip" "-DoutputDirectory=$into"
  unzip -q "$into/keycloak-quarkus-dist-$VERSION.zip" -d "$into"
  rm -rf "$HOME_OF_KEYCLOAK"
  mv "$into/keycloak-$VERSION" "$HOME_OF_KEYCLOAK"
  rm -r "$into"
  touch "$HOME_OF_KEYCLOAK/.installed"
}

mkdir -p "$CACHE"
scripts/setup.sh keycloak
install
mkdir -p "$HOME_OF_KEYCLOAK/data/import"
cp docker/keycloak/realm.json "$HOME_OF_KEYCLOAK/data/import/"
export KEYCLOAK_HOME="$HOME_OF_KEYCLOAK"
export MCP_BINARY="${MCP_BINARY:-$(target_dir)/debug/mcp}"
[ -x "$MCP_BINARY" ] || die "$MCP_BINARY is not there: run cargo build first"
cd tests/identity
node --test keycloak.test.mjs
