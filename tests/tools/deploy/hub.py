"""A Hub on the loopback that speaks the upload protocol to the real client: create, preupload, LFS or xet, commit."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LARGE = (".safetensors", ".gguf", "tokenizer.json")


class Hub:
    """What arrived: repositories with their visibility, and files by path.

    Arguments:
        cas: where xet keeps what it is sent (`local://`); without it large files go by LFS.
        uploads_left: large files taken before the link is cut; None takes all.
        read_only: the token may not write.
    """

    def __init__(
        self, token: str, cas: Path | None = None, uploads_left: int | None = None, read_only: bool = False
    ) -> None:
        self.token, self.cas, self.uploads_left, self.read_only = token, cas, uploads_left, read_only
        self.objects: dict[str, bytes] = {}
        self.pointers: dict[str, dict[str, Any]] = {}
        self.puts: list[str] = []
        self.created: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.url = ""

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if self.read_only:
            return 403, {"error": "Forbidden: pass a token with write access"}
        if path == "/api/repos/create":
            self.created.append(json.loads(body))
            return 200, {"url": f"{self.url}/owner/mood", "name": "owner/mood", "id": "owner/mood"}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if "/preupload/" in path:
            wanted = json.loads(body)["files"]
            return 200, {"files": [{"path": file["path"], "uploadMode": "lfs" if file["path"].endswith(LARGE) else
                                    "regular", "shouldIgnore": False} for file in wanted]}
        if path.endswith("/info/lfs/objects/batch"):
            return 200, {"transfer": "basic", "objects": [
                self._object(entry["oid"], entry["size"]) for entry in json.loads(body)["objects"]]}
        if path == "/lfs/verify":
            return (200, {}) if json.loads(body)["oid"] in self.objects else (404, {"error": "no such object"})
        if "/commit/" in path:
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    self.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
                if entry["key"] == "lfsFile":
                    self.pointers[entry["value"]["path"]] = entry["value"]
                    self.files[entry["value"]["path"]] = self.objects.get(entry["value"]["oid"], b"")
            return 200, {"commitUrl": f"{self.url}/owner/mood/commit/1", "commitOid": "1" * 40, "success": True}
        return 404, {"error": f"no such address: {path}"}

    def _object(self, oid: str, size: int) -> dict[str, Any]:
        if oid in self.objects:  # it has arrived before: nothing to send
            return {"oid": oid, "size": size}
        return {"oid": oid, "size": size, "authenticated": True, "actions": {
            "upload": {"href": f"{self.url}/lfs/{oid}"}, "verify": {"href": f"{self.url}/lfs/verify"}}}


@contextlib.contextmanager
def serving(
    token: str, cas: Path | None = None, uploads_left: int | None = None, read_only: bool = False
) -> Iterator[Hub]:
    hub = Hub(token, cas, uploads_left, read_only)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.headers.get("authorization") != f"Bearer {hub.token}":
                self._send(401, {"error": "Invalid credentials"})
            else:
                self._send(*hub.answer(self.path.partition("?")[0], body))

        def do_GET(self) -> None:
            if "/xet-write-token/" in self.path and hub.cas:
                place, until = f"local://{hub.cas}", int(time.time()) + 3600
                self._send(200, {"casUrl": place, "accessToken": "cas", "exp": until}, {
                    "X-Xet-Cas-Url": place, "X-Xet-Access-Token": "cas", "X-Xet-Token-Expiration": str(until)})
            else:
                self._send(404, {"error": "nothing here"})

        def do_PUT(self) -> None:
            body, oid = self.rfile.read(int(self.headers.get("content-length", 0))), self.path.rpartition("/")[2]
            if hub.uploads_left == 0:
                self.close_connection = True
                self.connection.close()
                return
            if hub.uploads_left is not None:
                hub.uploads_left -= 1
            hub.puts.append(oid)
            hub.objects[oid] = body
            self._send(200, {})

        def _send(self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
