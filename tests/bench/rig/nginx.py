"""NGINX, set up kindly: no access log, connections kept on both sides without limit, large buffers for bulk."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import resource
import signal

from rig.programs import Recipe

FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
FORWARDED = (
    'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr; '
    "proxy_set_header X-Forwarded-Proto $scheme;"
)
STREAM = "proxy_buffering off; proxy_read_timeout 600s;"
BULK = (
    "proxy_buffering off; proxy_request_buffering off; client_max_body_size 0; proxy_buffer_size 64k; "
    "proxy_buffers 8 64k; proxy_busy_buffers_size 128k; client_body_buffer_size 64k;"
)
AUTH = "auth_request /_auth; auth_request_set $user $upstream_http_x_user; proxy_set_header X-User $user;"


@dataclasses.dataclass
class Settings:
    """One NGINX; `recipe` writes its configuration."""

    folder: pathlib.Path
    name: str
    server: str
    workers: int
    routes: list[str]
    log: bool

    def recipe(self, http: str, https: str) -> Recipe:
        home = self.folder / self.name.replace(" ", "-").replace(",", "")
        home.mkdir(exist_ok=True)
        path = home / "nginx.conf"
        path.write_text(self._text(home, http, https))

        def add(route: str, pid: int) -> None:
            self.routes.append(route)
            path.write_text(self._text(home, http, https))
            os.kill(pid, signal.SIGHUP)

        argv = ["nginx", "-p", str(home), "-e", str(home / "error.log"), "-c", str(path)]
        return Recipe(self.name, argv, http, https, stop=signal.SIGQUIT, add_route=add)

    def _text(self, home: pathlib.Path, http: str, https: str) -> str:
        reuse = " reuseport" if self.workers > 1 else ""
        plain = "".join(location(f"/{route}/", "/") for route in ["fininfo", *self.routes])
        temporary = " ".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""daemon off; pid {home}/pid; error_log {home}/error.log crit;
worker_processes {self.workers}; worker_rlimit_nofile {FILES};
events {{ worker_connections {FILES - 50}; }}
http {{
  access_log {f"{home}/access.log" if self.log else "off"}; keepalive_requests 100000000; tcp_nodelay on; {temporary}
  upstream server {{ server {self.server}; keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen {http}{reuse}; listen {https} ssl http2{reuse};
    ssl_certificate {self.folder}/cert.pem; ssl_certificate_key {self.folder}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:1m;
    location = /_auth {{ internal; proxy_pass http://server/auth/validate; proxy_pass_request_body off;
      proxy_set_header Content-Length ""; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    {location("= /stream/mcp", "/sse", STREAM)}{location("/bulk/", "/", BULK)}{location("/closed/", "/", AUTH)}{plain}
  }}
}}
"""


def location(match: str, target: str, more: str = "") -> str:
    return f"location {match} {{ {more} proxy_pass http://server{target}; {FORWARDED} }}\n"
