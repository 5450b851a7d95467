"""Every type of task from the file a person has to validated splits and the rows a trainer eats, through the tools."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp import Client

from nlp_skills.resources.foundation.errors import DataError
from nlp_skills.resources.foundation.files import dump_jsonl, read_json, read_jsonl
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings
from nlp_skills.tools.data.convert import render_snapshot
from nlp_skills.tools.data.prompting import task_prompt
from nlp_skills.tools.data.snapshot import current_snapshot

pytestmark = pytest.mark.anyio
NUMBERS = "零一二三四五六七八九"


def spell_number(number: int) -> str:
    return "".join(NUMBERS[int(digit)] for digit in str(number))


def invoice(number: int) -> dict[str, Any]:
    company, amount = f"公司{spell_number(number)}", f"{number * 37 + 100} 元"
    return {
        "內容": f"{company}在第 {number} 天開出發票，金額 {amount}，請儘速付款。",
        "標註": json.dumps({"公司": [company], "金額": [amount]}, ensure_ascii=False),
    }


WRITTEN: dict[str, Any] = {
    "extraction": (invoice, {"text": "內容", "spans": "標註"}, ["公司", "金額"]),
    "generation": (
        lambda n: {"question": f"Turn {spell_number(n)} around, please.", "reply": spell_number(n)[::-1]},
        {"text": "question", "output": "reply"},
        [],
    ),
    "chat": (
        lambda n: {
            "conversations": [
                {"from": "human", "value": f"客戶 {n * 7919 % 1000}：我的包裹 {spell_number(n)} 還沒到"},
                {"from": "gpt", "value": f"包裹 {spell_number(n)} 明天送達"},
            ]
        },
        {"messages": "conversations"},
        [],
    ),
    "preference": (
        lambda n: {
            "prompt": f"Say {spell_number(n * 7)} politely.",
            "chosen": f"{spell_number(n)}, please.",
            "rejected": f"{spell_number(n)}!",
        },
        {"text": "prompt"},
        [],
    ),
}


@pytest.fixture
async def client(workspace: Workspace) -> AsyncIterator[Client]:
    async with Client(build_server(Settings(workspace=workspace.root, language="en"))) as client:
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content[0].text  # type: ignore[union-attr]
    return dict(result.structured_content or {})


async def prepare_task(client: Client, workspace: Workspace, kind: str, rows: list[dict[str, Any]]) -> TaskFolder:
    """A task of that type with the rows prepared."""
    _, mapping, labels = WRITTEN[kind]
    await call(client, "create_task", title="A task", type=kind, language="en", name=f"a-{kind}", labels=labels)
    path = workspace.root / f"{kind}.jsonl"
    path.write_bytes(dump_jsonl(rows))
    await call(
        client, "set_data_source", task=f"a-{kind}", sources=[{"type": "file", "path": str(path), "mapping": mapping}]
    )
    done = await call(client, "prepare_data", task=f"a-{kind}")
    assert done["job"]["state"] == "succeeded", done
    return workspace.task(f"a-{kind}")


@pytest.mark.parametrize("kind", WRITTEN)
async def test_a_file_of_any_type_becomes_splits_and_rows_to_train_on(
    client: Client, workspace: Workspace, kind: str
) -> None:
    make, _, labels = WRITTEN[kind]
    task = await prepare_task(client, workspace, kind, [make(number) for number in range(60)])
    snapshot = current_snapshot(task)
    assert snapshot.counts["train"] > 35 and snapshot.counts["test"] >= 8
    assert set(snapshot.label_counts["train"]) == set(labels)
    assert not snapshot.validation.errors
    folder = render_snapshot(task, snapshot, task_prompt(task.load()), labels)
    row = next(iter(read_jsonl(folder / "train.jsonl")))
    answers = ("chosen", "rejected") if kind == "preference" else ("completion",)
    assert set(row) == {"id", "prompt", *answers}
    assert row["prompt"][-1]["role"] == "user" and all(row[name][0]["content"] for name in answers)
    asked = await call(client, "coach", task=task.name)
    assert asked["next_step"]["tool"], asked


async def test_columns_that_do_not_fit_are_asked_for_by_the_names_there_are(
    client: Client, workspace: Workspace
) -> None:
    await call(
        client,
        "create_task",
        title="A task",
        type="extraction",
        language="zh-TW",
        name="invoices",
        labels=["公司", "金額"],
    )
    path = workspace.root / "invoices.jsonl"
    path.write_bytes(dump_jsonl([invoice(number) for number in range(3)]))
    answer = await call(client, "set_data_source", task="invoices", sources=[{"type": "file", "path": str(path)}])
    look = answer["job"]["result"]["sources"][0]
    assert look["suggestions"] == {"text": "內容", "spans": "標註"}


async def test_rows_that_make_no_row_of_the_type_are_counted_and_the_others_kept(
    client: Client, workspace: Workspace
) -> None:
    broken = [{"內容": "公司甲開了發票。", "標註": '{"公司": ["公司乙"]}'}, {"內容": "沒有標註", "標註": "公司"}]
    task = await prepare_task(client, workspace, "extraction", [*map(invoice, range(60)), *broken])
    found = {each.code: each.count for each in current_snapshot(task).validation.warnings}
    assert found["left_out_spans_not_in_text"] == 1 and found["left_out_spans_unreadable"] == 1


async def test_an_unknown_kind_of_span_stops_the_preparation(client: Client, workspace: Workspace) -> None:
    with pytest.raises(AssertionError, match="日期"):
        await prepare_task(
            client,
            workspace,
            "extraction",
            [*map(invoice, range(60)), {"內容": "五月一日付款。", "標註": '{"日期": ["五月一日"]}'}],
        )


async def test_a_part_edited_out_of_its_text_is_an_error(client: Client, workspace: Workspace) -> None:
    task = await prepare_task(client, workspace, "extraction", [invoice(number) for number in range(60)])
    file = task.data / "train.jsonl"
    rows = list(read_jsonl(file))
    rows[0]["spans"][0]["text"] = "別家公司"
    file.write_bytes(dump_jsonl(rows))
    with pytest.raises(DataError, match=r"spans .*text does not contain"):
        current_snapshot(task)


async def test_several_answers_to_one_input_stay_in_one_split(client: Client, workspace: Workspace) -> None:
    make, *_ = WRITTEN["generation"]
    rows = [make(number) for number in range(60)]
    task = await prepare_task(
        client, workspace, "generation", [*rows, *({**row, "reply": f"{row['reply']}!"} for row in rows)]
    )
    snapshot = current_snapshot(task)
    where = {name: {row["text"] for row in snapshot.rows(name)} for name in ("train", "valid", "test")}
    assert sum(snapshot.counts.values()) > 100
    assert not where["train"] & where["test"] and not where["train"] & where["valid"]
    assert read_json(task.benchmarks / "main" / "benchmark.json")["label_counts"] == {}
