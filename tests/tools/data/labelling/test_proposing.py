from __future__ import annotations

from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import DataError, NlpSkillsError
from nlp_skills.resources.foundation.files import read_json, read_jsonl, read_yaml, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.labelling.proposals import current_proposals
from nlp_skills.tools.data.regenerate import regenerate
from tests.tools.data.labelling.conftest import LABELS, RULES, Do, kind_of, make_unlabelled, texts


def test_rules_propose_with_the_share_of_rules_that_agree(prepared: TaskFolder, do: Do) -> None:
    rules = [*RULES, {"label": "praise", "keywords": ["broken"]}, {"label": "complaint", "pattern": "money"}]
    answer = do("propose", settings={"rules": rules})

    found = current_proposals(prepared, LABELS)
    rows = {row["id"]: row["text"] for row in _pool(prepared)}
    assert len(found) == 30 and all(proposal.label == kind_of(rows[number]) for number, proposal in found.items())
    assert {proposal.label: proposal.confidence for proposal in found.values()} == {
        "complaint": 0.6667,
        "praise": 1.0,
        "question": 1.0,
    }
    assert answer.next_step.arguments == {"task": "mails", "action": "review"}


def test_rules_of_the_file_are_used_and_rules_that_contradict_propose_nothing(prepared: TaskFolder, do: Do) -> None:
    content = read_yaml(prepared.data_source_file)
    write_yaml(
        prepared.data_source_file,
        {
            **content,
            "labelling": {
                "rules": [{"label": "complaint", "keywords": ["broken"]}, {"label": "praise", "keywords": ["broken"]}]
            },
        },
    )
    answer = do("propose")

    assert "for 0 rows" in answer.message and current_proposals(prepared, LABELS) == {}


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ([{"label": "anger", "keywords": ["x"]}], "settings.rules[0].label"),
        ([{"label": "praise", "pattern": "(("}], "settings.rules[0]"),
        ([{"label": "praise"}], "settings.rules[0]"),
        ([{"label": "praise", "words": ["x"]}], "settings.rules[0].words"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_named(do: Do, rules: list[Any], field: str) -> None:
    with pytest.raises(DataError) as refused:
        do("propose", by="rules", settings={"rules": rules})
    assert refused.value.field == field and refused.value.problem.zh


def test_the_model_in_the_chat_proposes_batch_by_batch(prepared: TaskFolder, do: Do) -> None:
    shown = do("propose", by="chat", count=12)
    assert len(shown.rows) == 12 and set(shown.rows[0]) == {"id", "text"}
    given = [{"id": row["id"], "label": kind_of(row["text"]), "confidence": 0.9} for row in shown.rows]
    following = do(
        "propose",
        by="chat",
        count=50,
        examples=[
            *given[:9],
            {**given[9], "label": "anger"},
            {**given[10], "id": "nope"},
            {**given[11], "confidence": 7},
        ],
    )

    assert [one["example"] for one in following.refused] == [10, 11, 12]
    assert "complaint, praise, question" in following.refused[0]["why"]
    assert len(following.rows) == 21 and len(current_proposals(prepared, LABELS)) == 9


def test_data_that_grew_is_proposed_for_without_touching_what_stands(
    prepared: TaskFolder, do: Do, job: RunningJob
) -> None:
    do("propose", settings={"rules": RULES})
    before = (prepared.data / "labelling" / "proposals").glob("*.jsonl")
    [file] = list(before)
    lines = file.read_bytes()
    make_unlabelled(prepared, texts(36))
    regenerate(prepared, job)
    do("propose", settings={"rules": RULES})

    assert file.read_bytes().startswith(lines) and len(list(read_jsonl(file))) == 36
    assert read_json(file.with_suffix(".json"))["by"] == "rules"


def test_a_source_that_was_replaced_takes_its_rows_out_of_the_pool(
    prepared: TaskFolder, do: Do, job: RunningJob
) -> None:
    make_unlabelled(prepared, texts(5, 100))
    regenerate(prepared, job)
    assert do("status").figures["open"] == 5


def test_on_premise_texts_are_shown_to_no_chat(prepared: TaskFolder, do: Do) -> None:
    write_yaml(prepared.file, {**read_yaml(prepared.file), "constraints": {"privacy": "on-premise"}})
    do("propose", settings={"rules": RULES})
    for action in ("propose", "review"):
        with pytest.raises(DataError) as refused:
            do(action, by="chat")
        assert "on-premise" in refused.value.problem.en and "sheet" in refused.value.fix.en
    answer = do("status")
    assert answer.next_step.arguments["action"] == "sheet" and "broken" not in answer.model_dump_json()
    with pytest.raises(NlpSkillsError) as refused_endpoint:
        do("propose", by="endpoint", settings={"model": "m", "base_url": "http://8.8.8.8/v1"})
    assert "nlp-skills allow --rows-of mails --host 8.8.8.8" in refused_endpoint.value.fix.en


def test_an_unknown_proposer_and_a_task_without_labels_are_refused(
    prepared: TaskFolder, do: Do, workspace: Workspace
) -> None:
    with pytest.raises(NlpSkillsError):
        do("propose", by="v7")
    write_yaml(prepared.file, {**read_yaml(prepared.file), "labels": []})
    with pytest.raises(DataError) as refused:
        do("propose", by="chat")
    assert refused.value.field == "labels" and "update_task" in refused.value.fix.en


def _pool(task: TaskFolder) -> list[dict[str, Any]]:
    return [row for file in (task.data / "unlabelled").glob("*.jsonl") for row in read_jsonl(file)]
