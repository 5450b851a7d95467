"""Rows of tasks whose answer is not a label: spans and texts are proposed, reviewed, counted and trained on, through the tools."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from nlp_skills.resources.foundation.files import dump_jsonl, read_jsonl, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.task_kind import task_kind
from tests.chromium import browsing
from tests.tools.data.misbehaving import Asked, Peer, Said, as_json
from tests.tools.data.test_written_types import LABELS, NAME, row

pytestmark = pytest.mark.anyio
COUNT = 24
Row = dict[str, Any]


@pytest.fixture(params=["en", "zh-TW"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["extraction", "generation"])
def kind(request: pytest.FixtureRequest, task: TaskFolder, language: str) -> str:
    """The type of the task, whose rows carry no answer yet."""
    waiting(task, str(request.param), language)
    return str(request.param)


def waiting(task: TaskFolder, kind: str, language: str) -> None:
    labels = LABELS[language] if task_kind(kind).needs_labels else []
    write_yaml(task.file, {"name": NAME, "type": kind, "language": language, "labels": labels})
    (task.root / "texts.jsonl").write_bytes(dump_jsonl([{"text": text} for text in careful_answers(kind, language)]))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "texts.jsonl", "unlabelled": True}]})


def careful_answers(kind: str, language: str) -> dict[str, Any]:
    """What a careful person answers to each text, in the column of the type."""
    rows = [
        row(kind if kind in ("extraction", "generation") else "generation", number, language) for number in range(COUNT)
    ]
    return {one["text"]: one.get("spans") or one["output"] for one in rows}


async def call(client: Client, tool: str, **arguments: Any) -> Row:
    result = await client.call_tool(tool, {"task": NAME, **arguments})
    assert not result.is_error, result.content[0].text  # type: ignore[union-attr]
    return dict(result.structured_content or {})


async def read_refusal(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, {"task": NAME, **arguments})
    assert result.is_error, result.structured_content
    return str(result.content[0].text)  # type: ignore[union-attr]


async def reviewed_rows(client: Client, **more: Any) -> list[Row]:
    """Every row that a review shows."""
    rows = (await call(client, "add_examples", action="review", count=50, **more))["rows"]
    return list(rows)


async def proposed_in_chat(client: Client, kind: str, language: str) -> None:
    """The chat's model proposes what a careful person would, batch by batch."""
    answers, key = careful_answers(kind, language), task_kind(kind).key
    batch = await call(client, "add_examples", action="propose", by="chat", count=50)
    while batch["rows"]:
        assert key in batch["next_step"]["say"]
        batch = await call(
            client,
            "add_examples",
            action="propose",
            by="chat",
            count=50,
            examples=[{"id": one["id"], key: answers[one["text"]]} for one in batch["rows"]],
        )


async def test_the_chat_proposes_a_person_decides_and_what_was_accepted_trains(
    client: Client, task: TaskFolder, kind: str, language: str
) -> None:
    fetched = await call(client, "prepare_data")
    assert fetched["job"]["result"]["to_label"] == COUNT and fetched["next_step"]["tool"] == "add_examples"
    lacks = {
        "en": f"No {'spans' if kind == 'extraction' else 'output'} came with the {COUNT} records fetched. {COUNT} rows are",
        "zh-TW": f"{COUNT} 筆，都沒有{'片段標註' if kind == 'extraction' else '輸出'}",
    }
    assert lacks[language] in fetched["message"]
    first = (await call(client, "add_examples", action="propose", by="chat"))["rows"][0]
    for wrong in (
        ([{"type": LABELS[language][0], "text": "nowhere"}], [{"type": "else", "text": first["text"][:3]}], "no JSON")
        if kind == "extraction"
        else ("", None, "   ")
    ):
        key = task_kind(kind).key
        answer = await call(
            client, "add_examples", action="propose", by="chat", examples=[{"id": first["id"], key: wrong}]
        )
        assert len(answer["refused"]) == 1 and answer["figures"]["proposed"] == 0
        assert any("\u4e00" <= character <= "\u9fff" for character in answer["refused"][0]["why"]) == (
            language == "zh-TW"
        )

    await proposed_in_chat(client, kind, language)
    rows = await reviewed_rows(client)
    answers = careful_answers(kind, language)
    changed = [] if kind == "extraction" else "another text"  # [] says that nothing is there
    decisions: list[Row] = [{"id": one["id"]} for one in rows]
    decisions[0] |= {key: changed}
    decisions[1] |= {key: None}
    assert "[examples]" in await read_refusal(
        client,
        "add_examples",
        action="review",
        by="Ann",
        examples=[
            {
                "id": rows[0]["id"],
                key: [{"type": LABELS[language][0], "text": "nowhere"}] if kind == "extraction" else "",
            }
        ],
    )
    decided = await call(client, "add_examples", action="review", by="Ann", examples=decisions)
    assert (decided["figures"]["accepted"], decided["figures"]["rejected"]) == (len(rows) - 1, 1)
    agreed = decided["figures"]["agreement"]["proposers"]["chat"]
    assert agreed["rows"] == len(rows) and agreed["agreement"] == round((len(rows) - 2) / len(rows), 3)
    assert agreed["kappa"] is None
    left = [one["id"] for one in await reviewed_rows(client)]
    await call(client, "add_examples", action="review", by="Ann", examples=[{"id": number} for number in left])

    prepared = (await call(client, "prepare_data"))["job"]["result"]
    assert sum(prepared["counts"].values()) == COUNT - 1
    there = [one for name in ("train", "valid", "test") for one in read_jsonl(task.data / f"{name}.jsonl")]
    expected = {one["text"]: one for one in there}
    assert rows[1]["text"] not in expected and expected[rows[0]["text"]]["labelled"]["how"] == "changed"
    assert expected[rows[0]["text"]][key] == changed
    for text, one in expected.items():
        if text != rows[0]["text"]:
            got = (
                [{"type": span["type"], "text": span["text"]} for span in one[key]]
                if kind == "extraction"
                else one[key]
            )
            assert got == answers[text] and one["labelled"]["by"] == ["Ann"]
    assert (await call(client, "add_examples", action="status"))["figures"]["not_in_data_yet"] == 0


def endpoint_answer(content: str) -> Said:
    return as_json(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": 40, "completion_tokens": 20, "total_tokens": 60},
        }
    )


async def test_an_endpoint_proposes_and_what_is_no_answer_is_counted_not_kept(
    client: Client, server: Peer, task: TaskFolder, kind: str, language: str
) -> None:
    answers = careful_answers(kind, language)

    def model(asked: Asked) -> Said:
        user = json.loads(asked.body)["messages"][-1]["content"]
        text, answer = next((text, answer) for text, answer in answers.items() if text in user)
        number = list(answers).index(text)
        if kind == "generation":
            return endpoint_answer("<think>hm</think>" if number == 0 else f"<think>hm</think> {answer}")
        bad = ["I see none.", json.dumps({LABELS[language][0]: ["nowhere"]}), '{"else": ["x"]}']
        good = {span["type"]: [span["text"]] for span in answer}
        return endpoint_answer(bad[number] if number < 3 else f"```json\n{json.dumps(good, ensure_ascii=False)}\n```")

    server.serve("/v1/chat/completions", model)
    await call(client, "prepare_data")
    done = await call(
        client,
        "add_examples",
        action="propose",
        by="endpoint",
        settings={"model": "m", "base_url": f"{server.url}/v1", "parallel": 1},
    )
    none = 1 if kind == "generation" else 3
    assert (done["job"]["result"]["proposed"], done["job"]["result"]["no_label"]) == (COUNT - none, none)
    system = json.loads(server.asked[0].body)["messages"][0]["content"]
    assert ("JSON" in system) == (kind == "extraction")
    rows = await reviewed_rows(client)
    proposed = [one for one in rows if "proposed" in one]
    assert proposed and all(
        one["proposed"]
        == (
            {span["type"]: [span["text"]] for span in answers[one["text"]]}
            if kind == "extraction"
            else answers[one["text"]]
        )
        for one in proposed
    )


async def test_a_model_behind_an_address_proposes_as_an_earlier_version_would(
    client: Client, server: Peer, kind: str, language: str
) -> None:
    answers = careful_answers(kind, language)

    def model(asked: Asked) -> Said:
        user = json.loads(asked.body)["messages"][-1]["content"]
        answer = next(answer for text, answer in answers.items() if text in user)
        return endpoint_answer(
            json.dumps({span["type"]: [span["text"]] for span in answer}, ensure_ascii=False)
            if kind == "extraction"
            else answer
        )

    server.serve("/v1/chat/completions", model)
    server.serve("/v1/models", as_json({"object": "list", "data": [{"id": "tuned", "object": "model"}]}))
    await call(client, "prepare_data")
    done = await call(client, "add_examples", action="propose", by="tuned", settings={"url": f"{server.url}/v1"})
    assert done["job"]["result"]["proposed"] == COUNT and done["next_step"]["arguments"]["action"] == "review"


async def test_a_dictionary_finds_spans_and_rules_write_no_text(client: Client, kind: str, language: str) -> None:
    company, amount = LABELS[language]
    rules = [
        {"label": company, "pattern": r"\w{5} Inc" if language == "en" else r"^.{4}公司"},
        {
            "label": amount,
            "keywords": ["12 MILLION", "2 million", "1 million"] if language == "en" else ["12億元", "2億元", "1億元"],
        },
    ]
    await call(client, "prepare_data")
    if kind == "generation":
        said = await read_refusal(client, "add_examples", action="propose", by="rules", settings={"rules": rules})
        assert "output" in said and "by='chat'" in said
        return
    answer = await call(client, "add_examples", action="propose", by="rules", settings={"rules": rules})
    assert answer["figures"]["proposed"] == COUNT
    rows = {one["text"]: one["proposed"] for one in await reviewed_rows(client)}
    [(text, found)] = [
        (text, found) for text, found in rows.items() if ("12 million" if language == "en" else "12億元") in text
    ]
    assert found == {
        company: [text[: len(found[company][0])]],
        amount: ["12 million" if language == "en" else "12億元"],
    }  # the longer one of two that overlap


async def test_sheets_take_corrected_answers_and_reviewers_are_compared_in_the_types_own_sense(
    client: Client, task: TaskFolder, kind: str, language: str, tmp_path: Path
) -> None:
    await call(client, "prepare_data")
    await proposed_in_chat(client, kind, language)
    sheet = Path((await call(client, "add_examples", action="sheet"))["files"]["csv"])
    rows = list(csv.DictReader(io.StringIO(sheet.read_text("utf-8-sig"))))
    answers = careful_answers(kind, language)

    def fill_sheet(name: str, reviewer: str, decisions: list[str]) -> str:
        out = io.StringIO()
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(
            {**one, "decision": decision, "reviewer": reviewer} for one, decision in zip(rows, decisions, strict=True)
        )
        (tmp_path / name).write_text(out.getvalue(), "utf-8")
        return str(tmp_path / name)

    corrected, other = "a better text", "A better text"
    if kind == "extraction":
        one, two = (json.dumps(span, ensure_ascii=False) for span in answers[rows[2]["text"]])
        corrected, other = f"[{one}, {two}]", f"[{two}, {one}]"  # the same spans in another order
    broken = fill_sheet(
        "broken.csv", "Ann", ['[{"type": 1}' if kind == "extraction" else "yes", *["yes"] * (COUNT - 1)]
    )
    if kind == "extraction":
        assert ("row 1" if language == "en" else "第 1 列") in await read_refusal(
            client, "add_examples", action="import", path=broken
        )
    decisions = ["yes", "no", corrected, *["是"] * (COUNT - 3)]
    first = await call(client, "add_examples", action="import", path=fill_sheet("ann.csv", "Ann", decisions))
    assert (first["figures"]["accepted"], first["figures"]["rejected"], first["figures"]["open"]) == (COUNT - 1, 1, 0)
    second = await call(
        client,
        "add_examples",
        action="import",
        path=fill_sheet("ben.csv", "Ben", ["yes", "no", other, *["yes"] * (COUNT - 3)]),
    )
    differing = 0 if kind == "extraction" else 1
    agreed = second["figures"]["agreement"]["reviewers"]["Ann · Ben"]
    assert (agreed["rows"], agreed["agreement"], agreed["kappa"]) == (
        COUNT,
        round((COUNT - differing) / COUNT, 3),
        None,
    )
    assert second["figures"]["disputed"] == differing


@pytest.mark.parametrize("kind", ["generation"], indirect=True)
async def test_the_page_takes_what_a_person_writes(
    client: Client, task: TaskFolder, kind: str, language: str, tmp_path: Path
) -> None:
    await call(client, "prepare_data")
    await proposed_in_chat(client, kind, language)
    page = Path((await call(client, "add_examples", action="sheet", count=3))["files"]["page"])
    with browsing(tmp_path / "profile") as browser:
        browser.open(page)
        assert browser.complaints == [] and browser.run("document.querySelectorAll('textarea').length") == 3
        browser.run("""(() => { const [one, two, three] = document.querySelectorAll('article');
            one.querySelector('button').click(); three.querySelectorAll('button')[1].click();
            const field = two.querySelector('textarea'); field.value = ' written again '; field.focus();
            field.dispatchEvent(new Event('input')); document.getElementById('reviewer').value = 'Ann'; })()""")
        saved = browser.run("review.asJson()")
    (tmp_path / "back.json").write_text(saved, "utf-8")
    taken = await call(client, "add_examples", action="import", path=str(tmp_path / "back.json"), by="Ann")
    assert (taken["figures"]["accepted"], taken["figures"]["rejected"]) == (2, 1)
    assert [one["decision"] for one in json.loads(saved)["decisions"]][1] == "written again"


@pytest.mark.parametrize("other", ["chat", "preference"])
async def test_types_that_are_not_labelled_row_by_row_say_so_with_the_next_step(
    client: Client, task: TaskFolder, language: str, other: str
) -> None:
    waiting(task, other, language)
    for action in ("propose", "review", "sheet", "status"):
        said = await read_refusal(client, "add_examples", action=action)
        assert other in said and "add_examples(examples=[{" in said and "set_data_source" in said
        assert ("not labelled" if language == "en" else "不逐列標註") in said
