"""Row 8: what the list of 1,000 servers costs, beside NGINX serving the same bytes as a file.

CPU per request (user and system time of the process tree) of both, in turn within each round, at the
same load; the figure is the median of the rounds' ratios. Needs `nginx` and `wrk`. Connections are
plain and kept; NGINX logs nothing and has its file in the page cache.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import time

from figures import Figures
from stack import Admin, Stack, definition

SERVERS = 1000
CONNECTIONS = 8
SECONDS = 3


def run(figures: Figures) -> None:
    for tool in ("nginx", "wrk"):
        if shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin") is None:
            figures.add("8", "list of servers beside NGINX", f"not measured: {tool} is missing", "", False)
            return
    with Stack() as stack:
        process, at = stack.start("registry", stack.folder / "registry-data")
        admin = Admin(at["registry"])
        for index in range(figures.count(SERVERS, 50)):
            admin.add(definition(f"/server-{index:05d}", "http://127.0.0.1:9"))
        listing = admin.ok("GET", "/api/servers")
        tag = etag(at["registry"], admin.token)
        with nginx(stack.folder / "nginx", listing) as (address, pid):
            ours = (process.child.pid, f"http://{at['registry']}/api/servers", {"Authorization": f"Bearer {admin.token}"})
            theirs = (pid, f"http://{address}/servers.json", {})
            static_tag = etag(address, None, "/servers.json")
            size = f"{len(listing) / 1024:.0f} KiB"
            whole = ratios(figures, stack.folder, ours, theirs)
            ours[2]["If-None-Match"], theirs[2]["If-None-Match"] = tag, static_tag
            unchanged = ratios(figures, stack.folder, ours, theirs)
    for what, values, limit in ((f"{size} list", whole, 1.5), ("304", unchanged, 1.1)):
        own, other, ratio = (statistics.median(column) for column in zip(*values))
        figures.add(
            "8", f"GET /api/servers, {what}: CPU per request beside NGINX",
            f"{ratio:.2f} ({own * 1e6:.0f} us, NGINX {other * 1e6:.0f} us)", f"{limit}", ratio <= limit,
        )


def ratios(figures: Figures, folder: pathlib.Path, ours, theirs) -> list[tuple[float, float, float]]:
    found = []
    for turn in range(figures.count(5, 2)):
        pair = (ours, theirs) if turn % 2 == 0 else (theirs, ours)
        cost = {side[0]: per_request(folder, *side) for side in pair}
        found.append((cost[ours[0]], cost[theirs[0]], cost[ours[0]] / cost[theirs[0]]))
    return found


def per_request(folder: pathlib.Path, pid: int, url: str, headers: dict[str, str]) -> float:
    """Seconds of CPU that one request takes."""
    script = folder / "headers.lua"
    script.write_text("".join(f"wrk.headers[{name!r}] = {value!r}\n" for name, value in headers.items()))
    before = cpu(pid)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    took = cpu(pid) - before
    requests = int(re.search(r"(\d+) requests in", said).group(1))
    if "Non-2xx" in said and "If-None-Match" not in headers or "Socket errors" in said:
        raise AssertionError(f"the load did not go through:\n{said}")
    return took / requests


def cpu(pid: int) -> float:
    """User and system time of a process and its children, in seconds."""
    total = 0.0
    for one in [pid, *children(pid)]:
        fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def children(pid: int) -> list[int]:
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(one) for one in text.split()]


def etag(address: str, token: str | None, path: str = "/api/servers") -> str:
    import http.client
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    answer.read()
    return answer.headers["ETag"]


@contextlib.contextmanager
def nginx(folder: pathlib.Path, content: bytes):
    folder.mkdir()
    (folder / "servers.json").write_bytes(content)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type application/json;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
""")
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([binary, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while True:
            with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if time.monotonic() > until or process.poll() is not None:
                raise AssertionError((folder / "error.log").read_text())
            time.sleep(0.02)
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()
