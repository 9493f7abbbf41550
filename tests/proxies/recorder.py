"""An upstream that answers 200 to everything and remembers what reached it."""

from __future__ import annotations

import http.server
import threading


class Seen:
    """One request as it came."""

    def __init__(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes):
        self.method, self.target, self.headers, self.body = method, target, headers, body

    def all(self, name: str) -> list[str]:
        """The values of a header, in whatever spelling a server might take for it."""
        return [value for known, value in self.headers if known.lower().replace("_", "-") == name]


class Recorder:
    """Listens on a port of the kernel's choice until `stop`."""

    def __init__(self) -> None:
        recorder = self
        self._seen: dict[str, Seen] = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                seen = Seen(self.command, self.path, self.headers.items(), self._body())
                for number in seen.all("x-test"):
                    recorder._seen[number] = seen
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def _body(self) -> bytes:
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_OPTIONS = answer

            def log_message(self, *_args) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_args) -> None:
                """Connections are cut all the time here; a request that is missed fails its check."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def seen(self, number: str) -> Seen | None:
        """The request with this number in `X-Test`, if it came."""
        return self._seen.get(number)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
