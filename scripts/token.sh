#!/usr/bin/env bash
# Logs in as the local admin and prints a fresh bearer token: scripts/token.sh [BASE_URL [CA_FILE]]
#
# The password comes from ADMIN_PASSWORD, else from $DATA_DIR/admin-password. It and the session
# never appear in an argument list.
set -euo pipefail

DATA_DIR="${DATA_DIR:-$HOME/mcp-gateway}"
BASE="${1:-https://localhost:8443}"
BASE="${BASE%/}"
CA="${2:-$DATA_DIR/ssl/dev/ca.pem}"
USER_NAME="${ADMIN_USER:-admin}"
HOURS="${TOKEN_HOURS:-8}"

die() { printf 'error: %s\n' "$*" >&2; exit 1; }

password="${ADMIN_PASSWORD:-}"
if [ -z "$password" ]; then
  [ -r "$DATA_DIR/admin-password" ] || die "cannot read $DATA_DIR/admin-password: set ADMIN_PASSWORD, or DATA_DIR to the registry's folder"
  password="$(cat "$DATA_DIR/admin-password")"
fi

jar="$(mktemp)"
chmod 600 "$jar"
trap 'rm -f "$jar"' EXIT
curl_args=(--silent --show-error --fail-with-body --noproxy '*' --max-time 20)
[ -r "$CA" ] && curl_args+=(--cacert "$CA")

escape() { printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'; }

printf '{"username":"%s","password":"%s"}' "$(escape "$USER_NAME")" "$(escape "$password")" \
  | curl "${curl_args[@]}" --cookie-jar "$jar" -H 'Content-Type: application/json' --data-binary @- "$BASE/api/auth/login" >/dev/null \
  || die "login at $BASE/api/auth/login failed"
answer="$(curl "${curl_args[@]}" --cookie "$jar" -H "Origin: $BASE" -H 'Content-Type: application/json' \
  --data "{\"expires_in_hours\":$HOURS,\"description\":\"scripts/token.sh\"}" "$BASE/api/tokens/generate")" \
  || die "making a token at $BASE/api/tokens/generate failed: $answer"
token="$(printf '%s' "$answer" | sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p')"
[ -n "$token" ] || die "the answer of $BASE/api/tokens/generate holds no access_token"
printf '%s\n' "$token"
