"""A hub on the loopback that speaks what the Hugging Face client asks of one: model info and resolve, with ranges."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "c" * 40


class Hub:
    """One model's or data set's files; `gate` stops the weights after their first half until it is set."""

    def __init__(self, name: str, files: dict[str, bytes], licence: str = "apache-2.0") -> None:
        self.name = name
        self.files = files
        self.licence = licence
        self.token: str | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.halfway = threading.Event()
        self.ranges: list[str] = []
        self.busy: list[int] = []  # statuses that the next requests are refused with
        self.url = ""

    def info(self) -> dict[str, Any]:
        siblings = [
            {
                "rfilename": path,
                "size": len(content),
                "blobId": _sha(content)[:40],
                **(
                    {"lfs": {"sha256": _sha(content), "size": len(content), "pointerSize": 130}} if _large(path) else {}
                ),
            }
            for path, content in self.files.items()
        ]
        return {
            "_id": "1",
            "id": self.name,
            "modelId": self.name,
            "sha": COMMIT,
            "private": False,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": siblings,
            "cardData": {"license": self.licence},
            "lastModified": "2026-01-01T00:00:00.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z",
        }


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = self.path.partition("?")[0].removeprefix("/datasets")
            if hub.busy:
                self._send(hub.busy.pop(0), b"{}", {"Retry-After": "0"}, body)
            elif hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
                self._send(401, b"{}", {}, body)
            elif path.startswith((f"/api/models/{hub.name}", f"/api/datasets/{hub.name}")):
                if "/tree/" in path:
                    listed = [
                        {
                            "type": "file",
                            "path": name,
                            "size": len(content),
                            "oid": _sha(content)[:40],
                            **(
                                {"lfs": {"oid": _sha(content), "size": len(content), "pointerSize": 130}}
                                if _large(name)
                                else {}
                            ),
                        }
                        for name, content in hub.files.items()
                    ]
                    self._send(200, json.dumps(listed).encode(), {}, body)
                else:
                    self._send(200, json.dumps(hub.info()).encode(), {}, body)
            elif path.startswith(f"/{hub.name}/resolve/") and (name := path.split("/", 5)[-1]) in hub.files:
                self._file(name, body)
            else:
                self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body)

        def _file(self, name: str, body: bool) -> None:
            content = hub.files[name]
            headers = {
                "ETag": f'"{_sha(content) if _large(name) else _sha(content)[:40]}"',
                "X-Repo-Commit": COMMIT,
                "Accept-Ranges": "bytes",
                "X-Linked-Size": str(len(content)),
            }
            wanted = self.headers.get("Range")
            if not wanted or not body:
                return self._send(200, content, headers, body, name)
            hub.ranges.append(wanted)
            first = int(wanted.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            return self._send(206, content[first:], headers, body, name)

        def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool, name: str = "") -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            if not body:
                return
            half = len(content) // 2 if _large(name) else 0
            self.wfile.write(content[:half])
            self.wfile.flush()
            if half:
                hub.halfway.set()
                hub.gate.wait(60)
            try:
                self.wfile.write(content[half:])
            except OSError:  # the client was killed meanwhile
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.gate.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _large(name: str) -> bool:
    return name.endswith((".safetensors", ".bin"))
