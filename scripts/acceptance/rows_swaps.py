"""Row 5: definitions and certificates changed under load."""

from __future__ import annotations

import os
import pathlib
import ssl
import subprocess
import time

from figures import Figures, spread
from load import Load, said
from stack import PATH, Admin, Pair, Stack, definition, full

WATCH_SECONDS = 15.0
REFUSED_SECONDS = 4.0


def run(figures: Figures) -> None:
    with Stack() as stack:
        _, at, admin, upstream = full(stack)
        definitions(figures, "full mode", admin, at["gateway_http"], upstream)
    with Stack() as stack:
        pair = Pair(stack)
        definitions(figures, "two processes", pair.admin, pair.http, pair.upstream)
    with Stack() as stack:
        certificates(figures, stack)


def definitions(figures: Figures, what: str, admin: Admin, front: str, upstream: str) -> None:
    count = figures.count(1_000, 40)
    with Load(front) as load:
        for index in range(count):
            path = f"/changed-{index // 4}"
            match index % 4:
                case 0: admin.add(definition(path, upstream))
                case 1: admin.enable(path, False)
                # The definition under load itself.
                case 2: admin.ok("PATCH", f"/api/servers{PATH}", {"timeout": 60 + index % 7, "description": f"change {index}"})
                case _: admin.ok("DELETE", f"/api/servers{path}")
        result = load.finish()
    holds = result["failed"] == 0 and result["calls"] > 0
    figures.add("5", f"{count} definition changes under load, {what}", said(result), "0 failed", holds)


def certificates(figures: Figures, stack: Stack) -> None:
    folder = stack.folder / "ssl"
    folder.mkdir()
    issue(folder)
    _, at, _, _ = full(stack, {"SSL_ENABLED": "true", "SSL_CERTFILE": str(folder / "cert.pem"), "SSL_KEYFILE": str(folder / "key.pem")})
    https = at["gateway_https"]
    changes, broken, times, wrong = figures.count(20, 4), 0, [], 0
    with Load(https, 12, tls_renew=10) as load:
        for index in range(changes):
            if index % 4 == 2:
                broken += 1
                before = shown(https)
                replace(folder / "cert.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
                time.sleep(REFUSED_SECONDS)
                wrong += shown(https) != before
                continue
            issue(folder)
            wanted = (folder / "cert.pem").read_text()
            since = time.monotonic()
            while shown(https).split() != wanted.split():
                if time.monotonic() - since > WATCH_SECONDS:
                    wrong += 1
                    break
                time.sleep(0.05)
            times.append(time.monotonic() - since)
        result = load.finish()
    figures.add("5", f"{changes} certificate changes under load, {broken} broken", said(result), "0 failed", result["failed"] == 0)
    figures.add("5", "a new certificate is served, a broken one is not", f"{wrong} wrong; new one after {spread(times)}", "0 wrong, 5000 ms", wrong == 0 and max(times) <= 5)


def issue(folder: pathlib.Path) -> None:
    """A new key and certificate, put in place one after the other as a renewal does."""
    subprocess.run([
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-keyout", str(folder / "key.new"), "-out", str(folder / "cert.new"),
    ], check=True, capture_output=True)
    for name in ("key", "cert"):
        os.chmod(folder / f"{name}.new", 0o600)
        os.rename(folder / f"{name}.new", folder / f"{name}.pem")


def replace(path: pathlib.Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.rename(path)


def shown(address: str) -> str:
    """The certificate of a new handshake, PEM."""
    host, port = address.rsplit(":", 1)
    return ssl.get_server_certificate((host, int(port)), timeout=20)
