"""What is lost on the way is the first thing that is said, with the rows, the reason and what fixes it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import DataError
from nlp_skills.resources.foundation.files import dump_jsonl, read_json, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.left_out import rows_in_words
from nlp_skills.tools.data.places import Places, PlacesOf
from tests.tools.data.conftest import Rows, sentences
from tests.tools.data.misbehaving import Peer, as_json

Prepare = Callable[..., dict[str, Any]]


def write_rows(task: TaskFolder, rows: Rows, name: str = "客訴.csv", **settings: Any) -> None:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    (task.root / name).write_text(out.getvalue(), encoding="utf-8")
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": name}], **settings})


def read_list(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def with_gaps(count: int, every: int) -> Rows:
    """Rows with a key of their own, of which every so many has no label."""
    return [
        {"單號": f"A{at}", **row, "label": "" if at % every == 0 else row["label"]}
        for at, row in enumerate(sentences(count))
    ]


def test_the_first_sentence_says_how_many_can_be_used_which_not_why_and_what_mends_it(
    task: TaskFolder, prepare: Prepare
) -> None:
    write_rows(task, with_gaps(60, 20))
    result = prepare()

    assert result["message"]["en"].startswith(
        "57 of 60 rows can be used: 3 have no label (rows 2, 22, 42). Fill in the column label there, or delete what"
    )
    assert result["message"]["zh"].startswith(
        "60 列裡可以用的有 57 列：3 列沒有標籤（第 2、22、42 列）。請補上這些列的「label」欄"
    )
    assert result["left_out"]["count"] == 3 and result["left_out"]["reasons"][0]["where"] == "rows 2, 22, 42"
    assert "fetched" not in result["message"]["en"]


def test_a_file_lists_the_rows_to_mend_and_goes_when_they_are_mended(task: TaskFolder, prepare: Prepare) -> None:
    rows = with_gaps(60, 20)
    write_rows(task, rows)
    to_mend = Path(prepare()["left_out"]["file"])
    assert [(row["row"], row["key"], row["text"], row["label"]) for row in read_list(to_mend)] == [
        (str(at + 2), f"A{at}", rows[at]["text"], "") for at in (0, 20, 40)
    ]
    assert all("no label" in row["reason"] and "沒有標籤" in row["reason"] for row in read_list(to_mend))

    write_rows(task, [{**row, "label": row["label"] or "正面"} for row in rows])
    assert "left_out" not in prepare() and not to_mend.exists()


def test_a_masked_file_and_answers_on_premise_hold_numbers_and_no_text(task: TaskFolder, prepare: Prepare) -> None:
    with task.change() as changed:
        changed.constraints.privacy = "on-premise"
    write_rows(
        task,
        [*with_gaps(60, 20), {"單號": "B1", "text": "極機密併購", "entity": "祕密公司", "label": ""}],
        quality={"masked": True},
    )
    result = prepare()

    assert "極機密" not in str(result) and "祕密公司" not in str(result) and "row" in result["message"]["en"]
    shown = read_list(task.data / "rows_to_mend.csv")
    assert [row["row"] for row in shown] == ["2", "22", "42", "62"]
    assert shown[-1]["text"] == "•••••" and shown[-1]["key"] == "B1"


def test_more_than_a_persons_share_stops_and_a_reason_lets_it_through(task: TaskFolder, prepare: Prepare) -> None:
    write_rows(task, with_gaps(60, 4), quality={"max_left_out": 0.2})
    with pytest.raises(DataError) as stopped:
        prepare()

    assert stopped.value.problem.en.startswith("45 of 60 rows")
    assert "max_left_out (20%)" in stopped.value.problem.en and "rows_left_out" in stopped.value.fix.en
    assert not (task.data / "current.json").exists() and len(read_list(task.data / "rows_to_mend.csv")) == 15
    result = prepare(accept={"rows_left_out": "the rest is labelled next week"})
    assert sum(result["counts"].values()) == 45 and result["accepted"][0]["code"] == "rows_left_out"
    prepare()  # the decision stands for as many rows


def test_rows_that_lost_a_column_half_way_are_no_duplicates(server: Peer, task: TaskFolder, prepare: Prepare) -> None:
    rows = sentences(130)
    rows = [
        row if at < 50 else {"body": row["text"], "entity": row["entity"], "label": row["label"]}
        for at, row in enumerate(rows)
    ]
    url = server.serve(
        "/rows", lambda asked: as_json(rows[25 * int(asked.params["page"]) - 25 : 25 * int(asked.params["page"])])
    )
    write_yaml(
        task.data_source_file,
        {
            "sources": [{"type": "api", "endpoint": url, "pagination": {"type": "page"}}],
            "quality": {"max_left_out": 0.9},
        },
    )
    result = prepare()

    assert result["message"]["en"].startswith(
        "50 of 130 rows can be used: 80 have no column text, but body instead (rows 1–25 of "
        "page 3; rows 1–25 of page 4; rows 1–25 of page 5; rows 1–5 of page 6)."
    )
    assert result["duplicates_removed"] == 0


def test_an_api_that_gives_less_than_it_says_it_has_is_told_in_the_answer(
    server: Peer, task: TaskFolder, prepare: Prepare
) -> None:
    url = server.serve("/rows", as_json({"meta": {"total": 130}, "data": sentences(25)}))
    write_yaml(task.data_source_file, {"sources": [{"type": "api", "endpoint": url}]})
    said = prepare()["message"]

    assert all(count in said["en"] for count in ("130 rows", "25", "105")) and "少了 105 筆" in said["zh"]
    server.serve("/rows", as_json({"meta": {"total": 25}, "data": sentences(25)}))
    assert "missing" not in prepare()["message"]["en"]


def test_a_source_that_shrinks_sharply_stops_and_asks(task: TaskFolder, prepare: Prepare) -> None:
    write_rows(task, sentences(102))
    before = prepare()["snapshot"]
    write_rows(task, sentences(3))
    with pytest.raises(DataError, match="gave 102 records before and 3 now"):
        prepare()

    assert read_json(task.data / "current.json")["hash"] == before
    assert sum(prepare(accept={"source_shrank": "the old year is over"})["counts"].values()) == 3
    write_rows(task, sentences(2))
    prepare()  # so few that one more or less is no news


def test_every_row_of_a_finding_stands_in_its_file_with_the_sources_key_and_number(
    task: TaskFolder, prepare: Prepare
) -> None:
    rows = [{"單號": f"A{at}", **row} for at, row in enumerate(sentences(60))]
    short = [
        {"單號": f"S{at}", "text": letter, "entity": letter, "label": "正面"}
        for at, letter in enumerate("甲乙丙丁戊己庚辛")
    ]
    write_rows(task, [*rows, *short, {**rows[0], "單號": "again"}])
    found = {one["code"]: one for one in prepare()["warnings"]}

    assert found["too_short"]["count"] == 8 and found["too_short"]["examples"][0]["row"] in range(62, 70)
    too_short = read_list(task.root / found["too_short"]["file"])
    assert sorted((row["key"], int(row["row"])) for row in too_short) == [(f"S{at}", 62 + at) for at in range(8)]
    [twice] = read_list(task.root / found["duplicates_removed"]["file"])
    assert (twice["key"], twice["row"]) == ("again", "70")


def test_what_could_be_a_persons_number_is_no_key(task: TaskFolder, prepare: Prepare) -> None:
    write_rows(
        task,
        [
            {"電話": f"0912-345-{at:03d}", "序": f"第{at}件", **row, "label": "" if at == 7 else row["label"]}
            for at, row in enumerate(sentences(30))
        ],
    )
    prepare()

    assert read_list(task.data / "rows_to_mend.csv")[0]["key"] == "第7件"


def test_both_rows_of_a_contradiction_are_found_by_their_numbers(task: TaskFolder, prepare: Prepare) -> None:
    rows = sentences(30)
    write_rows(task, [*rows, rows[0], {**rows[0], "label": "負面"}])
    with pytest.raises(DataError) as stopped:
        prepare()

    found = stopped.value.details["errors"][0]
    assert str(task.root / found["file"]) in stopped.value.fix.en
    assert [(row["row"], row["label"]) for row in read_list(task.root / found["file"])] == [
        ("2", "正面"),
        ("33", "負面"),
    ]


def test_findings_of_rows_edited_by_hand_name_the_line_too(task: TaskFolder, prepare: Prepare) -> None:
    from nlp_skills.tools.data.snapshot import current_snapshot

    write_rows(task, [{"單號": f"A{at}", **row} for at, row in enumerate(sentences(60))])
    prepare()
    lines = (task.data / "train.jsonl").read_text(encoding="utf-8").splitlines()
    lines[4] = lines[4].replace("正面", "奇怪").replace("中性", "奇怪").replace("負面", "奇怪")
    (task.data / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError):
        current_snapshot(task)

    [row] = read_list(task.data / "findings" / "unknown_label.csv")
    assert row["line"] == "5" and row["key"].startswith("A") and row["split"] == "train"


def test_many_rows_are_named_by_their_first_runs() -> None:
    places = Places()
    for row in (*range(3, 9), 12, *range(20, 40, 2)):
        places.at(row)

    said = rows_in_words(PlacesOf(places.runs(17)), range(1, 18), "")
    assert said.en == "rows 3–8, 12, 20, 22, 24 and 7 more" and said.zh == "第 3–8、12、20、22、24 列，另有 7 列"


def test_a_first_look_says_it_too(task: TaskFolder, job: Any) -> None:
    from nlp_skills.tools.data.preview import preview

    write_rows(task, with_gaps(60, 20))
    assert preview(task, job)["message"]["en"].startswith(
        "57 of 60 rows can be used: 3 have no label (rows 2, 22, 42)."
    )
    write_rows(task, with_gaps(1000, 20))
    assert "of the first 1,000 rows can be used" in preview(task, job)["message"]["en"]
    (task.root / "rows.jsonl").write_bytes(dump_jsonl(sentences(30)))


def test_rows_that_wait_for_a_label_are_told_beside_those_that_have_one(task: TaskFolder, prepare: Prepare) -> None:
    write_rows(task, with_gaps(60, 20))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "客訴.csv", "unlabelled": True}]})
    said = prepare()["message"]

    assert "3 rows" in said["en"] and "另有 3 列沒有標籤" in said["zh"]


def test_a_column_that_the_mapping_names_and_that_is_not_there_is_named(task: TaskFolder, prepare: Prepare) -> None:
    write_rows(task, sentences(30))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "客訴.csv", "mapping": {"text": "內容"}}]})
    with pytest.raises(DataError) as caught:
        prepare()

    assert "mapping 寫的是「內容」" in caught.value.problem.zh and "'內容'" in caught.value.problem.en


def test_a_file_whose_first_row_is_taken_for_names_is_met_with_the_setting(task: TaskFolder, prepare: Prepare) -> None:
    (task.root / "c.txt").write_text("公司甲的營收創新高，市場看好。\n公司乙的獲利下滑，股價走弱。\n", encoding="utf-8")
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "c.txt"}]})
    with pytest.raises(DataError) as caught:
        prepare()

    assert "header: 0" in caught.value.fix.zh and "header: 0" in caught.value.fix.en


def test_what_is_no_csv_is_told_in_the_persons_words(task: TaskFolder, prepare: Prepare) -> None:
    (task.root / "客訴.csv").write_text('text,entity,label\n"a"b,c,正面\n', encoding="utf-8")
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "客訴.csv"}]})
    with pytest.raises(DataError) as caught:
        prepare()

    assert "結束的引號和分隔符號之間還有別的字" in caught.value.problem.zh
