from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from nlp_skills.resources.evaluation import Evaluation
from nlp_skills.resources.foundation.files import append_jsonl, read_json, write_json
from nlp_skills.resources.lineage import track_version
from nlp_skills.resources.task import Constraints, TaskFolder
from nlp_skills.tools.evaluate.report.__main__ import main
from tests.tools.evaluate.report.reporting import (
    Row,
    curves,
    evaluated_as,
    make_trained,
    record_evaluation,
    report,
    rows_of,
)

pytestmark = pytest.mark.worker
Make = Callable[..., TaskFolder]
LABELS = ["positive", "neutral", "negative"]


def third_wrong(place: int, row: Row) -> str | None:
    return "neutral" if place % 3 == 0 else str(row["label"])


def answers(page: Any) -> list[dict[str, Any]]:
    return list(json.loads(page.scripts["answers"])["rows"])


def test_the_report_is_one_file_that_reaches_for_nothing(task: Make) -> None:
    folder = make_trained(task())
    curves(folder)
    path, page = report(folder, record_evaluation(folder, rows_of(LABELS, 30), third_wrong))
    reaching = [
        (tag, attributes)
        for tag, attributes in page.tags
        if attributes.keys() & {"src", "srcset", "data", "action"} or tag in ("link", "base", "iframe")
    ]
    assert reaching == [] and not re.search("https?:", path.read_text(encoding="utf-8"))
    assert all(attributes["href"] and attributes["href"].startswith("#") for tag, attributes in page.tags if tag == "a")
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_row_text_stays_text_everywhere(task: Make) -> None:
    folder = make_trained(task(title="</title><script>alert(1)</script>", goal='"><img src=x onerror=alert(1)>'))
    rows = rows_of(LABELS, 9, lambda at: f"</td></script><script>alert({at})</script> \u2028\u202e", entity="<b>")
    _, page = report(folder, record_evaluation(folder, rows, lambda at, row: None))
    assert {tag for tag, _ in page.tags} & {"img", "b"} <= {"b"}
    assert sorted(page.scripts) == ["", "answers", "words"], "no script but the page's own"
    assert page.text.count("U+202E") == 9 and "\u202e" not in page.text
    assert answers(page)[0]["r"] == "<i>no label</i>"


def test_both_languages_are_there_and_it_opens_in_the_tasks(task: Make) -> None:
    folder = make_trained(task(language="zh-TW"))
    _, page = report(folder, record_evaluation(folder, rows_of(LABELS, 9), third_wrong))
    assert ("html", {"lang": "zh-TW"}) in page.tags
    assert "混淆矩陣" in page.chinese and "混淆矩陣" not in page.english and "Confusion matrix" in page.english
    english, chinese = (
        sum(attributes.get("class") == spoken for _, attributes in page.tags) for spoken in ("en", "zh")
    )
    assert english == chinese > 50


def test_the_summary_says_in_words_where_it_stands(task: Make) -> None:
    folder = make_trained(task())
    _, page = report(folder, record_evaluation(folder, rows_of(LABELS, 90), third_wrong))
    assert "Know good news from bad" in page.text and "you asked for at least 0.800" in page.text
    assert "the simplest method (the majority class)" in page.text
    assert "30 of 30 positive rows called neutral" in page.text


def test_a_version_better_than_everything_is_said_to_be_ready(task: Make) -> None:
    folder = make_trained(task())
    _, page = report(folder, record_evaluation(folder, rows_of(LABELS, 90), lambda at, row: str(row["label"])))
    assert "Goal met." in page.text and "Deploy v1" in page.text
    assert "all 90 rows" in page.text


def test_the_parent_is_compared_with_and_a_difference_by_chance_is_called_not_shown(task: Make) -> None:
    made = task()
    rows = rows_of(LABELS, 60)
    first = make_trained(made)
    record_evaluation(first, rows, third_wrong)
    second = make_trained(made, parent="v1", epochs=5)
    record = record_evaluation(second, rows, lambda at, row: third_wrong(at, row) if at else str(row["label"]))
    _, page = report(second, record)
    assert "Beside v1" in page.text and "is not shown: it may be chance" in page.text
    assert "epochs set to 5" in page.text.lower()
    assert "right now, wrong in v1" in page.text and all("b" in row for row in answers(page))


def test_a_prediction_stands_beside_what_happened(task: Make) -> None:
    folder = make_trained(task(), expects={"metric": "macro_f1", "low": 0.95, "high": 0.99})
    _, page = report(folder, record_evaluation(folder, rows_of(LABELS, 9), lambda at, row: "neutral"))
    assert re.search(r"macro-F1 .*0\.950 .*0\.990.* 0\.167, less than predicted", page.text)


def test_what_a_rented_training_cost_stands_beside_its_estimate_and_an_own_machine_costs_nothing(task: Make) -> None:
    own = make_trained(task())
    _, page = report(own, record_evaluation(own, rows_of(LABELS, 9), third_wrong))
    assert "Cost" not in page.english and "費用" not in page.chinese
    folder = make_trained(own.task)
    write_json(
        folder.reservation_file,
        {
            "version": folder.name,
            "job": "job-1",
            "cost": {"per_hour": 1.01, "low": 0.2, "high": 0.6, "currency": "USD"},
        },
    )
    append_jsonl(
        own.task.spending_file,
        {
            "time": "2026-01-01T00:00:00Z",
            "job": "job-1",
            "what": "cloud",
            "kind": "paid",
            "amount": 0.45,
            "currency": "USD",
        },
    )
    track_version(folder)
    _, page = report(folder, record_evaluation(folder, rows_of(LABELS, 9), third_wrong))
    assert "Cost0.45 USD (estimated 0.20–0.60)" in page.english and "費用0.45 USD（預估 0.20–0.60）" in page.chinese


def test_the_likeliest_cause_and_its_change_are_told(task: Make) -> None:
    folder = make_trained(task(), epochs=8)
    model = read_json(folder.model_info_file)
    write_json(folder.model_info_file, {**model, "training": {**model["training"], "train_loss": 0.9, "epochs": 8.0}})
    _, page = report(folder, record_evaluation(folder, rows_of(LABELS, 30), third_wrong))
    assert re.search(r": not trained long enough\. .*12 epochs instead of 8\.", page.english)
    assert "最可能的原因：訓練不足。訓練輪數從 8 增為 12。" in page.chinese
    assert "The training loss stopped at 0.9" in page.english[page.english.index("The likeliest first") :]


def test_an_on_premise_report_says_so_at_its_head(task: Make) -> None:
    folder = make_trained(task(constraints=Constraints(privacy="on-premise")))
    _, page = report(folder, record_evaluation(folder, rows_of(LABELS, 9), third_wrong))
    assert page.text.index("keep it inside") < page.text.index("In short")


def test_what_an_old_evaluation_lacks_is_left_out(task: Make) -> None:
    folder = make_trained(task())
    record = record_evaluation(folder, rows_of(LABELS, 9), third_wrong).to_dict()
    for name in ("other_decoding", "baselines"):
        record.pop(name)
    for name in ("simplest", "margins", "simplest_wins"):
        record["verdict"].pop(name)
    record["per_class"] = {
        label: {name: value for name, value in figures.items() if name != "intervals"}
        for label, figures in record["per_class"].items()
    }
    for file in (folder.environment_file, folder.events_file):
        file.unlink(missing_ok=True)
    _, page = report(folder, Evaluation.model_validate(record))
    assert "There is nothing to compare it with yet." in page.text
    assert "The training left no curves here." in page.text


def test_answers_that_are_gone_are_said_to_be_gone(task: Make) -> None:
    folder = make_trained(task())
    record = record_evaluation(folder, rows_of(LABELS, 9), third_wrong)
    for file in (folder.root / "predictions").iterdir():
        file.unlink()
    _, page = report(folder, record)
    assert "are missing or were changed" in page.text and "answers" not in page.scripts


@pytest.mark.parametrize(
    "labels",
    [
        ["only"],
        ["(invalid)", "__proto__", "constructor"],
        ['"><img src=x onerror=alert(1)>', "' or 1=1", "\u202eevil"],
        ["標籤" * 100, "🙂", " "],
    ],
)
def test_odd_label_names_and_a_single_label_are_shown(task: Make, labels: list[str]) -> None:
    folder = make_trained(task(labels=labels))
    _, page = report(
        folder,
        record_evaluation(folder, rows_of(labels, 12), lambda at, row: labels[0] if at % 4 else None, labels=labels),
    )
    shown = [row["g"] for row in answers(page)]
    assert shown == [at % len(labels) for at in range(12)]
    assert "img" not in {tag for tag, _ in page.tags}


def test_hundreds_of_labels_give_a_list_of_mistakes_in_place_of_a_matrix(
    task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = [f"label {place}" for place in range(200)]
    folder = make_trained(task(labels=labels))
    record = record_evaluation(folder, rows_of(labels, 400), lambda at, row: labels[at % 7], labels=labels)
    path, page = report(folder, record)
    assert "200 labels" in page.text
    assert path.stat().st_size < 2_000_000


def test_very_long_texts_are_cut_and_a_file_has_a_limit(task: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlp_skills.tools.evaluate.report.errors._MOST_CHARACTERS", 20_000)
    folder = make_trained(task())
    rows = rows_of(LABELS, 9, lambda at: f"{at} " + "長" * 100_000)
    path, page = report(folder, record_evaluation(folder, rows, third_wrong))
    kept = answers(page)
    assert len(kept) == 4 and all(len(row["t"]) == 5_000 and row["l"] > 100_000 for row in kept)
    assert {0, 3, 6} <= {row["n"] - 1 for row in kept}, "the wrong ones stay"
    assert "5 rows are left out" in page.text
    assert path.stat().st_size < 300_000


def test_curves_of_one_point_and_values_that_are_no_number_do_no_harm(task: Make) -> None:
    folder = make_trained(task())
    append_jsonl(folder.events_file, {"kind": "progress", "step": 1, "measures": {"loss": 1.5}})
    folder.events_file.write_text(
        folder.events_file.read_text("utf-8")
        + json.dumps({"kind": "progress", "step": 2, "measures": {"loss": float("nan")}})
        + "\n",
        encoding="utf-8",
    )
    _, page = report(folder, record_evaluation(folder, rows_of(LABELS, 9), third_wrong))
    assert json.loads(page.scripts["chart-loss"])["series"][0]["points"] == [[1, 1.5]]


def test_the_data_report_tells_rows_lengths_remarks_and_sources(make_task: Callable[..., TaskFolder]) -> None:
    made = make_task()
    [root] = [path for path in made.snapshots.iterdir() if path.is_dir()]
    validation = read_json(root / "validation.json")
    validation["warnings"] = [
        {
            "code": "duplicates_removed",
            "count": 7,
            "examples": [],
            "message": {"en": "7 exact duplicates were removed.", "zh": "已移除 7 筆完全重複的資料。"},
        }
    ]
    validation["accepted"] = [
        {
            "code": "personal_card",
            "count": 2,
            "examples": [],
            "message": {"en": "2 texts hold a credit card number.", "zh": "有 2 筆文字含有信用卡號。"},
            "decision": {"reason": "<b>test</b> cards", "by": "ann", "at": "2026-01-06T14:00:00Z"},
        }
    ]
    write_json(root / "validation.json", validation)
    write_json(root / "manifest.json", {**read_json(root / "manifest.json"), "raw": ["c" * 64]})
    write_json(
        made.raw / ("c" * 12) / "source.json",
        {
            "origin": "postgresql://ann:hunter22@db/news",
            "count": 130,
            "fetched": "2026-01-06T14:00:00Z",
            "source": {"type": "database"},
        },
    )
    folder = make_trained(made)
    write_json(
        folder.data_snapshot_file,
        {**read_json(folder.data_snapshot_file), "hash": read_json(root / "manifest.json")["hash"]},
    )
    _, page = report(folder, record_evaluation(folder, rows_of(LABELS, 9), third_wrong, benchmark="other"))
    assert "7 exact duplicates were removed." in page.text and "median" in page.text
    assert (
        "2 texts hold a credit card number" in page.text
        and "Accepted by ann" in page.text
        and "<b>test</b> cards" in page.text
    )
    assert "database" in page.text and "130" in page.text and "hunter22" not in page.text


def test_a_report_can_be_written_again_by_hand(task: Make, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_trained(task())
    assert main([str(folder.task.root), "v1"]) == 1
    assert "has not been evaluated yet" in capsys.readouterr().err
    record_evaluation(folder, rows_of(LABELS, 9), third_wrong)
    assert main([str(folder.task.root), "v1"]) == 0
    assert capsys.readouterr().out.strip() == str(folder.report_file) and folder.report_file.is_file()


@pytest.mark.parametrize(
    ("kind", "columns", "missing", "extra"),
    [
        ("extraction", ("parts wanted", "應擷取的片段"), {"company: <Acme>\n"}, {"person: Bo\n"}),
        ("generation", ("wanted", "標準答案"), {"big"}, {"small", "<", ">"}),
        ("preference", ("preferred answer", "較佳的回答"), set(), set()),
    ],
)
def test_answers_that_are_no_labels_stand_beside_what_was_wanted_with_their_differences_marked(
    task: Make, kind: Any, columns: tuple[str, str], missing: set[str], extra: set[str]
) -> None:
    folder = make_trained(task(type=kind, labels=["person", "company"] if kind == "extraction" else []))
    _, page = report(folder, evaluated_as(kind, folder))
    assert columns[0] in page.english and columns[1] in page.chinese
    assert "Confusion matrix" not in page.text and ("By label" in page.text) == (kind == "extraction")
    wrong, right = answers(page)
    assert not wrong["ok"] and right["ok"]
    assert {text for text, marked in wrong["G"] if marked} == missing
    assert {text for text, marked in wrong["P"] if marked} == extra
    assert not any(marked for _, marked in (*right["G"], *right["P"]))
    marks = [attributes.get("class") for tag, attributes in page.tags if tag == "mark"]
    assert marks.count("missing") == len(missing) and marks.count("extra") == len(extra)
    if kind == "preference":
        assert wrong["P"][0][0] == "No.\n(-0.250)" and right["P"][0][0].endswith("(+0.250)")


def test_two_versions_that_write_are_compared_in_the_page(task: Make) -> None:
    made = task(type="generation", labels=[])
    first, second = make_trained(made), make_trained(made, parent="v1")
    evaluated_as("generation", first, right=0)
    _, page = report(second, evaluated_as("generation", second, right=0))
    assert answers(page)[0]["b"] is False and "chrF" in page.english and "Beside v1" in page.english
