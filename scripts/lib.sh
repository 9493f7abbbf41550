# shellcheck shell=bash
# Shared by the scripts beside it. Source it; it changes to the repository's root.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT" || exit 1
CACHE="$ROOT/.cache"
export ROOT CACHE

say()  { printf '%s\n' "$*"; }
head1() { printf '\n==> %s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die()  { printf 'error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Where cargo puts what it builds.
target_dir() { printf '%s' "${CARGO_TARGET_DIR:-$ROOT/target}"; }

# "1.95.0" "1.95" -> true when the first is at least the second.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1)" = "$2" ]; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo; then sudo "$@"
  else return 127
  fi
}

# Runs a command as an owned child: it gets no Ctrl-C of the terminal's (we stop it ourselves,
# once) and it is told to stop should this script be killed.
owned() {
  local prefix=()
  have setsid && prefix+=(setsid)
  if have setpriv && setpriv --pdeathsig TERM true 2>/dev/null; then prefix+=(setpriv --pdeathsig TERM); fi
  exec "${prefix[@]}" "$@"
}

# Is somebody listening on 127.0.0.1:$1?
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# npm_install FOLDER WHAT: the packages that its lock names, unless they are there.
npm_install() {
  local lock
  lock="$(sha256sum "$1/package-lock.json" | cut -d' ' -f1)"
  if [ -d "$1/node_modules" ] && [ "$(cat "$1/node_modules/.lock-digest" 2>/dev/null)" = "$lock" ]; then return 0; fi
  say "installing the packages of $2 (npm ci)"
  (cd "$1" && npm ci --no-audit --no-fund --loglevel=error </dev/null)
  printf '%s' "$lock" > "$1/node_modules/.lock-digest"
}
