from __future__ import annotations

import json
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import ConflictError, DataError
from nlp_skills.resources.foundation.files import read_json, read_jsonl
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.labelling.agreement import agreement
from nlp_skills.tools.data.labelling.decisions import decided_rows, log_file
from nlp_skills.tools.data.regenerate import regenerate
from nlp_skills.tools.data.snapshot import current_snapshot
from nlp_skills.tools.data.split import SPLITS
from tests.tools.data.labelling.conftest import LABELS, RULES, Do, decide_rows, kind_of, make_unlabelled, texts


def in_data(task: TaskFolder) -> dict[str, dict[str, Any]]:
    snapshot = current_snapshot(task)
    return {row["id"]: row for name in SPLITS for row in snapshot.rows(name)}


def test_only_what_people_accepted_trains_and_says_how_it_came_about(
    prepared: TaskFolder, do: Do, job: RunningJob
) -> None:
    do("propose", settings={"rules": RULES})
    shown = do("review", by="Ann", count=30).rows
    changed, left_out = shown[0], shown[1]
    other = next(label for label in LABELS if label != changed["proposed"])
    answer = do(
        "review",
        by="Ann",
        examples=[
            {"id": changed["id"], "label": other},
            {"id": left_out["id"], "label": None},
            *({"id": row["id"]} for row in shown[2:25]),
        ],
    )
    assert "23 accepted as proposed, 1 changed, 0 labelled" in answer.message and answer.figures["open"] == 5
    result = regenerate(prepared, job)

    rows = in_data(prepared)
    assert sum(result["counts"].values()) == 24 == len(rows) and result["to_label"] == 5
    assert left_out["id"] not in rows and not {row["id"] for row in shown[25:]} & set(rows)
    story = rows[changed["id"]]["labelled"]
    assert rows[changed["id"]]["label"] == other and rows[changed["id"]]["source"] == "labelled"
    assert story["how"] == "changed" and story["by"] == ["Ann"] and story["via"] == "chat"
    assert story["proposed"]["by"] == "rules" and story["proposed"]["label"] == changed["proposed"]
    header = prepared.data / "labelling" / "proposals" / f"{story['proposed']['key']}.json"
    assert read_json(header)["asked"]["rules"][0]["keywords"] == ["broken"]
    assert story["from"]["source"] == "file-1" and (prepared.raw / story["from"]["raw"]).is_dir()
    assert rows[shown[2]["id"]]["labelled"]["how"] == "accepted"


def test_accepted_rows_survive_a_source_that_lost_them_and_the_same_decisions_are_the_same_data(
    prepared: TaskFolder, do: Do, job: RunningJob
) -> None:
    do("review", by="Ann", examples=decide_rows(do("review", count=30).rows))
    first = regenerate(prepared, job)
    assert regenerate(prepared, job)["unchanged"]
    make_unlabelled(prepared, texts(3, 500))
    later = regenerate(prepared, job, accept={"source_shrank": "the others were answered"})

    assert sum(later["counts"].values()) == 30 and later["to_label"] == 3
    assert later["labels"] == LABELS and first["snapshot"] == later["snapshot"].replace(
        later["snapshot"], first["snapshot"]
    )


def test_the_most_uncertain_proposals_come_first(do: Do) -> None:
    rows = do("propose", by="chat", count=50).rows
    doubts = {row["id"]: number / 100 for number, row in enumerate(rows)}
    do(
        "propose",
        by="chat",
        examples=[
            {"id": row["id"], "label": kind_of(row["text"]), "confidence": 1 - doubts[row["id"]]} for row in rows
        ],
    )
    do("propose", by="rules", settings={"rules": [{"label": "praise", "keywords": [rows[4]["text"][:12]]}]})

    shown = do("review", count=50).rows
    rival = rows[4]["id"] if kind_of(rows[4]["text"]) != "praise" else None
    rest = [row["id"] for row in shown if row["id"] != rows[4]["id"]]
    assert rival is None or (shown[0]["id"] == rival and shown[0]["rivals"] == [kind_of(rows[4]["text"])])
    assert rest == sorted(rest, key=lambda number: -doubts[number])


def test_two_reviewers_are_compared_and_what_they_differ_about_waits(
    prepared: TaskFolder, do: Do, job: RunningJob
) -> None:
    shown = do("review", by="Ann", count=30).rows
    do("review", by="Ann", examples=decide_rows(shown))
    second = do("review", by="Ben", settings={"which": "second"}, count=30).rows
    assert {row["id"] for row in second} == {row["id"] for row in shown}
    answers = decide_rows(second)
    for one in answers[:3]:
        one["label"] = next(label for label in LABELS if label != one["label"])
    answer = do("review", by="Ben", examples=answers)

    between = answer.figures["agreement"]["reviewers"]["Ann · Ben"]
    assert between["rows"] == 30 and between["agreement"] == 0.9 and 0.8 < between["kappa"] < 0.9
    assert answer.figures["disputed"] == 3 and answer.next_step.arguments["settings"] == {"which": "disputed"}
    assert sum(regenerate(prepared, job)["counts"].values()) == 27
    disputed = do("review", by="Cho", settings={"which": "disputed"}).rows
    assert set(disputed[0]["said"]) == {"Ann", "Ben"}
    settled = do("review", by="Cho", examples=decide_rows(disputed))
    assert settled.figures["disputed"] == 0 and settled.figures["agreement"]["reviewers"]["Ann · Ben"] == between
    assert sum(regenerate(prepared, job)["counts"].values()) == 30


def test_a_decision_is_never_replaced_unasked(do: Do, prepared: TaskFolder) -> None:
    row = do("review", by="Ann").rows[0]
    label, other = kind_of(row["text"]), next(one for one in LABELS if one != kind_of(row["text"]))
    do("review", by="Ann", examples=[{"id": row["id"], "label": label}])
    assert "1 already so" in do("review", by="Ann", examples=[{"id": row["id"], "label": label}]).message
    with pytest.raises(ConflictError) as refused:
        do("review", by="Ann", examples=[{"id": row["id"], "label": other}])
    assert refused.value.field == "confirm" and f"{label} → {other}" in refused.value.problem.en
    do("review", by="Ann", examples=[{"id": row["id"], "label": other}], confirm=True)

    stands = decided_rows(prepared)[row["id"]]
    assert (
        stands.label == other
        and (before := stands.lines[-1].before)
        and before.label == label
        and len(stands.lines) == 2
    )


def test_wrong_decisions_are_all_named_and_none_is_recorded(prepared: TaskFolder, do: Do) -> None:
    rows = do("review").rows
    with pytest.raises(DataError) as refused:
        do(
            "review",
            by="Ann",
            examples=[
                {"id": rows[0]["id"], "label": "complaint"},
                {"id": "0000", "label": "praise"},
                {"id": rows[1]["id"], "label": "complain"},
                {"id": rows[2]["id"]},
            ],
        )

    said = refused.value.problem.en
    assert "examples[1]" in said and "did you mean 'complaint'" in said and "examples[3]" in said
    assert "Nothing was recorded" in said and not log_file(prepared).exists()


def test_the_rest_is_accepted_unseen_only_after_enough_was_seen(prepared: TaskFolder, do: Do, job: RunningJob) -> None:
    do("propose", settings={"rules": RULES})
    with pytest.raises(DataError) as refused:
        do("accept", by="rules")
    assert "0 rows were reviewed" in refused.value.problem.en
    do("review", by="Ann", examples=[{"id": row["id"]} for row in do("review", count=20).rows])
    asked = do("accept", by="rules")
    assert "10 open proposals" in asked.message and "100% of 20" in asked.message
    assert asked.next_step.arguments["confirm"] is True and do("status").figures["open"] == 10
    do("accept", by="rules", confirm=True)

    regenerate(prepared, job)
    hows = [row["labelled"]["how"] for row in in_data(prepared).values()]
    assert (hows.count("bulk"), hows.count("accepted")) == (10, 20)
    assert do("status").figures["agreement"]["proposers"]["rules"]["rows"] == 20  # what nobody saw proves nothing


def test_a_line_torn_by_a_kill_is_dropped_and_the_next_decision_stands_on_its_own(prepared: TaskFolder, do: Do) -> None:
    rows = do("review").rows
    do("review", by="Ann", examples=[{"id": rows[0]["id"], "label": "praise"}])
    with log_file(prepared).open("ab") as file:
        file.write(b'{"id": "half')
    do("review", by="Ann", examples=[{"id": rows[1]["id"], "label": "praise"}])

    assert [line["id"] for line in read_jsonl(log_file(prepared))] == [rows[0]["id"], rows[1]["id"]]


@pytest.mark.parametrize(
    ("pairs", "raw", "kappa"),
    [
        ([], None, None),
        ([("a", "a")] * 5, 1.0, None),
        ([("u", "u")] * 20 + [("n", "n")] * 60 + [("u", "n")] * 10 + [("n", "u")] * 10, 0.8, 0.524),
        ([("a", "b"), ("b", "a")] * 15, 0.0, -1.0),
        ([("a", "b"), ("b", "b"), ("a", "a"), ("b", "a")], 0.5, None),
    ],
)
def test_kappa_is_what_chance_does_not_explain(
    pairs: list[tuple[str, str]], raw: float | None, kappa: float | None
) -> None:
    found = agreement(pairs)
    assert (found["agreement"], found["kappa"]) == (raw, kappa)


def test_a_batch_fits_into_an_answer_however_long_the_texts(prepared: TaskFolder, do: Do, job: RunningJob) -> None:
    make_unlabelled(prepared, [{"text": f"{number} " + "字" * 5000} for number in range(40)])
    regenerate(prepared, job)
    shown = do("propose", by="chat", count=50)
    assert 3 <= len(shown.rows) < 40 and len(json.dumps(shown.model_dump(), ensure_ascii=False)) < 8000
