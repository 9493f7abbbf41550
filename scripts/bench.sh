#!/usr/bin/env bash
# make bench: the micro benchmarks under tests/bench, where there are any.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

benches="$(sed -n '/^\[\[bench\]\]/,/^name/s/^name *= *"\(.*\)"/\1/p' Cargo.toml)"
if [ -z "$benches" ]; then
  say "no micro benchmarks are declared in Cargo.toml: nothing was measured"
  exit 0
fi
scripts/setup.sh run
for bench in $benches; do cargo bench --locked --bench "$bench" </dev/null; done
