#!/usr/bin/env bash
# make run: everything on this machine, in one terminal. Ctrl-C stops all of it.
#
# Builds the UI and the binary, starts the three example MCP servers and `mcp --mode full --ssl-dev`,
# waits until it serves, and prints where things are. Settings from the environment win, so
# `DATA_DIR=/tmp/try GATEWAY_HTTPS_BIND=127.0.0.1:9443 make run` works.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh run
scripts/build-ui.sh
say "building mcp (profile quick; the first time takes some minutes)"
cargo build --profile quick --locked --bin mcp

MCP="$(target_dir)/quick/mcp"
export DATA_DIR="${DATA_DIR:-$HOME/mcp-gateway}"
mkdir -p "$DATA_DIR"
RUN_DIR="$CACHE/run"
mkdir -p "$RUN_DIR"

CHILDREN=()
NAMES=()
STOPPING=

stop() {
  [ -n "$STOPPING" ] && return 0
  STOPPING=1
  trap '' INT TERM HUP
  say ""
  say "stopping"
  local pid
  for pid in "${CHILDREN[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${CHILDREN[@]}"; do wait "$pid" 2>/dev/null || true; done
}
interrupted() { stop; exit 0; }
trap interrupted INT TERM HUP
trap stop EXIT

start() {
  local name="$1"; shift
  (owned "$@") &
  CHILDREN+=("$!")
  NAMES+=("$name")
}

# The definitions in docker/servers name hosts of the compose network. Here the same servers run on
# this machine, so copies with 127.0.0.1 in place of those names are imported. Set SERVERS_DIR to
# import a folder of your own instead.
EXAMPLES="currenttime:8000 fininfo:8001 realserverfaketools:8002"
started=()
if [ -z "${SERVERS_DIR:-}" ]; then
  export SERVERS_DIR="$RUN_DIR/servers"
  rm -rf "$SERVERS_DIR"
  mkdir -p "$SERVERS_DIR"
  for example in $EXAMPLES; do
    name="${example%%:*}"; port="${example##*:}"
    if port_taken "$port"; then
      warn "port $port is taken by another program, so the example server $name is not started. Free the port and run again."
      continue
    fi
    start "$name" "$MCP" server "$name" --port "$port" >"$RUN_DIR/$name.log" 2>&1
    sed "s#://$name-server:#://127.0.0.1:#" "docker/servers/$name.json" > "$SERVERS_DIR/$name.json"
    started+=("$name")
  done
else
  say "SERVERS_DIR is set: importing $SERVERS_DIR, the example servers are not started"
fi

export SSL_DEV="${SSL_DEV:-true}"
start mcp "$MCP" --mode full
GATEWAY_PID="${CHILDREN[-1]}"

# Ready when `mcp health`, which reads the same settings, says so.
ready=
for _ in $(seq 1 300); do
  kill -0 "$GATEWAY_PID" 2>/dev/null || { wait "$GATEWAY_PID" || die "mcp stopped with status $?; the reason is above"; exit 1; }
  if MCP_MODE=full "$MCP" health >/dev/null 2>&1; then ready=1; break; fi
  sleep 0.2
done
[ -n "$ready" ] || die "mcp did not become ready within 60 s"

# The addresses that were really bound.
listener() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" "$DATA_DIR/run/listeners.json" 2>/dev/null | head -n1; }
https="$(listener gateway_https)"; https="${https:-127.0.0.1:8443}"
http="$(listener gateway_http)"; http="${http:-127.0.0.1:8080}"
base="https://localhost:${https##*:}"
ca="$DATA_DIR/ssl/dev/ca.pem"

cat <<TEXT

mcp is running.

  UI            $base/
  first login   ${ADMIN_USER:-admin}, password in $DATA_DIR/admin-password
  API           $base/api/servers        OpenAPI: $base/api/openapi.json
  plain HTTP    http://localhost:${http##*:}/
TEXT
for name in "${started[@]}"; do printf '  MCP           %s\n' "$base/$name/mcp"; done
cat <<TEXT

Trust the certificate authority made on this machine:
  curl      --cacert $ca
  Node      export NODE_EXTRA_CA_CERTS=$ca
  Python    export SSL_CERT_FILE=$ca
  browser   import that file as an authority

Make a token and call a tool:
  TOKEN=\$(DATA_DIR=$DATA_DIR scripts/token.sh $base)
  curl --cacert $ca $base/currenttime/mcp \\
    -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' \\
    -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' \\
    -H 'Mcp-Method: tools/call' -H 'Mcp-Name: current_time_by_timezone' -d '{"jsonrpc":"2.0","id":1,
    "method":"tools/call","params":{"name":"current_time_by_timezone","arguments":{"tz_name":"Asia/Tokyo"},
    "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'

Data lies in $DATA_DIR, logs of the example servers in ${RUN_DIR#"$ROOT"/}/. Ctrl-C stops everything.

TEXT

# Stay until mcp ends by itself or Ctrl-C comes.
status=0
wait "$GATEWAY_PID" || status=$?
[ -n "$STOPPING" ] || die "mcp stopped by itself with status $status"
