"""Sources that cost something, and the last cases of sources."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.cases.conftest import Office, Rows, dump_lines, invent_words, on_this_machine, texts
from tests.cases.test_sources import LABELS, SAVED, prepare_data, rows_of, table_of
from tests.tools.data.misbehaving import Asked, Peer, Said, as_json

pytestmark = pytest.mark.anyio


class Writer:
    """A model that writes what it is asked for, or with `spoil` something else."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.spoil: Callable[[str, Rows], Rows] = lambda label, rows: rows

    def __call__(self, asked: Asked) -> Said:
        prompt = " ".join(str(message["content"]) for message in json.loads(asked.body)["messages"])
        label = next(label for label in ("正面", "中性", "負面") if f"「{label}」" in prompt)
        wanted = int(re.search(r"(?:寫|write) (\d+)", prompt)[1])  # type: ignore[index]
        begin = sum(count for _, count in self.asked)
        self.asked.append((label, wanted))
        rows = self.spoil(
            label,
            [
                {"text": f"{invent_words(number, 7)}，這是第{number}則。", "label": label}
                for number in range(begin, begin + wanted)
            ],
        )
        return as_json(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "writer",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": json.dumps({"rows": rows}, ensure_ascii=False)},
                    }
                ],
                "usage": {"prompt_tokens": 100, "completion_tokens": 100 * wanted, "total_tokens": 100 + 100 * wanted},
            }
        )


def written_by(server: Peer, **fields: Any) -> dict[str, Any]:
    return on_this_machine(
        "llm_generated",
        prompt_template="生成 {count} 筆財經新聞",
        model="writer",
        base_url=f"{server.url}/v1",
        **fields,
    )


async def test_e5_what_is_needed_is_asked_for_and_what_is_asked_for_is_paid(office: Office, server: Peer) -> None:
    await office.begin(language="zh-TW", labels=["正面", "中性", "負面"])
    writer = Writer()
    server.serve("/v1/chat/completions", writer)
    told = await office.connect_to(
        written_by(server, count=6, price_per_million_input=1000, price_per_million_output=1000), confirm=True
    )
    told = await office.prepare(confirm=True)
    asked = sum(count for _, count in writer.asked)
    assert asked == 6, writer.asked
    spent = [json.loads(line) for line in (office.folder / "spending.jsonl").read_text("utf-8").splitlines()]
    paid = sum(line["amount"] for line in spent if line.get("kind") == "paid")
    assert paid == pytest.approx((100 * len(writer.asked) + 100 * asked) * 1000 / 1e6)
    assert len(writer.asked) <= 3 and told.message


async def test_e5_the_spending_stops_at_the_sum_agreed_to(office: Office, server: Peer) -> None:
    """The model repeats itself, so that more would have to be asked for than was agreed to."""
    await office.begin(language="zh-TW", labels=["正面", "中性", "負面"])
    writer = Writer()
    writer.spoil = lambda label, rows: [{"text": "每次都一樣的一句話，沒有別的。", "label": label}] * len(rows)
    server.serve("/v1/chat/completions", writer)
    priced = written_by(
        server, count=30, rows_per_request=5, price_per_million_input=1000, price_per_million_output=1000
    )
    offered = await office.connect_to(priced)
    sums = [float(found) for found in re.findall(r"\d+\.\d+", offered.message)]
    await office.connect_to(priced, confirm=True)
    await office.prepare(confirm=True)
    spending = office.folder / "spending.jsonl"
    paid = sum(
        line.get("amount", 0)
        for line in map(json.loads, spending.read_text("utf-8").splitlines())
        if line.get("kind") == "paid"
    )
    assert sums and paid <= max(sums)


async def test_e5_rejections_are_counted_per_label_and_the_shortfall_is_in_the_headline(
    office: Office, server: Peer
) -> None:
    await office.begin(language="zh-TW", labels=["正面", "中性", "負面"])
    writer = Writer()
    writer.spoil = lambda label, rows: (
        [{**row, "text": "每次都一樣的一句話，沒有別的。"} for row in rows] if label == "負面" else rows
    )
    server.serve("/v1/chat/completions", writer)
    told = await prepare_data(office, written_by(server, count=30, rows_per_request=10))
    if told.next_tool == "prepare_data":
        told = await office.prepare(confirm=True)
    assert "負面" in told.message[:200]
    assert re.search(r"(?<!\d)9(?!\d)", told.everything)  # of 10 for that label, 9 repeat the first


# E6


@pytest.mark.parametrize(
    "beside",
    [{"errors": []}, {"warnings": [], "facets": []}, {"included": [], "links": {"next": None}}],
    ids=["errors", "two", "included"],
)
@pytest.mark.parametrize("place", ["items", "data", "result.rows"])
async def test_e6_an_empty_list_does_not_win_over_the_full_one(
    office: Office, server: Peer, place: str, beside: dict[str, Any]
) -> None:
    rows: Any = rows_of(60)
    for name in reversed(place.split(".")):
        rows = {name: rows}
    await office.begin(labels=LABELS)
    told = await prepare_data(
        office, on_this_machine("api", endpoint=server.serve("/rows", as_json({**beside, **rows})))
    )
    assert not told.refused, told.message
    assert len(office.rows()) == 60


async def test_e6_one_source_can_be_fetched_before_the_others_ever_were(office: Office, server: Peer) -> None:
    await office.begin(labels=LABELS)
    path = office.put("notes.jsonl", dump_lines(rows_of(60)))
    broken = on_this_machine("api", endpoint=server.serve("/rows", Said(status=500)), retries=0, retry_seconds=0.01)
    await office.connect_to({"type": "file", "path": str(path)}, broken)
    told = await office.prepare(source=0)
    assert not told.refused, told.message
    assert len(office.rows()) == 60


@pytest.mark.parametrize(
    ("language", "said"), [("en", r"hour|60 minutes|\d{1,2}:\d\d"), ("zh-TW", r"小時|60 分鐘|\d{1,2}:\d\d")]
)
async def test_e6_a_server_that_wants_an_hour_is_told_with_the_hour(
    office: Office, server: Peer, language: str, said: str
) -> None:
    await office.begin(language=language, labels=LABELS)
    address = server.serve("/rows", as_json({}, 429, Retry_After="3600"))
    told = await office.connect_to(on_this_machine("api", endpoint=address, retry_seconds=0.01))
    assert told.refused and re.search(said, told.message)


async def test_e6_kappa_of_four_rows_is_not_shown(office: Office) -> None:
    await office.begin(labels=["ask", "thank"])
    rows = [{"text": f"Note {number} on {invent_words(number, 5)}"} for number in range(4)]
    await office.connect(office.put("notes.jsonl", dump_lines(rows)), unlabelled=True)
    await office.prepare()
    answers = []
    for person, which in (("Ann", "open"), ("Ben", "second")):
        shown = await office(
            "add_examples", task=office.name, action="review", by=person, settings={"which": which}, count=4
        )
        assert len(shown.content["rows"]) == 4, shown.message
        answers.append(
            await office(
                "add_examples",
                task=office.name,
                action="review",
                by=person,
                settings={"which": which},
                examples=[
                    {"id": row["id"], "label": ["ask", "thank"][(place + (person == "Ben" and place == 3)) % 2]}
                    for place, row in enumerate(shown.content["rows"])
                ],
            )
        )
    answers.append(await office("add_examples", task=office.name, action="status"))
    assert not any(told.refused for told in answers)
    told = answers[-1]
    assert not re.search("kappa|κ", told.message, re.IGNORECASE)
    assert not re.search(r'"kappa": ?-?\d', told.everything)


@pytest.mark.parametrize("save", SAVED)
async def test_e3_refusals_of_written_rows_come_back_from_excel(office: Office, server: Peer, save: str) -> None:
    await office.begin(language="zh-TW", labels=["正面", "中性", "負面"])
    writer = Writer()
    server.serve("/v1/chat/completions", writer)
    await prepare_data(office, written_by(server, count=90, rows_per_request=10))
    if not office.rows():  # a price or the like is to be agreed to
        await office.prepare(confirm=True)
    [sheet] = (office.folder / "data" / "review").glob("*.csv")
    head, *body = table_of(sheet)
    keep, text = head.index("keep"), head.index("text")
    refused = [row[text] for row in body[:3]]
    for row in body[:3]:
        row[keep] = "否"
    sheet.unlink()
    SAVED[save]([head, *body], sheet)
    told = await office.prepare(confirm=True)
    assert not told.refused, told.message
    assert len(office.rows()) == 87 and not texts(office.rows()) & set(refused)
