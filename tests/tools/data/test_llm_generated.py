from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation.errors import NlpSkillsError
from nlp_skills.resources.foundation.files import dump_jsonl, read_json, read_jsonl, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.benchmark import frozen_benchmark
from nlp_skills.tools.data.snapshot import current_snapshot
from nlp_skills.tools.data.source import source_kind
from nlp_skills.tools.data.watching import Watch
from tests.tools.data.conftest import Rows, sentences
from tests.tools.data.misbehaving import Asked, Peer, Said, as_json, first

LABELS = ("正面", "中性", "負面")
SUBJECTS = "公車圖書館醫院餐廳旅館銀行學校市場劇場工廠農場機場港口車站郵局書店花店球場公園泳池"


class Writer:
    """A model that writes rows: each different from all before, or what `spoil` makes of them."""

    def __init__(self) -> None:
        self.written = 0
        self.spoil: Any = lambda rows: rows

    def __call__(self, asked: Asked) -> Said:
        body = json.loads(asked.body)
        system = body["messages"][0]["content"]
        label = next(label for label in LABELS if f"「{label}」" in system)
        wanted = int(re.search(r"寫 (\d+) 筆", system)[1])  # type: ignore[index]
        rows = self.spoil([self.row(label) for _ in range(wanted)])
        content = rows if isinstance(rows, str) else json.dumps({"rows": rows}, ensure_ascii=False)
        return completion(content)

    def row(self, label: str) -> dict[str, str]:
        self.written += 1
        number = self.written
        entity = f"{SUBJECTS[number % 20 * 2 : number % 20 * 2 + 2]}{number}號"
        middle = "".join(chr(0x4E00 + (number * 7919 + step * 104729) % 6000) for step in range(14))
        return {"text": f"{entity}：{middle}。", "entity": entity, "label": label}


def completion(content: str) -> Said:
    return as_json(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "writer-1",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 400, "total_tokens": 500},
        }
    )


@pytest.fixture
def writer(server: Peer) -> Writer:
    model = Writer()
    server.serve("/v1/chat/completions", model)
    return model


def fields(server: Peer, **more: Any) -> dict[str, Any]:
    return {
        "type": "llm_generated",
        "prompt_template": "生成 {count} 筆金融情感分析訓練資料",
        "model": "writer",
        "count": 30,
        "rows_per_request": 5,
        "base_url": f"{server.url}/v1",
        "retries": 1,
        **more,
    }


def records(task: TaskFolder, watch: Watch | None = None, **given_fields: Any) -> Rows:
    source = source_kind(Source.model_validate(given_fields), 0)
    return [record for batch in source.batches(task.root, "sources[0]", watch) for record in batch]


def refusal(task: TaskFolder, **given_fields: Any) -> NlpSkillsError:
    with pytest.raises(NlpSkillsError) as caught:
        records(task, **given_fields)
    assert caught.value.problem.zh and caught.value.fix.zh
    return caught.value


def test_the_rows_are_shared_out_over_the_labels(server: Peer, writer: Writer, task: TaskFolder) -> None:
    watch = Watch(agreed=True)
    rows = records(task, watch, **fields(server), price_per_million_input=1, price_per_million_output=10)

    assert Counter(row["label"] for row in rows) == {"正面": 10, "中性": 10, "負面": 10}
    assert json.loads(server.asked[0].body)["messages"][1]["content"] == "生成 5 筆金融情感分析訓練資料"
    assert watch.provenance["input_tokens"] == 600 and watch.provenance["output_tokens"] == 2400
    assert watch.provenance["cost"] == round((600 + 24000) / 1e6, 4)


def test_what_is_needed_is_asked_for_and_no_more(server: Peer, writer: Writer, task: TaskFolder) -> None:
    rows = records(task, **fields(server, count=6, rows_per_request=20))

    assert Counter(row["label"] for row in rows) == {"正面": 2, "中性": 2, "負面": 2}
    assert writer.written == 6 and len(server.asked) == 3
    assert json.loads(server.asked[0].body)["messages"][1]["content"] == "生成 2 筆金融情感分析訓練資料"


def test_after_rejections_only_the_missing_rows_are_asked_for(server: Peer, writer: Writer, task: TaskFolder) -> None:
    writer.spoil = lambda rows: [*rows[:-1], {**rows[-1], "label": "憤怒"}] if len(rows) > 2 else rows

    assert len(records(task, **fields(server, per_label={"正面": 5}))) == 5
    assert [json.loads(asked.body)["messages"][1]["content"][3] for asked in server.asked] == ["5", "1"]


def test_rejections_are_counted_by_label_and_the_shortfall_is_told_first(
    server: Peer, writer: Writer, task: TaskFolder, prepare: Any
) -> None:
    (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(60)))
    writer.spoil = lambda rows: (
        [*rows[:1], *({**row, "text": ""} for row in rows[1:])] if rows[0]["label"] == "負面" else rows
    )
    write_yaml(task.data_source_file, {"sources": [fields(server), {"type": "file", "path": "news.jsonl"}]})
    result = prepare()

    assert set(result["spent"][0]["rejected_by_label"]) == {"負面"} and len(result["spent"]) == 1
    assert (
        "writer wrote 26 of 30 rows (負面: 6 of 10, 4 missing, rejected: 24 because text is missing"
        in result["message"]["en"]
    )
    assert "writer 應寫 30 列，得到 26 列" in result["message"]["zh"]
    assert result["message"]["zh"].index("應寫") < result["message"]["zh"].index("訓練")


def test_quotas_of_labels_are_kept(server: Peer, writer: Writer, task: TaskFolder) -> None:
    rows = records(task, **fields(server, per_label={"負面": 7, "正面": 2}))

    assert Counter(row["label"] for row in rows) == {"負面": 7, "正面": 2}
    assert refusal(task, **fields(server, per_label={"憤怒": 3})).field == "sources[0].per_label"


def test_nothing_is_paid_for_twice(server: Peer, writer: Writer, task: TaskFolder) -> None:
    dies = first(100, Said(status=500), writer)
    server.serve("/v1/chat/completions", lambda asked: writer(asked) if len(server.asked) < 4 else dies(asked))
    assert "kept" in refusal(task, **fields(server, retries=0)).fix.en
    paid = len(list((task.data / "generation").iterdir()))

    server.serve("/v1/chat/completions", writer)
    before, watch = len(server.asked), Watch()
    rows = records(task, watch, **fields(server))
    assert len(rows) == 30 and paid == 3
    assert len(server.asked) - before == 3 == watch.provenance["answers_kept"]
    assert records(task, **fields(server)) == rows and len(server.asked) - before == 3
    assert records(task, **fields(server, round=2)) != rows


def test_near_copies_are_rejected_and_asked_for_again(server: Peer, writer: Writer, task: TaskFolder) -> None:
    writer.spoil = lambda rows: (
        [*rows[:3], rows[0], {**rows[1], "text": rows[1]["text"] + "！"}][: len(rows)] if len(rows) > 1 else rows
    )
    watch = Watch()
    rows = records(task, watch, **fields(server))

    assert len(rows) == 30 and watch.provenance["rejected"]["near_copy"] >= 6


def test_copies_of_the_benchmark_never_come_in(server: Peer, writer: Writer, task: TaskFolder, prepare: Any) -> None:
    (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(60)))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "news.jsonl"}]})
    prepare()
    held = frozen_benchmark(task).rows()
    writer.spoil = lambda rows: [{**held[0], "text": held[0]["text"] + "。", "label": rows[0]["label"]}, *rows[1:]]

    assert held[0]["text"] not in {row["text"].removesuffix("。") + "。" for row in records(task, **fields(server))}


def test_written_rows_only_train_and_real_ones_are_never_copied(
    server: Peer, writer: Writer, task: TaskFolder, prepare: Any
) -> None:
    real = sentences(60)
    (task.root / "news.jsonl").write_bytes(dump_jsonl(real))
    writer.spoil = lambda rows: [
        {**real[1], "text": real[1]["text"].replace("本季", "本 季")}
        if len(rows) > 1 and rows[0]["label"] == real[1]["label"]
        else rows[0],
        *rows[1:],
    ]
    write_yaml(
        task.data_source_file, {"sources": [fields(server, name="written"), {"type": "file", "path": "news.jsonl"}]}
    )
    result = prepare()

    snapshot = current_snapshot(task)
    by_split = {
        name: Counter(bool(row.get("synthetic")) for row in snapshot.rows(name)) for name in ("train", "valid", "test")
    }
    assert by_split["valid"][True] == by_split["test"][True] == 0
    assert by_split["train"][True] == 29 and by_split["train"][False] == 42
    assert "synthetic_left_out" in {found["code"] for found in result["warnings"]}
    raw = read_json(Path(result["raw"][0]) / "source.json")
    assert raw["provenance"]["requests"] == 7 and raw["source"]["model"] == "writer"


def test_a_tenth_is_reviewed_and_what_a_person_refuses_is_left_out(
    server: Peer, writer: Writer, task: TaskFolder, prepare: Any
) -> None:
    write_yaml(task.data_source_file, {"sources": [fields(server, count=150, rows_per_request=25)]})
    result = prepare()
    sheet = Path(result["review"][0])
    assert str(sheet) in result["message"]["en"] and str(sheet) in result["message"]["zh"]
    rows = list(csv.DictReader(sheet.read_text("utf-8-sig").splitlines()))
    assert 5 <= len(rows) <= 30 and list(rows[0]) == ["keep", "id", "text", "entity", "label"]

    with sheet.open("w", encoding="utf-8", newline="") as file:
        file.write("keep,id,text\r\n" + f"否,{rows[0]['id']},x\r\nyes,{rows[1]['id']},x\r\n")
    again = prepare()
    assert sum(again["counts"].values()) == 149 and "否" in sheet.read_text("utf-8")
    assert again["changes"]["removed"] == {rows[0]["label"]: 1}
    trained = {row["id"] for row in read_jsonl(task.data / "train.jsonl")}
    assert rows[0]["id"][1:] not in trained and rows[1]["id"][1:] in trained


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda rows: "對不起，我不能協助。", "no JSON"),
        (lambda rows: [{"text": row["text"]} for row in rows], "entity is missing"),
        (lambda rows: [{**row, "label": "憤怒"} for row in rows], "than was asked for"),
        (lambda rows: [{**row, "text": ""} for row in rows], "text is missing"),
        (lambda rows: [{**row, "entity": "不在文中"} for row in rows], "its entity"),
        (lambda rows: '{"rows": [{"text": "被切斷', "no JSON"),
    ],
)
def test_answers_that_are_no_rows_end_the_run_with_the_reason(
    server: Peer, writer: Writer, task: TaskFolder, spoil: Any, reason: str
) -> None:
    writer.spoil = spoil
    error = refusal(task, **fields(server))

    assert reason in error.problem.en and error.field == "sources[0].prompt_template" and len(server.asked) == 3


def test_a_busy_server_is_asked_again_when_it_says_and_one_that_trips_too(
    server: Peer, writer: Writer, task: TaskFolder
) -> None:
    busy = as_json({"error": {"message": "slow down"}}, 429, Retry_After="1")
    server.serve("/v1/chat/completions", first(1, busy, first(1, Said(status=500), writer)))

    assert len(records(task, **fields(server, retries=3))) == 30
    assert server.asked[1].at - server.asked[0].at >= 0.9


@pytest.mark.parametrize(
    "bad",
    [
        Said(b'{"choices": [{"mess', headers={"Content-Type": "application/json"}),
        Said(b"<html>a login page</html>", headers={"Content-Type": "text/html"}),
        Said(b'{"id": "1", "choices": []' + b" " * 500 + b"}", cut=30, headers={"Content-Type": "application/json"}),
        as_json({"object": "list", "data": []}),
        as_json(["no", "completion"]),
    ],
)
def test_a_broken_answer_ends_the_run_and_is_neither_kept_nor_paid_again(
    server: Peer, writer: Writer, task: TaskFolder, bad: Said
) -> None:
    server.serve("/v1/chat/completions", lambda asked: writer(asked) if len(server.asked) < 3 else bad)
    assert "kept" in refusal(task, **fields(server, retries=0)).fix.en
    assert len(list((task.data / "generation").iterdir())) == 2
    before = len(server.asked)
    server.serve("/v1/chat/completions", writer)
    assert len(records(task, **fields(server))) == 30 and len(server.asked) - before == 4
