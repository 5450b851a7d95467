"""Parity where answers are free text or conversations, and the card of such a version."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from nlp_skills.resources.data_source import SplitPolicy
from nlp_skills.resources.evaluation import Evaluation
from nlp_skills.resources.foundation.files import write_json, write_yaml
from nlp_skills.resources.lineage import track_version
from nlp_skills.resources.task import Prompt, Task, TaskFolder
from nlp_skills.resources.validation import ValidationReport
from nlp_skills.resources.version import VersionFolder, reserve_version
from nlp_skills.tools.data.benchmark import freeze
from nlp_skills.tools.data.store import commit_snapshot
from nlp_skills.tools.deploy.card import model_card
from nlp_skills.tools.deploy.parity import measure_parity
from nlp_skills.tools.evaluate.endpoint import Endpoint
from nlp_skills.tools.evaluate.record import commit_evaluation, keep_answers

Messages = list[dict[str, str]]


@contextlib.contextmanager
def answering(answer: Callable[[Messages], str]) -> Iterator[tuple[str, list[Messages]]]:
    """The address of a chat endpoint, and what it was asked."""
    asked: list[Messages] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages = json.loads(self.rfile.read(int(self.headers["content-length"])))["messages"]
            asked.append(messages)
            data = json.dumps({"choices": [{"message": {"content": answer(messages)}}]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_evaluated(
    place: Path,
    kind: Any,
    prompt: Prompt,
    rows: list[dict[str, Any]],
    answers: list[dict[str, Any]],
    baselines: dict[str, dict[str, float]] | None = None,
) -> VersionFolder:
    """A version whose answers to those rows stand on record."""
    task = TaskFolder(place / "workspace" / "words")
    task.root.mkdir(parents=True)
    task.save(Task(name="words", type=kind, language="en", labels=[]))
    splits = {name: [{**row, "id": f"{name}-{row['id']}"} for row in rows] for name in ("train", "valid")}
    snapshot = commit_snapshot(
        task,
        {**splits, "test": rows},
        ValidationReport(errors=[]),
        kind="generated",
        parent=None,
        raw=[],
        source_hash="ab" * 32,
        policy=SplitPolicy(),
    )
    benchmark = freeze(task, rows, snapshot.hash)
    version = reserve_version(task)
    write_yaml(version.config_file, {"format": 1, "parent": None, "base_model": "b", "method": "sft", "seed": 1})
    snapshot.summary().write(version.data_snapshot_file)
    write_json(version.environment_file, {})
    write_json(
        version.model_info_file,
        {
            "format": 1,
            "created": "2026-01-06T14:00:00Z",
            "method": "sft",
            "labels": [],
            "files": {},
            "adapter": None,
            "model": "m",
            "base_model": {"name": "b", "path": "b"},
            "prompt": prompt.model_dump(),
        },
    )
    lines = [
        {"id": row["id"], "text": row["text"], "gold": "g", "correct": False, "predicted": given["raw"], **given}
        for row, given in zip(rows, answers, strict=True)
    ]
    commit_evaluation(
        version,
        Evaluation.model_validate(
            {
                "benchmark": {"name": "main", "hash": benchmark.hash, "count": len(rows)},
                "decoding": "free",
                "metrics": {"chrf": {"value": 0.5, "low": 0.4, "high": 0.6}},
                "per_class": {},
                "baselines": baselines or {},
                "predictions_hash": keep_answers(version, lines),
            }
        ),
    )
    return version


def test_free_text_agrees_word_for_word_and_what_the_evaluation_cut_short_as_far_as_it_goes(tmp_path: Path) -> None:
    rows = [{"id": f"{number}", "text": f"text {number}", "output": "o"} for number in range(3)]
    version = make_evaluated(
        tmp_path,
        "generation",
        Prompt(system="Shorten it.", user="{text}"),
        rows,
        [{"raw": "short"}, {"raw": "on and on", "ended": False}, {"raw": "brief"}],
    )
    said = {"text 0": "short", "text 1": "on and on and on", "text 2": "brief and more"}
    with answering(lambda messages: said[messages[-1]["content"]]) as (url, _asked):
        found = measure_parity(version, Endpoint(url=url, model="m"))
    assert [row.deployed for row in found.disagreements] == ["brief and more"]
    assert (found.raw, found.label, found.count) == (2 / 3, 2 / 3, 3)


def test_a_baked_system_prompt_takes_nothing_else_out_of_a_conversation(tmp_path: Path) -> None:
    end = {"role": "assistant", "content": "Hello."}
    own = [{"role": "system", "content": "Answer in French."}, {"role": "user", "content": "hi"}]
    rows = [
        {"id": "0", "text": "hi", "messages": [{"role": "user", "content": "hi"}, end]},
        {"id": "1", "text": "hi", "messages": [*own, end]},
    ]
    for system, first in (("Be kind.", [{"role": "user", "content": "hi"}]), ("", [{"role": "user", "content": "hi"}])):
        version = make_evaluated(
            tmp_path / (system or "none"),
            "chat",
            Prompt(system=system, user="{text}"),
            rows,
            [{"raw": "Hello."}, {"raw": "Bonjour."}],
        )
        with answering(lambda messages: "Bonjour." if len(messages) > 1 else "Hello.") as (url, asked):
            found = measure_parity(version, Endpoint(url=url, model="m"), system_is_baked=True)
        assert asked == [first, own] and found.raw == found.label == 1.0


def test_the_card_of_a_version_without_labels_shows_its_own_metric(tmp_path: Path) -> None:
    rows = [{"id": "0", "text": "a", "output": "b"}]
    version = make_evaluated(
        tmp_path, "generation", Prompt(system="", user="{text}"), rows, [{"raw": "b"}], {"nearest": {"chrf": 0.3}}
    )
    track_version(version)
    card = model_card(version.task.load(), version, "merged")
    assert (
        "| chrf | 0.500 | 0.400 – 0.600 |" in card and "| the answer of the most similar training row | 0.300 |" in card
    )
    assert "type: text-generation" in card and "- Task: generation\n" in card and "| class |" not in card


def test_a_card_has_no_empty_table_where_nothing_simple_was_measured_beside_the_version(tmp_path: Path) -> None:
    rows = [{"id": "0", "text": "Ada", "spans": [{"text": "Ada", "type": "person"}]}]
    version = make_evaluated(tmp_path, "extraction", Prompt(system="", user="{text}"), rows, [{"raw": "[]"}])
    track_version(version)
    card = model_card(version.task.load(), version, "merged")
    assert "type: token-classification" in card and "| baseline |" not in card
