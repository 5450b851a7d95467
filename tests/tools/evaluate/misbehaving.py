"""A server that answers chat requests as broken ones do."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "broken"
PIECE = b'{"choices": [' + b" " * 65_536


@contextlib.contextmanager
def misbehaving(fault: str) -> Iterator[str]:
    """Its address.

    Arguments:
        fault: `page` (a web page), `other` (JSON of another kind), `deep` (nested without end), `half_character`,
            `silent` (nothing comes), `drip` (a byte now and then, for ever), `flood` (as fast as it is taken, for
            ever), `cut` (less than was announced), `busy` (HTTP 503).
    """
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._whole(200, json.dumps({"data": [{"id": MODEL}]}).encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            if fault == "silent":
                done.wait()
            elif fault in ("drip", "flood"):
                self._begin(200, None)
                while not done.wait(0.05 if fault == "drip" else 0):
                    self.wfile.write(b" " if fault == "drip" else PIECE)
            elif fault == "cut":
                self._begin(200, 1000)
                self.wfile.write(b'{"choices"')
            elif fault == "busy":
                self._whole(503, b'{"error": "overloaded"}')
            else:
                said: Any = json.dumps({"choices": [{"message": {"content": "good \ud83d"}}]})
                self._whole(
                    200,
                    {
                        "page": b"<html>It works!</html>",
                        "other": b'{"choices": [{"text": "good"}]}',
                        "deep": b"[" * 200_000,
                        "half_character": said.encode(),
                    }[fault],
                )

        def _whole(self, status: int, content: bytes) -> None:
            self._begin(status, len(content))
            self.wfile.write(content)

        def _begin(self, status: int, length: int | None) -> None:
            self.send_response(status)
            if length is not None:
                self.send_header("content-length", str(length))
            self.end_headers()

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # they hang up on it
                super().handle()

        def log_message(self, format: str, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        done.set()
        server.shutdown()
        thread.join()
        server.server_close()
