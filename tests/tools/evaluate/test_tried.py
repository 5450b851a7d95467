"""A model that exists already, asked side by side and measured on the benchmark like any version."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import DeploymentError, NlpSkillsError
from nlp_skills.resources.foundation.files import read_json
from nlp_skills.resources.foundation.language import several
from nlp_skills.resources.task import Constraints, TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.data.benchmark import frozen_benchmark
from nlp_skills.tools.evaluate.tried import TriedModel, named_model, predictor
from tests.tools.evaluate.test_tool import call

pytestmark = pytest.mark.minutes

MakeTask = Callable[..., TaskFolder]
MakeVersion = Callable[..., VersionFolder]
needs_worker = pytest.mark.skipif(
    "NLP_SKILLS_WORKER" not in os.environ, reason="NLP_SKILLS_WORKER names no worker environment"
)
KEY = "endpoint-test-key-1234"
WORDS = {
    "rose": "positive",
    "surged": "positive",
    "gained": "positive",
    "record": "positive",
    "fell": "negative",
    "dropped": "negative",
    "lost": "negative",
    "warned": "negative",
}


class Peer:
    """An OpenAI-compatible server that knows the words; `fails` answers of the next status come first."""

    def __init__(self, models: list[str], picky: bool) -> None:
        self.models, self.picky = models, picky
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.fail_after: int | None = None
        self.url = ""


@contextlib.contextmanager
def serving(*models: str, picky: bool = False) -> Iterator[Peer]:
    peer = Peer(list(models), picky)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/api/tags":
                self._send(200, {"models": [{"name": name, "digest": "d1"} for name in peer.models]})
            else:
                self._send(200, {"data": [{"id": name} for name in peer.models]})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            peer.keys.add(self.headers.get("authorization"))
            if peer.fail_after is not None and len(peer.asked) >= peer.fail_after:
                return self._send(503, {"error": "overloaded"})
            if peer.picky and "temperature" in asked:
                return self._send(400, {"error": "temperature is not supported"})
            peer.asked.append(asked)
            text = asked["messages"][-1]["content"]
            said = next((label for word, label in WORDS.items() if word in text), "neutral")
            return self._send(200, {"choices": [{"message": {"content": f"<think>hm</think>\n{said}."}}]})

        def _send(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    peer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@needs_worker
@pytest.mark.anyio
async def test_an_endpoint_is_asked_measured_and_compared_with_a_version(
    make_task: MakeTask, versions: MakeVersion, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_task()
    monkeypatch.setenv("TRIED_KEY", KEY)
    with serving("wise", picky=True) as peer:
        asked = await call(
            folder, "try_model", task="news", model="wise", url=f"{peer.url}/v1", rows=2, api_key="${TRIED_KEY}"
        )
        assert [line["answers"]["endpoint:wise"]["read"] == line["gold"] for line in asked["job"]["result"]["rows"]]
        assert asked["next_step"]["arguments"]["action"] == "evaluate"
        typed = await call(folder, "try_model", task="news", model="wise", url=peer.url, rows=1, api_key=KEY)
        assert "nlp-skills secret set ENDPOINT_API_KEY" in typed["message"]
        assert peer.keys == {f"Bearer {KEY}"}

        peer.fail_after = len(peer.asked) + 5
        cut = await call(folder, "try_model", task="news", model="wise", url=peer.url, action="evaluate")
        assert "HTTP 503" in str(cut)
        peer.fail_after, before = None, len(peer.asked)
        done = await call(folder, "try_model", task="news", model="wise", url=peer.url, action="evaluate")
        assert len(peer.asked) == before + 15  # the five given before the cut are kept
    result = done["job"]["result"]
    assert result["met"] is True and result["metrics"]["macro_f1"]["value"] == 1.0
    record = TriedModel(folder, "endpoint:wise").latest_evaluation()
    assert (
        record and record.model and record.model["source"] == "wise" and set(record.baselines) == {"majority", "tfidf"}
    )
    assert not [
        path
        for path in folder.root.rglob("*")
        if path.is_file() and path.stat().st_size < 1e6 and KEY.encode() in path.read_bytes()
    ]

    versions(folder, tiny)
    lacking = await call(folder, "compare_versions", task="news", a="endpoint:wise", b="v1")
    assert "evaluate(task='news', version='v1'" in lacking["error"]
    await call(folder, "evaluate", task="news", version="v1")
    compared = await call(folder, "compare_versions", task="news", a="endpoint:wise", b="v1")
    assert compared["job"]["result"]["verdict"]["outcome"] == "worse"
    assert compared["next_step"]["tool"] == "coach"


@pytest.mark.anyio
async def test_a_model_that_was_never_measured_is_not_compared(make_task: MakeTask) -> None:
    refused = await call(make_task(), "compare_versions", task="news", a="ollama:qwen3", b="v1")
    assert "ollama:qwen3 has not been measured" in refused["error"] and "action='evaluate'" in refused["error"]


@pytest.mark.anyio
async def test_what_cannot_be_tried_is_told_before_anything_starts(make_task: MakeTask, tmp_path: Path) -> None:
    folder = make_task(constraints=Constraints(privacy="on-premise"))
    refused = await call(folder, "try_model", task="news", model="gpt-x", url="https://8.8.8.8/v1")
    assert (
        "stays on-premise" in refused["error"] and "nlp-skills allow --rows-of news --host 8.8.8.8" in refused["error"]
    )
    (tmp_path / "no.gguf").write_bytes(b"PK")
    for model, said in (
        (str(tmp_path / "no.gguf"), "not a GGUF file"),
        ("endpoint:wise", "Give its address"),
        ("Qwen/Qwen3-0.6B", "set_up(what='base_model'"),
        ("v7", "no version"),
    ):
        assert said in (await call(folder, "try_model", task="news", model=model))["error"]
    with serving("wise") as peer:
        near = await call(folder, "try_model", task="news", model="wize", url=peer.url)
        assert "Did you mean “wise”?" in near["error"]
        hidden = await call(folder, "try_model", task="news", model="wise", url=peer.url, rows=1)
        [line] = hidden["job"]["result"]["rows"]
        assert line["text"].startswith("[hidden") and line["answers"]["endpoint:wise"]["said"].startswith("[hidden")
    gone = await call(folder, "try_model", task="news", model="wise", url=peer.url)
    assert "Nothing answers at" in gone["error"]


@pytest.mark.anyio
async def test_an_endpoint_outside_may_charge_so_it_is_asked_after_a_yes_alone(make_task: MakeTask) -> None:
    folder = make_task()
    outside = {"task": "news", "model": "gpt-x", "url": "https://models.invalid/v1"}
    count = frozen_benchmark(folder).count
    for more, requests in (({"action": "evaluate"}, count), ({"rows": 2}, 2), ({"text": "Shares rose."}, 1)):
        asked = await call(folder, "try_model", **outside, **more)
        assert (
            f"gpt-x (models.invalid): {several(requests, 'request')}" in asked["error"]
            and "confirm=True" in asked["error"]
        )
    assert not list(folder.jobs.glob("*try*"))
    gone_on = await call(folder, "try_model", **outside, rows=1, confirm=True)
    assert "Nothing answers at https://models.invalid" in str(gone_on)


def test_every_way_to_name_a_model_is_understood(
    make_task: MakeTask, versions: MakeVersion, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, workspace = make_task(), Workspace(tmp_path / "workspace")
    versions(folder, tiny)
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:4444")

    def parse_name(name: str, url: str = "") -> tuple[str, str, str | None]:
        found = named_model(workspace, folder, name, url)
        return found.kind, found.name, found.url

    assert parse_name("ollama:qwen3:8b") == ("ollama", "ollama:qwen3:8b", "http://127.0.0.1:4444")
    assert parse_name("gpt-5", "https://host/v1") == ("endpoint", "endpoint:gpt-5", "https://host")
    assert parse_name(str(file)) == parse_name(f"gguf:{file}") == ("gguf", "gguf:model.gguf", None)
    assert parse_name("v1") == parse_name("1") == ("version", "v1", None)
    assert parse_name(str(tiny)) == ("base", f"base:{tiny}", None)
    with pytest.raises(DeploymentError):
        parse_name("gpt-5", "ftp://host")
    with pytest.raises(NlpSkillsError):
        predictor(folder, "ollama:never-asked")
    assert predictor(folder, "v1").name == "v1"
    assert read_json(folder.benchmarks / "main" / "benchmark.json")["count"] == 20
