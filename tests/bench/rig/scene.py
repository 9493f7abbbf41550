"""The proxies under comparison and the server behind them.

| target | goes to | at ours it is |
|---|---|---|
| `/fininfo/mcp` | the JSON answer | a `public` server, so the message is held and its envelope read |
| `/closed/mcp` | the same, for callers with a token | a server that is not public |
| `/stream/mcp` | the endless event stream | a `public` server |
| `/bulk/…` | `/big` down, anything else up | a `public` `passthrough` server |
| `/srv00000/mcp` … | the JSON answer | more `public` servers |

Promises: every proxy keeps its connections to the server, cuts the prefix off and tells the server who
called; access logs are off unless asked for. Start reading at `Scene`.
"""

from __future__ import annotations

import pathlib
import subprocess

from rig import haproxy, message, nginx
from rig.product import Product
from rig.programs import PROXY, Peer, Programs, Recipe
from stack import GATEWAY_TOKEN, QUIET, Stack, definition


class Scene:
    """One work's processes; gone when the `with` block ends."""

    def __init__(self, mcp: pathlib.Path, load: pathlib.Path, interval: int = 1000):
        self.mcp, self.load, self.interval = mcp, load, interval

    def __enter__(self) -> Scene:
        self.stack = Stack().__enter__()
        self.folder = self.stack.folder
        self.programs = Programs(self.folder)
        try:
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc) -> None:
        self.programs.__exit__()
        self.stack.__exit__()

    def _prepare(self) -> None:
        certificate(self.folder)
        answer = self.folder / "answer"
        answer.write_bytes(message.answer())
        child = self.programs.start([str(self.load), "server", "--answer", str(answer), "--interval", str(self.interval)])
        self.server = f"127.0.0.1:{child.stdout.readline().split()[1]}"
        self.products: dict[int, Product] = {}

    def product(self, routes: int = 0) -> Product:
        """The registry with so many more servers."""
        if routes not in self.products:
            own = [
                definition("/fininfo", f"http://{self.server}"),
                definition("/closed", f"http://{self.server}") | {"public": False},
                definition("/stream", f"http://{self.server}") | {"mcp_endpoint": f"http://{self.server}/sse"},
                definition("/bulk", f"http://{self.server}") | {"passthrough": True},
            ]
            more = [definition(f"/{name}", f"http://{self.server}") for name in names(routes)]
            self.products[routes] = Product(self.stack, own + more, f"registry-data-{routes}")
        return self.products[routes]

    def ours(self, name: str = "mcp", *, workers: int = 1, routes: int = 0, log: bool = False, asks: bool = False, core: str | None = PROXY) -> Peer:
        """Our gateway; `asks` an auth server about each call and remembers nothing of it."""
        product = self.product(routes)

        def make(http: str, https: str) -> Recipe:
            env = self.stack.settings(self.folder / f"{name}-data") | QUIET | {
                "REGISTRY_API_URL": f"http://{product.registry_at}/api/servers", "REGISTRY_API_TOKEN": GATEWAY_TOKEN,
                "GATEWAY_HTTP_BIND": http, "GATEWAY_HTTPS_BIND": https, "MCP__GATEWAY__WORKERS": str(workers),
                "SSL_ENABLED": "true", "SSL_CERTFILE": str(self.folder / "cert.pem"), "SSL_KEYFILE": str(self.folder / "key.pem"),
            }
            if log:
                env |= {"MCP__GATEWAY__ACCESS_LOG": "true", "LOG_LEVEL": "info", "LOG_FORMAT": "json"}
            if asks:
                env |= {"AUTH_SERVER_URL": f"http://{self.server}", "MCP__AUTH__EXTERNAL_CACHE_TTL": "0s"}
            add = lambda route, _: product.admin.add(definition(f"/{route}", f"http://{self.server}"))
            return Recipe(name, [str(self.mcp), "--mode", "gateway"], http, https, env, add_route=add)

        return self.programs.peer(make, core)

    def nginx(self, name: str = "nginx", *, workers: int = 1, routes: int = 0, log: bool = False, core: str | None = PROXY) -> Peer:
        settings = nginx.Settings(self.folder, name, self.server, workers, names(routes), log)
        return self.programs.peer(settings.recipe, core)

    def haproxy(self, name: str = "haproxy", *, workers: int = 1, routes: int = 0, core: str | None = PROXY) -> Peer:
        settings = haproxy.Settings(self.folder, name, self.server, workers, names(routes))
        return self.programs.peer(settings.recipe, core)

    def all(self) -> list[Peer]:
        return [self.nginx(), self.ours(), self.haproxy()]


def names(routes: int) -> list[str]:
    """What there is besides the four that every work has."""
    return [f"srv{index:05d}" for index in range(routes - 4)]


def certificate(folder: pathlib.Path) -> None:
    """A P-256 key and its certificate; HAProxy wants both in one file."""
    subprocess.run([
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"),
    ], check=True, capture_output=True)
    (folder / "key.pem").chmod(0o600)
    (folder / "both.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
