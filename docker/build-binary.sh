#!/bin/sh
# Runs inside the build stage: build-binary.sh FEATURES. Leaves /out, the runtime image's root.
#
# glibc is linked statically, so that the image needs nothing but this file. The target is named,
# because procedural macros cannot be built with a static C runtime.
set -eu

features="$1"
profile="${MCP_BUILD_PROFILE:-release}"
target="$(rustc -vV | sed -n 's/^host: //p')"
RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --profile "$profile" --target "$target" \
  --no-default-features --features "$features" --bin mcp

install -D -m 0755 "${CARGO_TARGET_DIR:-target}/$target/$profile/mcp" /out/usr/bin/mcp
mkdir -p /out/etc/ssl /out/data /out/tmp /out/app/registry/servers /out/app/logs /out/var/log/nginx
chmod 1777 /out/tmp
printf 'mcp:x:65532:65532:mcp:/data:/usr/bin/mcp\n' > /out/etc/passwd
printf 'mcp:x:65532:\n' > /out/etc/group
chown -R 65532:65532 /out/data /out/app /out/var/log/nginx
