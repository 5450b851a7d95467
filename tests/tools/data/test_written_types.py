"""Rows that a model writes, for every type of task: by the chat's model and by an endpoint, through the tools."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from nlp_skills.resources.foundation.files import read_jsonl, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.generation.asking import parsed_rows
from nlp_skills.tools.data.task_kind import Spelling, task_kind, task_kinds
from tests.tools.data.misbehaving import Asked, Peer, Said
from tests.tools.data.test_llm_generated import completion
from tests.tools.data.test_tool import call

pytestmark = pytest.mark.anyio
NAME = "entity-sentiment"
Row = dict[str, Any]
LABELS = {"en": ["company", "amount"], "zh-TW": ["公司", "金額"]}
# What is wrong with a row of the type, and the code it is refused with.
WRONG: dict[str, list[tuple[Row, str]]] = {
    "classification": [({"label": "else"}, "unknown_label"), ({"label": ""}, "without_label")],
    "entity-classification": [({"entity": "nowhere"}, "entity_not_in_text"), ({"entity": ""}, "without_entity")],
    "extraction": [
        ({"spans": [{"type": "company", "text": "not in it"}]}, "spans_not_in_text"),
        ({"spans": "a, b"}, "spans_unreadable"),
        ({"spans": {"else": []}, "text": ""}, "without_text"),
    ],
    "generation": [({"output": " "}, "without_output"), ({"output": None}, "without_output")],
    "chat": [
        ({"messages": [{"role": "user", "content": "hello"}]}, "no_answer"),
        ({"messages": "hi"}, "messages_unreadable"),
    ],
    "preference": [({"chosen": ""}, "without_chosen"), ({"chosen": "same", "rejected": "same"}, "same_answers")],
}


def thing(number: int, language: str) -> str:
    """Something that no other row is about."""
    digest = hashlib.sha256(str(number).encode()).digest()
    return "".join(
        chr(0x4E00 + one * 20) if language == "zh-TW" else "abcdefghijklmnop"[one % 16] for one in digest[:18]
    )


def row(kind: str, number: int, language: str) -> Row:
    """A good row of the type, in words of its own."""
    labels, about = LABELS[language], thing(number, language)
    company, amount = (
        (f"{about[:4]}公司", f"{number}億元") if language == "zh-TW" else (f"{about[:5]} Inc", f"{number} million")
    )
    text = f"{company}：{about}，{amount}。" if language == "zh-TW" else f"{company} says {about} costs {amount}."
    answer = f"回覆 {about}" if language == "zh-TW" else f"answer {about}"
    rows: dict[str, Row] = {
        "classification": {"text": text, "label": labels[number % 2]},
        "entity-classification": {"text": text, "entity": company, "label": labels[number % 2]},
        "extraction": {
            "text": text,
            "spans": [{"type": labels[0], "text": company}, {"type": labels[1], "text": amount}],
        },
        "generation": {"text": text, "output": answer},
        "chat": {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]},
        "preference": {"text": text, "chosen": answer, "rejected": "?"},
    }
    return rows[kind]


@pytest.fixture(params=["en", "zh-TW"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=sorted(WRONG))
def kind(request: pytest.FixtureRequest, task: TaskFolder, language: str) -> str:
    """The type that the task is of."""
    labels = LABELS[language] if task_kind(request.param).needs_labels else []
    write_yaml(task.file, {"name": NAME, "type": request.param, "language": language, "labels": labels})
    return str(request.param)


def test_every_type_is_among_them() -> None:
    assert set(WRONG) == set(task_kinds())


def own(example: Row, language: str) -> Row:
    """The wrong row in the labels of the language."""
    return dict(json.loads(json.dumps(example, ensure_ascii=False).replace("company", LABELS[language][0])))


async def test_rows_of_any_type_are_added_checked_and_trained_on(
    client: Client, task: TaskFolder, kind: str, language: str
) -> None:
    good = [row(kind, number, language) for number in range(40)]
    wrong = [own({**row(kind, 90 + at, language), **change}, language) for at, (change, _) in enumerate(WRONG[kind])]
    added = await call(client, "add_examples", examples=[*good, *wrong, good[3]], by="me")

    assert added["figures"]["kept"] == 40
    assert [one["reason"] for one in added["refused"]] == [*(code for _, code in WRONG[kind]), "near_copy"]
    why = added["refused"][0]["why"]
    assert any("\u4e00" <= character <= "\u9fff" for character in why) == (language == "zh-TW")
    prepared = (await call(client, "prepare_data"))["job"]["result"]
    train = list(read_jsonl(Path(prepared["files"]["train"])))
    assert prepared["counts"] == {"train": 40, "valid": 0, "test": 0}
    assert all(one["synthetic"] and one["written"]["by"] == "me" for one in train)
    answer = task_kind(task.load().type).answer
    assert sorted(map(answer, train)) == sorted(answer(_canonical(task, one)) for one in good)
    [sheet] = map(Path, prepared["review"])
    header, *rows = list(csv.reader(sheet.read_text("utf-8-sig").splitlines()))
    assert rows and header[:3] == ["keep", "id", "text"] and {*header} >= {*task_kind(task.load().type).roles}


def _canonical(task: TaskFolder, given: Row) -> Row:
    return task_kind(task.load().type).fields(given, Spelling(task.load().labels, {}))


async def test_an_unknown_field_is_told_with_the_fields_of_the_type(client: Client, kind: str, language: str) -> None:
    result = await client.call_tool("add_examples", {"task": NAME, "examples": [{**row(kind, 1, language), "more": 1}]})
    said = result.content[0].text  # type: ignore[union-attr]
    assert result.is_error and "examples[0].more" in said and ", ".join(task_kind(kind).roles) in said


class TypedWriter:
    """A model that writes rows of a type, every fourth of an answer wrong in one of the ways of the type."""

    def __init__(self, kind: str, language: str) -> None:
        self._kind, self._language, self._written = kind, language, 0

    def __call__(self, asked: Asked) -> Said:
        system = json.loads(asked.body)["messages"][0]["content"]
        label = next(
            (one for one in LABELS[self._language] if f"「{one}」" in system or f"label {one!r}" in system), ""
        )
        rows = []
        for _ in range(8):
            self._written += 1
            number = self._written * 2 + LABELS[self._language].index(label) if label else self._written
            rows.append(row(self._kind, number, self._language))
            if self._written % 4 == 0:
                change, _ = WRONG[self._kind][self._written // 4 % len(WRONG[self._kind])]
                rows[-1] = own({**rows[-1], **change}, self._language)
        return completion(json.dumps({"rows": rows}, ensure_ascii=False))


async def test_an_endpoint_writes_rows_of_any_type_and_is_held_to_their_shape(
    client: Client, server: Peer, task: TaskFolder, kind: str, language: str
) -> None:
    server.serve("/v1/chat/completions", TypedWriter(kind, language))
    looked = await call(
        client,
        "set_data_source",
        sources=[
            {
                "type": "llm_generated",
                "prompt_template": "{count} rows",
                "model": "writer",
                "count": 24,
                "rows_per_request": 8,
                "base_url": f"{server.url}/v1",
            }
        ],
    )
    assert len(looked["job"]["result"]["sources"][0]["rows"]) == 5 and len(server.asked) == 1
    result = (await call(client, "prepare_data"))["job"]["result"]

    assert result["counts"]["train"] == 24 and sum(result["spent"][0]["rejected"].values()) >= 4
    body = json.loads(server.asked[0].body)
    items = body["response_format"]["json_schema"]["schema"]["properties"]["rows"]["items"]
    assert set(items["properties"]) == set(task_kind(kind).roles) == set(items["required"])
    system = body["messages"][0]["content"]
    assert all(f'"{role}"' in system for role in task_kind(kind).roles)
    assert ("Write" in system) == (language == "en")
    assert {one["synthetic"] for one in read_jsonl(task.data / "train.jsonl")} == {True}


@pytest.mark.parametrize("kind", ["extraction", "generation"], indirect=True)
async def test_quotas_count_types_of_spans_and_are_refused_where_rows_carry_no_label(
    client: Client, server: Peer, task: TaskFolder, kind: str, language: str
) -> None:
    server.serve("/v1/chat/completions", TypedWriter(kind, language))
    first = LABELS[language][0]
    write_yaml(
        task.data_source_file,
        {
            "sources": [
                {
                    "type": "llm_generated",
                    "prompt_template": "{count} of {label}",
                    "model": "writer",
                    "rows_per_request": 8,
                    "per_label": {first: 12},
                    "base_url": f"{server.url}/v1",
                }
            ]
        },
    )
    result = await client.call_tool("prepare_data", {"task": NAME})
    if kind == "generation":
        assert result.is_error and "sources[0].per_label" in result.content[0].text  # type: ignore[union-attr]
        assert server.asked == []
        return
    train = list(read_jsonl(task.data / "train.jsonl"))
    assert len(train) == 12 and all(first in {span["type"] for span in one["spans"]} for one in train)


@pytest.mark.parametrize("kind", ["chat", "extraction"], indirect=True)
async def test_an_answer_that_is_no_json_or_cut_off_ends_the_run_with_the_reason(
    client: Client, server: Peer, task: TaskFolder, kind: str, language: str
) -> None:
    write_yaml(
        task.data_source_file,
        {
            "sources": [
                {
                    "type": "llm_generated",
                    "prompt_template": "{count} rows",
                    "model": "writer",
                    "base_url": f"{server.url}/v1",
                }
            ]
        },
    )
    whole = json.dumps({"rows": [row(kind, 1, language)]}, ensure_ascii=False)
    for content in ("I cannot help with that.", whole[: len(whole) // 3]):
        server.serve("/v1/chat/completions", completion(content))
        result = await client.call_tool("prepare_data", {"task": NAME})
        assert result.is_error and "prompt_template" in result.content[0].text  # type: ignore[union-attr]
        for kept in (task.root / "data" / "generation").iterdir():
            kept.unlink()
    assert not (task.data / "train.jsonl").exists()


def test_conversations_one_a_line_are_found() -> None:
    lines = "\n".join(json.dumps(row("chat", number, "en")) for number in range(5))
    assert len(parsed_rows(lines, ("messages",))) == 5
