"""A server that speaks Ollama's protocol and answers with real llama.cpp.

It renders its own template language (what the models here use of it), bakes the system prompt in, and samples at
temperature 1 where an OpenAI client sends none, as Ollama does: only what the model was created with makes it greedy.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

KEY = "only-between-the-fake-and-llama-cpp"
_ACTION = re.compile(r"\{\{\s*(.*?)\s*\}\}")


class Ollama:
    """Models by name and blobs by digest.

    Arguments:
        fault: `keeps_old` never replaces a name, `other_system` bakes in another system prompt, `no_template` forgets
            the template, `unknown_architecture` and `full_disk` fail a create.
    """

    def __init__(self, folder: Path, fault: str = "") -> None:
        self.folder, self.fault = folder, fault
        self.models: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.url = ""
        self._servers: dict[str, tuple[Any, str]] = {}
        self._lock = threading.Lock()

    def blob(self, digest: str) -> Path:
        return self.folder / digest.replace(":", "-")

    def create(self, wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"status": "parsing GGUF"}
        if self.fault == "unknown_architecture":
            yield {"error": 'unsupported architecture "Qwen9ForCausalLM"'}
            return
        if self.fault == "full_disk":
            yield {"error": "write blobs: no space left on device"}
            return
        [digest] = wanted["files"].values()
        if not self.blob(digest).is_file():
            yield {"error": f"blob {digest} not found"}
            return
        name = tag_name(wanted["model"])
        if not (self.fault == "keeps_old" and name in self.models):
            model = {
                "blob": digest,
                "template": wanted.get("template", "{{ .Prompt }}"),
                "system": wanted.get("system", ""),
                "parameters": wanted.get("parameters", {}),
                "quantize": wanted.get("quantize"),
            }
            if self.fault == "other_system":
                model["system"] = "You are a friendly assistant."
            if self.fault == "no_template":
                model["template"] = "{{ .Prompt }}"
            content = json.dumps(model, sort_keys=True, ensure_ascii=False).encode()
            self.models[name] = {**model, "digest": hashlib.sha256(content).hexdigest()}
        yield {"status": "writing manifest"}
        yield {"status": "success"}

    def chat(self, name: str, messages: list[dict[str, str]], options: dict[str, Any]) -> str:
        model = self.models[name]
        system = next((one["content"] for one in messages if one["role"] == "system"), model["system"])
        prompt = next(one["content"] for one in reversed(messages) if one["role"] == "user")
        rendered = rendered_template(model["template"], {"System": system, "Prompt": prompt})
        settings = {
            "temperature": 1.0,
            "top_k": 40,
            "n_predict": 64,
            **{
                {"num_predict": "n_predict"}.get(key, key): value
                for key, value in model["parameters"].items()
                if key not in ("temperature", "num_ctx", "repeat_penalty")
            },
            **options,
        }
        answer = httpx.post(
            f"{self._server(model['blob'])}/completion",
            json={"prompt": rendered, **settings},
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=120,
            trust_env=False,
        )
        answer.raise_for_status()
        return str(answer.json()["content"])

    def _server(self, digest: str) -> str:
        with self._lock:
            if digest not in self._servers:
                xllamacpp: Any = importlib.import_module("xllamacpp")
                settings = xllamacpp.CommonParams()
                settings.model.path, settings.port, settings.api_keys = str(self.blob(digest)), 0, [KEY]
                settings.warmup, settings.verbosity = False, 0
                server = xllamacpp.Server(settings)
                self._servers[digest] = (server, str(server.listening_address))
            return self._servers[digest][1]


def tag_name(name: str) -> str:
    """The name as Ollama keeps it: `found` is `found:latest`."""
    return name if ":" in name else f"{name}:latest"


def rendered_template(template: str, values: dict[str, str]) -> str:
    """What Ollama sends to the model: the template up to `.Response`, with if, else and end."""
    written, shown = "", [True]
    at = 0
    for action in _ACTION.finditer(template):
        if all(shown):
            written += template[at : action.start()]
        at, said = action.end(), action[1]
        if said.startswith("if ."):
            shown.append(bool(values.get(said[4:])))
        elif said == "else":
            shown[-1] = not shown[-1]
        elif said == "end":
            shown.pop()
        elif said == ".Response":
            return written
        elif all(shown):
            written += values[said.removeprefix(".")]
    return written + template[at:]


@contextlib.contextmanager
def apart(worker: Path, folder: Path, fault: str = "") -> Iterator[str]:
    """The address of one in a process of its own, in the environment that has llama.cpp."""
    process = subprocess.Popen(
        [worker, __file__, folder, fault],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@contextlib.contextmanager
def serving(folder: Path, fault: str = "", port: int = 0) -> Iterator[Ollama]:
    folder.mkdir(parents=True, exist_ok=True)
    ollama = Ollama(folder, fault)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return content

        def do_HEAD(self) -> None:
            found = ollama.blob(self.path.removeprefix("/api/blobs/")).is_file()
            self._send(200 if found else 404, None)

        def do_GET(self) -> None:
            if self.path == "/api/tags":
                self._send(
                    200,
                    {
                        "models": [
                            {"name": name, "model": name, "digest": model["digest"], "size": 1}
                            for name, model in ollama.models.items()
                        ]
                    },
                )
            elif self.path == "/v1/models":
                self._send(200, {"data": [{"id": name, "object": "model"} for name in ollama.models]})
            else:
                self._send(404, {"error": "not found"})

        def do_DELETE(self) -> None:
            name = tag_name(json.loads(self._body())["model"])
            self._send(200 if ollama.models.pop(name, None) else 404, None)

        def do_POST(self) -> None:
            body = self._body()
            ollama.requests.append(self.path)
            if self.path.startswith("/api/blobs/"):
                digest = self.path.removeprefix("/api/blobs/")
                if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
                    return self._send(400, {"error": "digest does not match"})
                ollama.blob(digest).write_bytes(body)
                return self._send(201, None)
            asked = json.loads(body)
            if self.path == "/api/create":
                return self._stream(ollama.create(asked))
            name = tag_name(asked.get("model", asked.get("source")))
            if name not in ollama.models:
                return self._send(404, {"error": f"model '{name}' not found"})
            if self.path == "/api/copy":
                destination = tag_name(asked["destination"])
                if not (ollama.fault == "keeps_old" and destination in ollama.models):
                    ollama.models[destination] = ollama.models[name]
                return self._send(200, None)
            if self.path == "/api/show":
                source = f"FROM /models/blobs/{ollama.models[name]['blob'].replace(':', '-')}"
                return self._send(200, {"modelfile": source, "template": ollama.models[name]["template"]})
            if self.path == "/v1/chat/completions":
                options = {key: asked[key] for key in ("temperature", "seed") if key in asked}
                said = ollama.chat(name, asked["messages"], options)
                return self._send(
                    200,
                    {
                        "choices": [
                            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
                        ]
                    },
                )
            return self._send(404, {"error": "not found"})

        def _stream(self, lines: Iterator[dict[str, Any]]) -> None:
            data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
            self._answer(200, data, "application/x-ndjson")

        def _send(self, status: int, content: dict[str, Any] | None) -> None:
            self._answer(status, b"" if content is None else json.dumps(content).encode(), "application/json")

        def _answer(self, status: int, data: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    ollama.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield ollama
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":  # FOLDER [FAULT]: serves until it is ended, its address on the first line
    with serving(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "") as running:
        print(running.url, flush=True)
        while True:
            time.sleep(60)
