from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import ConflictError, DataError
from nlp_skills.resources.foundation.files import read_json, read_yaml, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.labelling import importing
from nlp_skills.tools.data.labelling.decisions import log_file
from nlp_skills.tools.data.regenerate import regenerate
from tests.tools.data.labelling.conftest import RULES, Do, kind_of, make_unlabelled, texts


def fill_sheet(do: Do, decide: Any, **wish: Any) -> Path:
    """A sheet as a person gives it back: `decide` says what stands under `decision` for each row."""
    sheet = Path(do("sheet", **wish).files["csv"])
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    back = sheet.parent / "back.csv"
    with back.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "decision": decide(row)} for row in rows)
    return back


def test_a_sheet_comes_back_with_yes_no_labels_and_gaps(prepared: TaskFolder, do: Do, job: RunningJob) -> None:
    do("propose", settings={"rules": RULES})
    decisions = {"1": "yes", "2": "no", "3": "QUESTION", "4": "", "5": "是"}
    back = fill_sheet(do, lambda row: decisions.get(row["row"], "ok"))
    answer = do("import", path=str(back), by="Ann")

    assert answer.message.startswith("Ann: ") and "1 left out" in answer.message
    assert "1 row" in answer.message
    assert answer.figures["open"] == 1 and answer.figures["rejected"] == 1
    result = regenerate(prepared, job)
    assert sum(result["counts"].values()) == 28
    via = {json.loads(line)["labelled"]["via"] for line in (prepared.data / "train.jsonl").read_text().splitlines()}
    assert via == {f"sheet:{back.parent.name}"}


@pytest.mark.parametrize("mangled", ["{:.2E}", "{:.0f}"])
def test_an_id_that_a_spreadsheet_made_a_number_of_is_known_by_its_text(
    prepared: TaskFolder, do: Do, mangled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = fill_sheet(do, lambda row: kind_of(row["text"]) if row["row"] == "1" else "")
    with back.open(encoding="utf-8", newline="") as file:
        row, *rest = csv.DictReader(file)
    settings = read_json(back.parent / "sheet.json")
    [known] = [one for one in settings["rows"] if one["id"] == row["id"].removeprefix("r")]
    monkeypatch.setattr(importing, "_LIKE_A_NUMBER", re.compile(known["id"]))  # as if it were digits alone
    with back.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerows([{**row, "id": mangled.format(1164835207723990)}, *rest])

    assert row["id"].startswith("r") and do("import", path=str(back), by="Ann").figures["open"] == len(rest)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[3].update(id="ffff"), "row 4: the id 'ffff'"),
        (lambda rows: rows[1].update(decision="prase"), "(did you mean 'praise'?)"),
        (lambda rows: rows[0].update(id=rows[1]["id"]), "row 1: its text"),
        (lambda rows: [row.update(sheet="0123456789") for row in rows], "written for this task"),
        (lambda rows: [row.update(decision="") for row in rows], "the column decision is empty"),
        (
            lambda rows: [row.update(reviewer=f"R{place % 2}") for place, row in enumerate(rows)],
            "several reviewers: R0, R1",
        ),
    ],
)
def test_what_was_spoilt_by_hand_is_named_by_its_row_and_nothing_is_recorded(
    prepared: TaskFolder, do: Do, change: Any, said: str
) -> None:
    back = fill_sheet(do, lambda row: kind_of(row["text"]))
    with back.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with back.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(DataError) as refused:
        do("import", path=str(back), by="Ann")

    assert said in refused.value.problem.en and not log_file(prepared).exists()


def test_a_column_that_is_gone_and_a_file_that_is_not_there_are_named(prepared: TaskFolder, do: Do) -> None:
    (prepared.root / "no.csv").write_text("sheet,id\nx,y\n", encoding="utf-8")
    for path, said in (("no.csv", "no column decision"), ("nowhere.csv", "nowhere.csv"), ("no.json", "no file")):
        with pytest.raises(DataError if path != "nowhere.csv" else Exception) as refused:
            do("import", path=path)
        assert said in str(refused.value)


def test_a_sheet_older_than_the_data_still_counts_and_tells_of_what_came_since(
    prepared: TaskFolder, do: Do, job: RunningJob
) -> None:
    do("propose", settings={"rules": RULES})
    back = fill_sheet(do, lambda row: "yes")
    first = do("review", by="Ann").rows[0]
    do("review", by="Ann", examples=[{"id": first["id"], "label": None}])
    make_unlabelled(prepared, texts(26, 10))  # ten are gone at the source, six are new
    regenerate(prepared, job)
    with pytest.raises(ConflictError) as refused:
        do("import", path=str(back), by="Ann")
    assert first["id"] in refused.value.problem.en
    answer = do("import", path=str(back), by="Ann", confirm=True)

    assert "6 open rows" in answer.message
    assert answer.figures["accepted"] == 30
    assert sum(regenerate(prepared, job)["counts"].values()) == 30


def test_the_same_rows_are_the_same_sheet_and_what_a_person_typed_into_it_stays(prepared: TaskFolder, do: Do) -> None:
    sheet = Path(do("sheet").files["csv"])
    sheet.write_text("typed", encoding="utf-8")
    assert Path(do("sheet").files["csv"]) == sheet and sheet.read_text("utf-8") == "typed"
    do("propose", settings={"rules": RULES})
    assert Path(do("sheet").files["csv"]).parent != sheet.parent


def test_a_blind_sheet_shows_no_proposal_and_has_nothing_to_say_yes_to(prepared: TaskFolder, do: Do) -> None:
    do("propose", settings={"rules": RULES})
    back = fill_sheet(do, lambda row: "yes", settings={"blind": True})
    assert "praise" not in (back.parent / "sheet.csv").read_text("utf-8").replace("praise-", "")
    with pytest.raises(DataError) as refused:
        do("import", path=str(back), by="Ann")
    assert "'yes' is not a label" in refused.value.problem.en
    back = fill_sheet(do, lambda row: kind_of(row["text"]), settings={"blind": True})
    answer = do("import", path=str(back), by="Ann")
    assert answer.figures["agreement"]["proposers"]["rules"]["agreement"] == 1.0


def test_texts_that_look_like_formulas_are_shown_by_a_spreadsheet_and_come_back_as_they_were(
    prepared: TaskFolder, do: Do, job: RunningJob
) -> None:
    formulas = ['=HYPERLINK("http://evil")', "+1 for you", "-2 stars", "@home", "'quoted'", "＝1+1"]
    make_unlabelled(prepared, [{"text": text} for text in formulas])
    regenerate(prepared, job)
    back = fill_sheet(do, lambda row: "praise")
    with back.open(encoding="utf-8", newline="") as file:
        assert all(row["text"].startswith("'") for row in csv.DictReader(file))
    do("import", path=str(back), by="Ann")
    regenerate(prepared, job)

    learnt = [
        json.loads(line)["text"]
        for name in ("train", "valid", "test")
        for line in (prepared.data / f"{name}.jsonl").read_text("utf-8").splitlines()
    ]
    assert sorted(learnt) == sorted(formulas)


def test_disputes_are_settled_on_a_sheet_where_texts_may_not_be_shown(
    prepared: TaskFolder, do: Do, job: RunningJob
) -> None:
    write_yaml(prepared.file, {**read_yaml(prepared.file), "constraints": {"privacy": "on-premise"}})
    do("import", path=str(fill_sheet(do, lambda row: kind_of(row["text"]))), by="Ann")
    back = fill_sheet(do, lambda row: "praise", settings={"which": "second"}, by="Ben")
    answer = do("import", path=str(back), by="Ben")
    assert answer.figures["disputed"] == 20 and answer.next_step.arguments == {
        "task": "mails",
        "action": "sheet",
        "settings": {"which": "disputed"},
    }
    do(
        "import",
        path=str(fill_sheet(do, lambda row: kind_of(row["text"]), **{"settings": {"which": "disputed"}})),
        by="Cho",
    )

    assert do("status").figures["disputed"] == 0 and sum(regenerate(prepared, job)["counts"].values()) == 30
    assert read_json(back.parent / "sheet.json")["which"] == "second"
