"""A Hub on the loopback that speaks the upload protocol to the real client: create, preupload, LFS or xet, commit."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CAS_TOKEN = "only-for-the-storage"
LARGE = (".safetensors", ".gguf", "tokenizer.json")


class Hub:
    """What arrived: repositories with their visibility, and files by path.

    Arguments:
        xet: large files go in pieces to the storage behind the Hub (over HTTP); without it by LFS.
        uploads_left: large files or pieces taken before the link is cut; None takes all.
        read_only: the token may not write.
        public: the repository is there already, for all to read.
    """

    def __init__(
        self,
        token: str,
        xet: bool = False,
        uploads_left: int | None = None,
        read_only: bool = False,
        public: bool = False,
    ) -> None:
        self.token, self.xet, self.uploads_left, self.read_only = token, xet, uploads_left, read_only
        self.public = public
        self.objects: dict[str, bytes] = {}
        self.pointers: dict[str, dict[str, Any]] = {}
        self.puts: list[str] = []
        self.shards: list[bytes] = []
        self.created: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.url = ""

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if self.read_only:
            return 403, {"error": "Forbidden: pass a token with write access"}
        if path == "/api/repos/create":
            if self.public:
                return 409, {"error": "You already created this repo", "url": f"{self.url}/owner/mood"}
            self.created.append(json.loads(body))
            kind = "datasets/" if self.created[-1].get("type") == "dataset" else ""
            return 200, {"url": f"{self.url}/{kind}owner/mood", "name": "owner/mood", "id": "owner/mood"}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if "/preupload/" in path:
            wanted = json.loads(body)["files"]
            return 200, {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                        "shouldIgnore": False,
                    }
                    for file in wanted
                ]
            }
        if path.endswith("/info/lfs/objects/batch"):
            return 200, {
                "transfer": "basic",
                "objects": [self._object(entry["oid"], entry["size"]) for entry in json.loads(body)["objects"]],
            }
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

    def store(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """The storage behind the Hub: a xorb is a pack of pieces, a shard says which files they make up."""
        if path.startswith("/cas/v1/xorbs/"):
            digest = path.rpartition("/")[2]
            self.puts.append(digest)
            self.objects[digest] = body
            return 200, {"was_inserted": True}
        if path == "/cas/v1/shards":
            self.shards.append(body)
            return 200, {"result": 1}
        return 404, {"error": "not found"}  # of later versions of the protocol, which the client then leaves

    def look_up(self, path: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        if "/xet-write-token/" in path and self.xet:
            place, until = f"{self.url}/cas", int(time.time()) + 3600
            return (
                200,
                {"casUrl": place, "accessToken": CAS_TOKEN, "exp": until},
                {"X-Xet-Cas-Url": place, "X-Xet-Access-Token": CAS_TOKEN, "X-Xet-Token-Expiration": str(until)},
            )
        if path in ("/api/models/owner/mood", "/api/datasets/owner/mood"):
            return 200, {"id": "owner/mood", "private": not self.public, "siblings": []}, {}
        return 404, {"error": "nothing here"}, {}

    def is_cut(self) -> bool:
        """Whether the link is cut at this large file or piece."""
        if self.uploads_left == 0:
            return True
        if self.uploads_left is not None:
            self.uploads_left -= 1
        return False

    def _object(self, oid: str, size: int) -> dict[str, Any]:
        if oid in self.objects:  # it has arrived before: nothing to send
            return {"oid": oid, "size": size}
        return {
            "oid": oid,
            "size": size,
            "authenticated": True,
            "actions": {"upload": {"href": f"{self.url}/lfs/{oid}"}, "verify": {"href": f"{self.url}/lfs/verify"}},
        }


@contextlib.contextmanager
def serving(
    token: str, xet: bool = False, uploads_left: int | None = None, read_only: bool = False, public: bool = False
) -> Iterator[Hub]:
    hub = Hub(token, xet, uploads_left, read_only, public)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            path, body = self.path.partition("?")[0], self._body()
            to_store = path.startswith("/cas/")
            if self.headers.get("authorization") != f"Bearer {CAS_TOKEN if to_store else hub.token}":
                self._send(401, {"error": "Invalid credentials"})
            elif not to_store:
                self._send(*hub.answer(path, body))
            elif ("/xorbs/" in path or "/shards" in path) and hub.is_cut():
                self._hang_up()
            else:
                self._send(*hub.store(path, body))

        def do_GET(self) -> None:
            self._send(*hub.look_up(self.path.partition("?")[0]))

        def do_PUT(self) -> None:
            body, oid = self._body(), self.path.rpartition("/")[2]
            if hub.is_cut():
                return self._hang_up()
            hub.puts.append(oid)
            hub.objects[oid] = body
            return self._send(200, {})

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("content-length", 0)))

        def _hang_up(self) -> None:
            self.close_connection = True
            self.connection.close()

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
