"""Labels that are renamed, merged or dropped after the data was prepared."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cases.conftest import Office, Rows, Told, dump_lines, invent_words
from tests.tools.data.misbehaving import Peer, as_json

pytestmark = pytest.mark.anyio
LABELS = ["ask", "thank", "warn"]


def rows_of(count: int = 90) -> Rows:
    return [
        {"text": f"Note {number} on {invent_words(number, 6)}", "label": LABELS[number % 3]} for number in range(count)
    ]


async def prepare_task(office: Office, **more: Any) -> None:
    await office.begin(labels=LABELS, **more)
    await office.prepare_rows(office.put("notes.jsonl", dump_lines(rows_of())))


def benchmark(office: Office) -> Rows:
    """The rows of the benchmark in use: the newest of those in the folder."""
    [*_, newest] = sorted((office.folder / "benchmarks").glob("*/rows.jsonl"), key=lambda path: path.stat().st_mtime)
    return [json.loads(line) for line in newest.read_text("utf-8").splitlines()]


async def change(office: Office, labels: list[str], meaning: dict[str, str], rows: Rows | None = None) -> Told:
    """Say the new labels, and what the old ones in the file mean now."""
    if rows is not None:
        office.put("notes.jsonl", dump_lines(rows))
    told = await office("update_task", task=office.name, changes={"labels": labels})
    assert not told.refused, told.message
    told = await office.connect(office.inbox / "notes.jsonl", **({"label_values": meaning} if meaning else {}))
    assert not told.refused, told.message
    return await office.prepare()


@pytest.mark.parametrize(
    ("labels", "meaning", "left"),
    [
        (["ask", "thank", "alert"], {"warn": "alert"}, 90),
        (["ask", "reply"], {"warn": "reply", "thank": "reply"}, 90),
        (["ask", "thank"], {"warn": "thank"}, 90),
    ],
    ids=["renamed", "merged into a new one", "merged into an old one"],
)
async def test_a_renamed_or_merged_label_takes_the_benchmark_along(
    office: Office, labels: list[str], meaning: dict[str, str], left: int
) -> None:
    await prepare_task(office)
    tested = {row["text"]: row["label"] for row in benchmark(office)}
    told = await change(office, labels, meaning)
    assert not told.refused, told.message
    assert {row["text"]: row["label"] for row in benchmark(office)} == {
        text: meaning.get(label, label) for text, label in tested.items()
    }
    assert len(office.rows()) == left and {row["label"] for row in office.rows()} == set(labels)
    assert "benchmark" in told.message


async def test_a_label_renamed_in_the_file_itself_takes_the_benchmark_along(office: Office) -> None:
    await prepare_task(office)
    tested = {row["text"] for row in benchmark(office)}
    told = await change(
        office,
        ["ask", "thank", "alert"],
        {},
        [{**row, "label": "alert" if row["label"] == "warn" else row["label"]} for row in rows_of()],
    )
    assert not told.refused, told.message
    assert {row["label"] for row in benchmark(office)} == {"ask", "thank", "alert"}
    assert {row["text"] for row in benchmark(office)} == tested or "benchmark" in told.message


async def test_a_dropped_label_goes_from_the_benchmark(office: Office) -> None:
    await prepare_task(office)
    told = await change(office, ["ask", "thank"], {}, [row for row in rows_of() if row["label"] != "warn"])
    assert not told.refused, told.message
    assert {row["label"] for row in benchmark(office)} == {"ask", "thank"}
    assert not {row["text"] for row in benchmark(office)} & {row["text"] for row in office.rows("train")}
    assert "benchmark" in told.message


async def test_a_label_that_is_split_in_two_is_told(office: Office) -> None:
    """What was `warn` is now `fire` or `flood`: the benchmark follows the file's new words."""
    await prepare_task(office)
    rows = rows_of()
    for number, row in enumerate(rows):
        row["label"] = ("fire", "flood")[number // 3 % 2] if row["label"] == "warn" else row["label"]
    told = await change(office, ["ask", "thank", "fire", "flood"], {}, rows)
    assert not told.refused, told.message
    new = {row["text"]: row["label"] for row in rows}
    assert all(new[row["text"]] == row["label"] for row in benchmark(office))


async def test_a_benchmark_with_labels_the_task_no_longer_has_blocks_evaluation(
    office: Office, server: Peer, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_WORKER", str(worker))
    await prepare_task(office)
    address = server.serve(
        "/v1/chat/completions",
        as_json(
            {
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ask"}}],
                "usage": {},
            }
        ),
    )
    server.serve("/v1/models", as_json({"object": "list", "data": [{"id": "small"}]}))
    await office("update_task", task=office.name, changes={"labels": ["ask", "thank"]})
    told = await office(
        "try_model",
        task=office.name,
        model="small",
        url=address.removesuffix("/chat/completions"),
        action="evaluate",
        confirm=True,
    )
    assert told.refused and "warn" in told.message and "benchmark" in told.message, told.message
    assert not server.asked


@pytest.mark.parametrize("language", ["en", "zh-TW"])
async def test_a_goal_above_what_can_be_reached_is_said(office: Office, language: str) -> None:
    """A third of the benchmark has a label that no answer may give: more than 0.67 cannot come out."""
    await prepare_task(office, success_criteria={"metric": "accuracy", "threshold": 0.9})
    told = await office("update_task", task=office.name, changes={"labels": ["ask", "thank"], "language": language})
    asked = await office("coach", task=office.name, message="what now?", language=language)
    said = told.message + str(told.content.get("warnings")) + asked.everything
    assert re.search(r"0\.6[67]|6[67] ?%", said) and "0.9" in said
