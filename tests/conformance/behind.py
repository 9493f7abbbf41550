"""The command that the client suite runs for the way through the gateway: behind.py CLIENT URL

The suite starts a server that watches and appends its URL. This puts that server behind the gateway
as a public one, runs the client at the gateway's URL for it, and takes it away again. Where the
gateway is comes by environment (MCP_BEHIND_URL, MCP_BEHIND_TOKEN).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def api(method: str, path: str, body: object = None) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['MCP_BEHIND_TOKEN']}"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["MCP_BEHIND_URL"] + path, data=data, headers=headers, method=method)
    OPENER.open(request, timeout=20).close()


def main(client: str, url: str) -> int:
    name = f"watching-{os.getpid()}"
    api("POST", "/api/servers", {"server_name": name, "path": f"/{name}", "proxy_pass_url": url, "public": True})
    try:
        return subprocess.run([client, f"{os.environ['MCP_BEHIND_URL']}/{name}"]).returncode
    finally:
        api("DELETE", f"/api/servers/{name}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
