#!/usr/bin/env bash
# Runs a command with a private PostgreSQL: scripts/with-postgres.sh COMMAND [ARG...]
#
# The server lives in a temporary folder, listens on loopback on a port the kernel chose, and is
# stopped and removed when the command ends. The command finds it in MCP_TEST_POSTGRES_URL.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ "$#" -gt 0 ] || die "usage: scripts/with-postgres.sh COMMAND [ARG...]"

bin="$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n1 || true)"
[ -n "$bin" ] || bin="$(pg_config --bindir 2>/dev/null || true)"
[ -x "$bin/initdb" ] || die "PostgreSQL is not installed (Debian package: postgresql)"

dir="$(mktemp -d "${TMPDIR:-/tmp}/mcp-postgres.XXXXXX")"
log="$dir/server.log"

# PostgreSQL refuses to run as root; there it runs as its own user.
if [ "$(id -u)" = 0 ]; then
  chown postgres "$dir"
  as_owner() { setpriv --reuid=postgres --regid=postgres --init-groups --no-new-privs env HOME="$dir" "$@"; }
else
  as_owner() { "$@"; }
fi

stop() {
  trap - EXIT
  as_owner "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

cd "$dir"
as_owner "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
port=
for _ in 1 2 3 4 5; do
  try="$(free_port)"
  if as_owner "$bin/pg_ctl" -D "$dir/data" -l "$log" -w -t 30 \
      -o "-p $try -k $dir -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync=off" start >/dev/null 2>&1; then
    port="$try"; break
  fi
done
[ -n "$port" ] || { tail -n 20 "$log" >&2 || true; die "PostgreSQL did not start"; }
cd "$ROOT"

export MCP_TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
status=0
"$@" || status=$?
exit "$status"
