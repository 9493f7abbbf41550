"""The four gateways with the settings that the documentation shows, only ports, paths and the credential put in."""

from __future__ import annotations

import pathlib
import shutil
import socket
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))

from child import Child, StartError  # noqa: E402

SETTINGS = ROOT / "docker" / "gateways"
READY_TRIES = 400


def free_port() -> int:
    """For programs that cannot take a port of the kernel's choice."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Front:
    """One gateway in the foreground, in a folder of its own."""

    def __init__(self, kind: str, folder: pathlib.Path, facts: dict[str, str]):
        """`facts` is what stands in the settings and what to put there."""
        self.kind = kind
        self.sends_body = kind in ("haproxy", "envoy")
        self.folder = folder
        folder.mkdir()
        self.port = free_port()
        file, mark, command = KINDS[kind]
        self._write(file, facts | {mark: mark.rsplit(":", 1)[0] + f":{self.port}" if ":" in mark else f"port_value: {self.port}"})
        self.child = Child(kind, folder / "run", command(folder), {})
        self._wait()

    def _write(self, file: str, facts: dict[str, str]) -> None:
        text = (SETTINGS / file).read_text()
        if self.kind == "haproxy":
            (self.folder / "mcp-auth.lua").write_text((SETTINGS / "mcp-auth.lua").read_text())
            facts = facts | {"/etc/haproxy/mcp-auth.lua": str(self.folder / "mcp-auth.lua")}
        if self.kind == "envoy":
            facts = {as_envoy(old): as_envoy(new) for old, new in facts.items()}
        for old, new in facts.items():
            if old not in text:
                raise StartError(f"{file} does not hold {old!r}")
            text = text.replace(old, new)
        if self.kind == "nginx":
            # Where it may write; all else stays.
            text = f"pid {self.folder}/pid;\ndaemon off;\nerror_log stderr;\n" + text.replace("http {", "http {\n" + "".join(
                f"    {name}_temp_path {self.folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")), 1)
        (self.folder / file).write_text(text)

    def _wait(self) -> None:
        import time
        for _ in range(READY_TRIES):
            if self.child.child.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise StartError(f"{self.kind} does not listen\n{self.child.tail()}")

    def stop(self) -> None:
        self.child.stop()


def as_envoy(address: str) -> str:
    """Envoy names address and port apart."""
    host, _, port = address.partition(":")
    return f"port_value: {port}" if host == "127.0.0.1" else address


def envoy() -> str:
    """Envoy of the virtual environment that scripts/setup.sh makes."""
    found = ROOT / ".cache" / "venv-envoy" / "bin" / "envoy"
    return str(found) if found.exists() else which("envoy")


def which(name: str) -> str:
    return shutil.which(name) or f"/usr/sbin/{name}"


# Kind -> settings, the place of the port in them, the command.
KINDS = {
    "nginx": ("nginx.conf", "127.0.0.1:8081", lambda folder: [which("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]),
    "haproxy": ("haproxy.cfg", "127.0.0.1:8082", lambda folder: [which("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]),
    "envoy": ("envoy.yaml", "127.0.0.1:8083", lambda folder: [
        envoy(), "-c", str(folder / "envoy.yaml"), "--concurrency", "1", "--log-level", "warning", "--use-dynamic-base-id"]),
    "caddy": ("Caddyfile", "http://:8084", lambda folder: [which("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]),
}
