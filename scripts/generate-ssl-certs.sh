#!/usr/bin/env bash
# Writes a self-signed certificate for testing: scripts/generate-ssl-certs.sh [--force] [NAME...]
#
# $HOME/mcp-gateway/ssl/cert.pem (0644) and key.pem (0600), P-256, 365 days, for localhost,
# 127.0.0.1, ::1, this machine's name and the names given. Existing files stay without --force.
set -euo pipefail

SSL_DIR="${HOME}/mcp-gateway/ssl"
force=
names=()
for argument in "$@"; do
  case "$argument" in
    --force) force=1 ;;
    -h|--help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) printf 'error: unknown option %s\n' "$argument" >&2; exit 2 ;;
    *) names+=("$argument") ;;
  esac
done
command -v openssl >/dev/null || { echo "error: openssl is not installed" >&2; exit 1; }

if [ -z "$force" ]; then
  for file in "$SSL_DIR/cert.pem" "$SSL_DIR/key.pem"; do
    if [ -e "$file" ]; then
      printf 'error: %s exists already. Use --force to replace it, or keep it.\n' "$file" >&2
      exit 1
    fi
  done
fi

host="$(hostname 2>/dev/null || cat /proc/sys/kernel/hostname)"
sans="DNS:localhost,IP:127.0.0.1,IP:::1"
for name in "$host" "${names[@]}"; do
  case "$name" in
    ''|localhost) ;;
    *:*|[0-9]*.[0-9]*.[0-9]*.[0-9]*) sans+=",IP:$name" ;;
    *) sans+=",DNS:$name" ;;
  esac
done

echo "Creating SSL directory..."
mkdir -p "$SSL_DIR"

echo "Generating self-signed SSL certificate..."
umask 077
work="$(mktemp -d "$SSL_DIR/.new.XXXXXX")"
trap 'rm -rf "$work"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 \
  -keyout "$work/key.pem" -out "$work/cert.pem" \
  -subj "/C=US/ST=State/L=City/O=Organization/CN=localhost" -addext "subjectAltName=$sans" \
  -addext "basicConstraints=critical,CA:FALSE" -addext "extendedKeyUsage=serverAuth" 2>"$work/log" \
  || { cat "$work/log" >&2; exit 1; }

echo "Setting secure permissions..."
chmod 600 "$work/key.pem"
chmod 644 "$work/cert.pem"
# The containers' user must be able to read the key.
if [ "$(id -u)" = 0 ] && [ -d "$HOME/mcp-gateway/registry" ]; then
  chown --reference="$HOME/mcp-gateway/registry" "$work/key.pem" "$work/cert.pem"
fi
mv -f "$work/key.pem" "$SSL_DIR/key.pem"
mv -f "$work/cert.pem" "$SSL_DIR/cert.pem"

echo "SSL certificates generated successfully:"
echo "  Certificate: $SSL_DIR/cert.pem"
echo "  Private Key: $SSL_DIR/key.pem"
echo ""
echo "For production, replace these with certificates from a trusted CA."
