#!/bin/sh
# Runs inside the build stage: build-binary.sh FEATURES. Leaves the runtime image in /out: root/ belongs to
# root, owned/ to the user that the image runs as.
#
# glibc is linked statically, so that the image needs nothing but this file. The target is named,
# because procedural macros cannot be built with a static C runtime.
set -eu

features="$1"
profile="${MCP_BUILD_PROFILE:-release}"
target="$(rustc -vV | sed -n 's/^host: //p')"
RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --profile "$profile" --target "$target" \
  --no-default-features --features "$features" --bin mcp

install -D -m 0755 "${CARGO_TARGET_DIR:-target}/$target/$profile/mcp" /out/root/usr/bin/mcp
mkdir -p /out/root/etc/ssl /out/root/tmp /out/owned/data /out/owned/app/registry/servers /out/owned/app/logs /out/owned/var/log/nginx
# Writable for whatever user the container is run as; log volumes start as copies of these.
chmod 1777 /out/root/tmp /out/owned/data /out/owned/app/logs /out/owned/var/log/nginx
printf 'root:x:0:0:root:/:/usr/bin/mcp\nmcp:x:65532:65532:mcp:/data:/usr/bin/mcp\n' > /out/root/etc/passwd
printf 'root:x:0:\nmcp:x:65532:\n' > /out/root/etc/group
