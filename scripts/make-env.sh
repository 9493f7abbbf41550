#!/usr/bin/env bash
# Prepares `docker-compose up`: writes what is missing into .env and makes the folders it mounts.
#
# Values that are already there stay as they are. Secrets are generated; nothing is printed but
# names. Folders that belong to another user (an older install as root) are named with the remedy.
set -euo pipefail

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ENV_FILE="${ENV_FILE:-$HERE/../.env}"
BASE="$HOME/mcp-gateway"
umask 077

touch "$ENV_FILE"
chmod 600 "$ENV_FILE"

# The value of a name in the file, empty when it is not there.
value_of() { sed -n "s/^[[:space:]]*\(export[[:space:]]\+\)\?$1[[:space:]]*=//p" "$ENV_FILE" | tail -n 1 | tr -d "\"'"; }

# Adds NAME=VALUE unless the name has a value already.
keep_or_add() {
  local name="$1" value="$2"
  if [ -n "$(value_of "$name")" ]; then
    printf '  kept       %s\n' "$name"
    return 0
  fi
  # A file without a last line end would swallow the first line added.
  [ -s "$ENV_FILE" ] && [ -n "$(tail -c 1 "$ENV_FILE")" ] && printf '\n' >> "$ENV_FILE"
  printf '%s=%s\n' "$name" "$value" >> "$ENV_FILE"
  printf '  written    %s\n' "$name"
}

secret() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# Containers run as the one who calls this; never as root.
if [ "$(id -u)" = 0 ]; then user=65532; group=65532; else user="$(id -u)"; group="$(id -g)"; fi

printf '%s:\n' "$ENV_FILE"
keep_or_add ADMIN_PASSWORD "$(secret 16)"
# The old spelling GATEWAY_TOKEN is an alias of this one: do not add a second value beside it.
if [ -n "$(value_of GATEWAY_TOKEN)" ]; then keep_or_add REGISTRY_API_TOKEN "$(value_of GATEWAY_TOKEN)"; else keep_or_add REGISTRY_API_TOKEN "$(secret 32)"; fi
keep_or_add MCP_UID "$user"
keep_or_add MCP_GID "$group"
user="$(value_of MCP_UID)"; group="$(value_of MCP_GID)"

for folder in ssl servers gateway registry auth-server logs logs/registry; do
  mkdir -p "$BASE/$folder"
done
chmod 700 "$BASE/gateway" "$BASE/registry" "$BASE/auth-server"
chmod 755 "$BASE/servers" "$BASE/ssl"

for definition in "$HERE"/../docker/servers/*.json; do
  target="$BASE/servers/$(basename "$definition")"
  [ -e "$target" ] || install -m 0644 "$definition" "$target"
done

wrong=0
if [ "$(id -u)" = 0 ]; then
  chown -R "$user:$group" "$BASE/gateway" "$BASE/registry" "$BASE/auth-server" "$BASE/logs" "$BASE/servers"
  chown "$user:$group" "$BASE"
  for file in "$BASE"/ssl/*.pem; do [ -e "$file" ] && chown "$user:$group" "$file"; done
else
  while IFS= read -r path; do
    printf 'error: %s belongs to another user and the containers (user %s) cannot use it. Remedy: sudo chown -R %s:%s %s\n' \
      "$path" "$user" "$user" "$group" "$path" >&2
    wrong=1
  done < <(find "$BASE/gateway" "$BASE/registry" "$BASE/auth-server" "$BASE/logs" "$BASE/ssl" -maxdepth 1 ! -user "$user" 2>/dev/null)
fi

printf '%s: folders and server definitions are there\n' "$BASE"
printf 'Log in as %s with ADMIN_PASSWORD from %s.\n' "$(value_of ADMIN_USER | grep . || echo admin)" "$ENV_FILE"
exit "$wrong"
