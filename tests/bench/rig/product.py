"""Our gateway, set up as it runs in production: a process of its own that follows a registry.

Promises: registry and gateways are of `Stack`, which ends them. What is measured is the gateway's
process alone; once it is ready it needs the registry for nothing.
"""

from __future__ import annotations

import json
import pathlib

import harness
from stack import GATEWAY_TOKEN, Admin, Stack


class Product:
    """A registry with the given servers, and the gateways that are started to follow it."""

    def __init__(self, stack: Stack, definitions: list[dict], name: str = "registry-data"):
        self.stack = stack
        self.started = 0
        servers = stack.folder / f"{name}-servers"
        servers.mkdir()
        for index, definition in enumerate(definitions):
            (servers / f"{index:05d}.json").write_text(json.dumps(definition))
        self.registry, at = stack.start("registry", stack.folder / name, {"SERVERS_DIR": str(servers)})
        self.registry_at = at["registry"]
        self.admin = Admin(self.registry_at)
        count = len(json.loads(self.admin.ok("GET", "/api/servers")))
        if count != len(definitions):
            raise AssertionError(f"the registry has {count} servers, not {len(definitions)}\n{self.registry.tail()}")

    def gateway(self, env: dict[str, str], command: list[str]) -> tuple[harness.Process, dict[str, str]]:
        """A fresh gateway, ready, and where it listens; `command` is what is run."""
        self.started += 1
        own = {"REGISTRY_API_URL": f"http://{self.registry_at}/api/servers", "REGISTRY_API_TOKEN": GATEWAY_TOKEN}
        return self.stack.start("gateway", self.data(), own | env, command)

    def data(self) -> pathlib.Path:
        """The data folder of the last gateway started."""
        return self.stack.folder / f"gateway-data-{self.started}"
