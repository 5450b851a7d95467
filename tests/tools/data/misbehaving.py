"""Real peers on the loopback that do, on purpose, what servers and networks do to those who read them."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Said:
    """An answer; `cut` closes the connection after so many bytes of the body."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    chunks: Iterator[bytes] | None = None


Route = Callable[[Asked], Said]


class Peer:
    """`routes` maps a path to what answers it; `asked` keeps every request."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.asked: list[Asked] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, path: str, route: Route | Said) -> str:
        """Answer `path` so; its whole address."""
        self.routes[path] = (lambda asked: route) if isinstance(route, Said) else route
        return self.url + path

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


@contextmanager
def peer() -> Iterator[Peer]:
    """A running peer; an unknown path is 404."""
    here = Peer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                dict(self.headers.items()),
                body,
                time.monotonic(),
            )
            here.asked.append(asked)
            route = here.routes.get(parts.path)
            said = route(asked) if route else Said(b"{}", 404)
            try:
                self._send(said)
            except OSError:  # the reader gave up, as it should
                self.close_connection = True

        def _send(self, said: Said) -> None:
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            if said.chunks is not None:
                self.send_header("Connection", "close")
                self.end_headers()
                for chunk in said.chunks:
                    self.wfile.write(chunk)
                self.close_connection = True
                return
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body if said.cut is None else said.body[: said.cut])
            if said.cut is not None:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def as_json(value: Any, status: int = 200, **headers: str) -> Said:
    return Said(
        json.dumps(value, ensure_ascii=False).encode(),
        status,
        {
            "Content-Type": "application/json; charset=utf-8",
            **{name.replace("_", "-"): text for name, text in headers.items()},
        },
    )


def as_page(text: str, encoding: str = "utf-8", claimed: str | None = None) -> Said:
    """An HTML page in `encoding`, its header claiming `claimed` (nothing where None)."""
    kind = "text/html" + (f"; charset={claimed}" if claimed else "")
    return Said(text.encode(encoding), headers={"Content-Type": kind})


def first(times: int, bad: Said, then: Route | Said) -> Route:
    """`bad` so many times, afterwards `then`."""
    seen: Counter[str] = Counter()

    def route(asked: Asked) -> Said:
        seen["asked"] += 1
        if seen["asked"] <= times:
            return bad
        return then(asked) if callable(then) else then

    return route


def bomb(megabytes: int) -> Said:
    """A small gzip stream that unpacks to `megabytes` of blanks."""

    def chunks() -> Iterator[bytes]:
        packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        yield packer.compress(b'{"items": "')
        for _ in range(megabytes):
            yield packer.compress(b" " * (1 << 20))
        yield packer.flush()

    return Said(headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}, chunks=chunks())


def pack_answer(said: Said) -> Said:
    return Said(gzip.compress(said.body), said.status, {**said.headers, "Content-Encoding": "gzip"})


def dripping(seconds: float) -> Said:
    """A byte now and then, for ever."""

    def chunks() -> Iterator[bytes]:
        while True:
            yield b" "
            time.sleep(seconds)

    return Said(headers={"Content-Type": "application/json"}, chunks=chunks())


@dataclass
class Between:
    """Where the wire begins, and how many connections came."""

    port: int
    connections: int = 0


@contextmanager
def between(port: int, *, refusing: int = 0, cut_after: int | None = None) -> Iterator[Between]:
    """A wire to the server at `port` that hangs up on the first `refusing` connections.

    Arguments:
        cut_after: bytes of the server's words after which the wire is cut, each time.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        here = Between(listening.getsockname()[1])

        def carry(source: socket.socket, target: socket.socket, limit: int | None) -> None:
            carried = 0
            with contextlib.suppress(OSError):  # the other side was hung up on
                while data := source.recv(65536):
                    if limit is not None and carried + len(data) > limit:
                        target.sendall(data[: limit - carried])
                        break
                    carried += len(data)
                    target.sendall(data)
            for end in (source, target):
                with contextlib.suppress(OSError):  # hung up on already
                    end.shutdown(socket.SHUT_RDWR)

        def serve(client: socket.socket) -> None:
            with client, socket.create_connection(("127.0.0.1", port)) as server:
                there = threading.Thread(target=carry, args=(client, server, None), daemon=True)
                there.start()
                carry(server, client, cut_after)
                there.join()

        def accept() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:  # the test is over
                    return
                here.connections += 1
                if here.connections <= refusing:
                    client.close()
                else:
                    threading.Thread(target=serve, args=(client,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield here
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)
