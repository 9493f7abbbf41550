"""Callers and the server behind a proxy, in one loop of one thread.

Promises: a fixed number of requests in a fixed order. All connections send, all are answered, then
all send again, so that how many events a proxy finds at once does not hang on the machine's load.
Must not: be used where time is measured.
"""

from __future__ import annotations

import selectors
import socket

from rig import message

PATIENCE_SECONDS = 60
HEAD_END = b"\r\n\r\n"


class Lockstep:
    """The server listens as soon as this exists; then `connect`, then `call`."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self.url = "http://127.0.0.1:%d/" % self.listener.getsockname()[1]
        self.answer = message.answer()
        self.open: list[socket.socket] = []
        self.callers: list[socket.socket] = []

    def __enter__(self) -> Lockstep:
        return self

    def __exit__(self, *exc) -> None:
        for one in [self.listener, *self.callers, *self.open]:
            one.close()
        self.selector.close()

    def connect(self, address: str, connections: int) -> None:
        """The callers' connections, kept from then on."""
        host, port = address.rsplit(":", 1)
        self.callers = [socket.create_connection((host, int(port)), PATIENCE_SECONDS) for _ in range(connections)]
        for caller in self.callers:
            self.selector.register(caller, selectors.EVENT_READ, self._answered)

    def call(self, request: bytes, rounds: int) -> None:
        """`rounds` requests on each connection; each must be answered 200."""
        for _ in range(rounds):
            self.waiting = set(self.callers)
            self.received = {caller: bytearray() for caller in self.callers}
            for caller in self.callers:
                caller.sendall(request)
            while self.waiting:
                self._turn()

    def _turn(self) -> None:
        events = self.selector.select(PATIENCE_SECONDS)
        if not events:
            raise TimeoutError(f"nothing came within {PATIENCE_SECONDS} s; {len(self.waiting)} callers wait for an answer")
        for key, _ in events:
            key.data(key.fileobj)

    def _answered(self, caller: socket.socket) -> None:
        data = caller.recv(65536)
        if not data:
            raise ConnectionError(f"the proxy closed after {bytes(self.received[caller])!r}")
        self.received[caller] += data
        if _complete(self.received[caller]):
            if not self.received[caller].startswith(b"HTTP/1.1 200 "):
                raise AssertionError(f"the proxy answered {bytes(self.received[caller])[:300]!r}")
            self.waiting.discard(caller)

    def _accept(self, listener: socket.socket) -> None:
        one, _ = listener.accept()
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open.append(one)
        received = bytearray()

        def serve(one: socket.socket) -> None:
            data = one.recv(65536)
            if not data:
                self.selector.unregister(one)
                self.open.remove(one)
                one.close()
                return
            received.extend(data)
            if _complete(received):
                received.clear()
                one.sendall(self.answer)

        self.selector.register(one, selectors.EVENT_READ, serve)


def _complete(data: bytearray) -> bool:
    """Whether head and body are there."""
    head, end, body = data.partition(HEAD_END)
    if not end:
        return False
    lower = head.lower()
    if b"\r\ntransfer-encoding:" in lower:
        return body.endswith(b"0\r\n\r\n")
    at = lower.find(b"\r\ncontent-length:")
    return at < 0 or len(body) >= int(lower[at + 17:].split(b"\r\n", 1)[0])
