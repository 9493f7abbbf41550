#!/usr/bin/env bash
# make test-deploy: the shipped images and compose files, for real.
#
# Builds the images with podman, brings docker-compose.yml up and checks UI, API and MCP through
# HTTPS, then docker-compose-registry-only.yml; everything is taken down again. Needs root.
#
#   NODE_IMAGE, RUST_IMAGE   base images to build with; without them one is made from Debian
#                            packages and this machine's Rust and Node
#   DEPLOY_PROFILE           cargo profile of the images (quick; release is what is shipped)
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
exec </dev/null

PROFILE="${DEPLOY_PROFILE:-quick}"
PASSED=0
FAILED=0
STACK=

[ "$(id -u)" = 0 ] || die "make test-deploy needs root: it makes containers with networks of their own"
scripts/setup.sh deploy || exit 1

WORK="$(mktemp -d "${TMPDIR:-/tmp}/mcp-deploy.XXXXXX")"
chmod 755 "$WORK"
ENV_FILE="$WORK/.env"
DATA="$WORK/mcp-gateway"
export CONTAINERS_CONF="$WORK/containers.conf"
cat > "$CONTAINERS_CONF" <<'CONF'
[engine]
runtime = "/usr/sbin/runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
[containers]
default_ulimits = []
CONF

compose() { HOME="$WORK" "$CACHE/venv-podman-compose-1.6.0/bin/podman-compose" --project-name mcp-test --env-file "$ENV_FILE" -f "$STACK" "$@"; }

down() {
  [ -n "$STACK" ] || return 0
  compose down --volumes --timeout 20 >"$WORK/down.log" 2>&1 || { cat "$WORK/down.log" >&2; warn "compose down failed"; }
  STACK=
}
cleanup() { trap - EXIT; down; rm -rf "$WORK"; }
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

check() {
  local name="$1" status=0; shift
  "$@" >"$WORK/check.log" 2>&1 || status=$?
  if [ "$status" = 0 ]; then
    PASSED=$((PASSED + 1)); printf 'ok    %s\n' "$name"
  else
    FAILED=$((FAILED + 1)); printf 'FAIL  %s (status %s)\n' "$name" "$status"; sed 's/^/      /' "$WORK/check.log" | tail -n 40
  fi
}
finish() { head1 "make test-deploy"; printf '%s passed, %s failed\n' "$PASSED" "$FAILED"; [ "$FAILED" = 0 ] && [ "$PASSED" -gt 0 ]; exit; }

# --- images ---------------------------------------------------------------------------------------

# A build image of Debian packages and this machine's own Rust and Node, for where no registry of
# images is in reach. Kept between runs.
BASE=localhost/mcp-build-base:bookworm
make_base() {
  podman image exists "$BASE" && return 0
  local root="$CACHE/build-base" mirror sysroot
  mirror="$(grep -rhoE '(https?://[^ ]+/debian/?)( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n1 | tr -d ' ' || true)"
  sysroot="$(rustc --print sysroot)"
  rm -rf "$root"
  # shellcheck disable=SC2086 # no mirror named: debootstrap's own
  debootstrap --variant=minbase --include=gcc,g++,make,cmake,pkg-config,perl,ca-certificates bookworm "$root" ${mirror:+"$mirror"} >"$WORK/debootstrap.log" 2>&1 \
    || { tail -n 20 "$WORK/debootstrap.log" >&2; return 1; }
  mkdir -p "$root/opt/rust" "$root/usr/lib/node_modules"
  tar -C "$sysroot" --exclude=share/doc -c . | tar -C "$root/opt/rust" -x
  for tool in cargo rustc; do ln -sf "/opt/rust/bin/$tool" "$root/usr/local/bin/$tool"; done
  cp -L "$(command -v node)" "$root/usr/local/bin/node"
  cp -a "$(npm root -g)/npm" "$root/usr/lib/node_modules/npm"
  ln -sf /usr/lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  tar -C "$root" -c . | podman import \
    --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' --change 'ENV CARGO_HOME=/cargo' \
    --change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' \
    --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' - "$BASE" >/dev/null || return 1
  rm -rf "$root"
}

build_image() {
  local file="$1" tag="$2"
  mkdir -p "$CACHE/deploy-target" "$HOME/.cargo/registry" "$CACHE/deploy-npm"
  podman build --format docker --network host --layers=false \
    --build-arg "NODE_IMAGE=$NODE_IMAGE" --build-arg "RUST_IMAGE=$RUST_IMAGE" --build-arg "MCP_BUILD_PROFILE=$PROFILE" \
    --volume "$HOME/.cargo/registry:/cargo/registry" --volume "$CACHE/deploy-target:/src/target" \
    --volume "$CACHE/deploy-npm:/root/.npm" \
    -f "$file" -t "$tag" . >"$WORK/build.log" 2>&1 || { tail -n 40 "$WORK/build.log"; return 1; }
  podman image inspect "$tag" --format "{{.Size}} bytes"
}

# A build that lacks a part says so in one line and fails.
lacks_mode() {
  local image="$1" mode="$2" status=0
  podman run --rm --network none "$image" --mode "$mode" >"$WORK/lacks.log" 2>&1 || status=$?
  cat "$WORK/lacks.log"
  [ "$status" != 0 ] && ! grep -qi panic "$WORK/lacks.log" && [ -s "$WORK/lacks.log" ]
}

holds_one_program() {
  local container list
  container="$(podman create "$1")"
  list="$(podman export "$container" | tar -t | grep -v '/$' | sort)"
  podman rm "$container" >/dev/null
  printf '%s\n' "$list"
  [ "$(printf '%s\n' "$list" | grep -cvE '^(etc/(passwd|group|hosts|hostname|resolv.conf|mtab)|run/\.containerenv|dev/|proc/|sys/)')" = 1 ]
}

# --- a running stack ------------------------------------------------------------------------------

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

prepare() {
  rm -rf "$DATA" "$ENV_FILE"
  HOME="$WORK" ENV_FILE="$ENV_FILE" scripts/make-env.sh >"$WORK/env.log" 2>&1 || { cat "$WORK/env.log" >&2; return 1; }
  HTTP_PORT="$(free_port)"; HTTPS_PORT="$(free_port)"; REGISTRY_PORT="$(free_port)"
  {
    echo "GATEWAY_HTTP_PORT=$HTTP_PORT"; echo "GATEWAY_HTTPS_PORT=$HTTPS_PORT"; echo "REGISTRY_PORT=$REGISTRY_PORT"
    echo "CURRENTTIME_PORT=$(free_port)"; echo "FININFO_PORT=$(free_port)"; echo "REALSERVERFAKETOOLS_PORT=$(free_port)"
  } >> "$ENV_FILE"
  ADMIN_PASSWORD="$(sed -n 's/^ADMIN_PASSWORD=//p' "$ENV_FILE")"
  export ADMIN_PASSWORD
}

up() {
  STACK="$1"
  compose up -d --no-build >"$WORK/up.log" 2>&1 || { cat "$WORK/up.log"; return 1; }
}

# Tries until it works or a minute has gone.
eventually() {
  local end=$((SECONDS + 60)) status=1
  while [ "$SECONDS" -lt "$end" ]; do
    status=0; "$@" && return 0 || status=$?
    sleep 0.5
  done
  for container in $(podman ps -aq --filter label=io.podman.compose.project=mcp-test); do
    podman inspect --format '{{.Name}}: {{.State.Status}} {{.State.ExitCode}}' "$container"; podman logs --tail 15 "$container" 2>&1
  done
  return "$status"
}

fetch() { curl --silent --show-error --fail --max-time 20 --noproxy '*' --cacert "$CA" "$@"; }
ui_page() { fetch --location "$1/" | grep -qi '<div id='; }
lists_examples() { local token="$2" body; body="$(fetch -H "Authorization: Bearer $token" "$1/api/servers")" && for name in currenttime fininfo realserverfaketools; do [[ "$body" == *"/$name"* ]] || return 1; done; }
healthy() { podman healthcheck run "$1"; }
calls_tool() {
  local job='{"url": "%s", "era": "auto", "plan": {"call": {"name": "current_time_by_timezone", "arguments": {"tz_name": "Asia/Tokyo"}}}}\n'
  # shellcheck disable=SC2059
  printf "$job" "$1" | MCP_TEST_TOKEN="$2" MCP_TEST_CA="$CA" "$CACHE/venv-mcp-2.3.0/bin/python" tests/clients/drivers/mcp_v2.py > "$WORK/call.json"
  python3 -c 'import json,sys; r = json.load(open(sys.argv[1])); c = r.get("call", {}); assert c.get("content") and not c.get("isError"), r' "$WORK/call.json"
}
refuses_without_token() { [ "$(curl --silent --output /dev/null --write-out '%{http_code}' --noproxy '*' --cacert "$CA" -H 'Content-Type: application/json' -d '{}' "$1")" = 401 ]; }
redirects_pages() { [ "$(curl --silent --output /dev/null --write-out '%{http_code}' --noproxy '*' -H 'Accept: text/html' -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Dest: document' "$1/ui/")" = 308 ]; }
runs_confined() { [ "$(podman inspect --format '{{.HostConfig.ReadonlyRootfs}} {{.Config.User}}' "$1")" = "true 65532:65532" ]; }
no_crash_loops() { ! podman ps -a --filter label=io.podman.compose.project=mcp-test --format '{{.Names}} {{.Status}}' | grep -v ' Up '; }

full_stack() {
  head1 "docker-compose.yml"
  check "make-env.sh prepares an empty home" prepare
  check "compose up" up docker-compose.yml
  CA="$DATA/gateway/ssl/dev/ca.pem"
  local base="https://localhost:$HTTPS_PORT" token
  check "the gateway answers over HTTPS with a certificate of its own making" eventually fetch "$base/health"
  check "the registry answers through it" eventually fetch "$base/api/health"
  check "plain HTTP answers health" fetch "http://localhost:$HTTP_PORT/health"
  check "plain HTTP sends pages to HTTPS" redirects_pages "http://localhost:$HTTP_PORT"
  check "the UI's page comes through the gateway" ui_page "$base"
  token="$(scripts/token.sh "$base" "$CA" 2>"$WORK/token.log")" || cat "$WORK/token.log"
  check "a token can be made through the API" test -n "$token"
  check "the example definitions were imported" eventually lists_examples "$base" "$token"
  check "a Python client calls a tool over HTTPS" eventually calls_tool "$base/currenttime/mcp" "$token"
  check "without a token the call is refused" refuses_without_token "$base/currenttime/mcp"
  check "the gateway's health check passes" healthy mcp-gateway
  check "the registry's health check passes" healthy mcp-registry
  check "the gateway runs unprivileged on a read-only root" runs_confined mcp-gateway
  check "every container is up" no_crash_loops
  podman stop --time 20 mcp-registry >/dev/null 2>&1
  check "the gateway goes on without the registry" calls_tool "$base/currenttime/mcp" "$token"
  podman start mcp-registry >/dev/null 2>&1
  check "the registry comes back" eventually fetch "$base/api/health"
  down
}

registry_stack() {
  head1 "docker-compose-registry-only.yml"
  check "make-env.sh prepares an empty home" prepare
  check "generate-ssl-certs.sh makes a certificate" env HOME="$WORK" scripts/generate-ssl-certs.sh
  check "compose up" up docker-compose-registry-only.yml
  CA="$DATA/ssl/cert.pem"
  local base="https://localhost:$REGISTRY_PORT" token
  check "the registry answers over HTTPS" eventually fetch "$base/health"
  check "the UI's page is served" ui_page "$base"
  token="$(scripts/token.sh "$base" "$CA" 2>"$WORK/token.log")" || cat "$WORK/token.log"
  check "a token can be made through the API" test -n "$token"
  check "the example definitions were imported" eventually lists_examples "$base" "$token"
  check "the registry's health check passes" healthy mcp-registry
  check "every container is up" no_crash_loops
  down
}

# --------------------------------------------------------------------------------------------------

for name in mcp-gateway mcp-registry; do
  podman container exists "$name" && die "a container named $name exists already; remove it first"
done

head1 "images (profile $PROFILE)"
if [ -z "${NODE_IMAGE:-}" ] || [ -z "${RUST_IMAGE:-}" ]; then
  check "build base from Debian packages" make_base
  NODE_IMAGE="$BASE"; RUST_IMAGE="$BASE"
fi
check "image mcp-gateway" build_image docker/Dockerfile.gateway mcp-gateway:latest
check "image mcp-registry" build_image docker/Dockerfile.registry-only mcp-registry:latest
[ "$FAILED" = 0 ] || finish
check "image mcp, every role" build_image docker/Dockerfile mcp:latest
check "the gateway image has no registry" lacks_mode mcp-gateway:latest registry
check "the registry image has no gateway" lacks_mode mcp-registry:latest gateway
for image in mcp-gateway mcp-registry mcp; do check "image $image holds one program" holds_one_program "$image:latest"; done

full_stack
registry_stack
finish
