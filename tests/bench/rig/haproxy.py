"""HAProxy: no log, connections reused, routes looked up in a map, events passed on at once."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import resource
import signal

from rig.programs import Recipe

CONNECTIONS = resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 - 100


@dataclasses.dataclass
class Settings:
    """One HAProxy; `recipe` writes its configuration."""

    folder: pathlib.Path
    name: str
    server: str
    workers: int
    routes: list[str]

    def recipe(self, http: str, https: str) -> Recipe:
        home = self.folder / self.name.replace(" ", "-").replace(",", "")
        home.mkdir(exist_ok=True)
        self._write_map(home)
        (home / "haproxy.cfg").write_text(self._text(home, http, https))

        def add(route: str, pid: int) -> None:
            self.routes.append(route)
            self._write_map(home)
            os.kill(pid, signal.SIGUSR2)

        return Recipe(self.name, ["haproxy", "-W", "-db", "-f", str(home / "haproxy.cfg")], http, https, add_route=add)

    def _write_map(self, home: pathlib.Path) -> None:
        plain = "".join(f"{route} plain\n" for route in ["fininfo", "bulk", *self.routes])
        (home / "map").write_text(plain + "stream events\n")

    def _text(self, home: pathlib.Path, http: str, https: str) -> str:
        return f"""global
  nbthread {self.workers}
  maxconn {CONNECTIONS}
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  http-reuse always
frontend front
  bind {http}
  bind {https} ssl crt {self.folder}/both.pem alpn h2,http/1.1
  http-request set-var(txn.to) path,field(2,/),map_str({home}/map)
  http-request deny deny_status 404 unless {{ var(txn.to) -m found }}
  http-request set-path /sse if {{ path /stream/mcp }}
  http-request set-path %[path,regsub(^/[^/]+,)] unless {{ path /sse }}
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto http
  use_backend %[var(txn.to)]
backend plain
  server s {self.server} pool-max-conn 512
backend events
  option http-no-delay
  server s {self.server} pool-max-conn 512
"""
