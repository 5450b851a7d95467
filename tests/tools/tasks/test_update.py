from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nlp_skills.resources.foundation.access import AccessError, grant
from nlp_skills.resources.foundation.errors import ConflictError, TaskError
from nlp_skills.resources.foundation.files import write_json
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.tasks.fields import value_at
from nlp_skills.tools.tasks.update import update_task

Start = Callable[[str], "subprocess.Popen[str]"]


def test_fields_are_changed_by_their_dotted_names(task: TaskFolder) -> None:
    updated = update_task(
        task,
        {
            "goal": "Sort mail",
            "success_criteria.threshold": 0.85,
            "constraints": {"deadline": "June", "latency_ms": 50},
        },
    )
    assert sorted(updated.changed) == [
        "constraints.deadline",
        "constraints.latency_ms",
        "goal",
        "success_criteria.threshold",
    ]
    loaded = task.load()
    assert loaded == updated.task
    assert (loaded.goal, loaded.success_criteria.threshold, loaded.constraints.deadline) == ("Sort mail", 0.85, "June")
    assert loaded.metric == "macro_f1"


def test_none_clears_an_optional_field(task: TaskFolder) -> None:
    update_task(task, {"goal": "Sort mail", "constraints.budget": "10 EUR"})
    update_task(task, {"goal": None, "constraints.budget": None})
    assert task.load().goal is None and task.load().constraints.budget is None


def test_an_on_premise_task_is_opened_by_the_person_alone(task: TaskFolder) -> None:
    update_task(task, {"constraints.privacy": "on-premise"})
    for changes in (
        {"constraints.privacy": "open"},
        {"constraints": {"privacy": "open"}},
        {"constraints.privacy": None},
    ):
        with pytest.raises(AccessError) as refused:
            update_task(task, changes)
    assert f"nlp-skills allow --rows-of {task.name}" in refused.value.fix.en
    assert task.load().constraints.privacy == "on-premise"
    grant(refused.value.needs)
    assert update_task(task, {"constraints.privacy": "open"}).changed == ["constraints.privacy"]


def test_a_prompt_can_be_given_field_by_field(task: TaskFolder) -> None:
    with pytest.raises(TaskError) as caught:
        update_task(task, {"prompt.system": "You sort."})
    assert caught.value.field == "prompt.user"
    update_task(task, {"prompt": {"system": "You sort.", "user": "{text}"}})
    prompt = task.load().prompt
    assert prompt is not None and prompt.user == "{text}"


def test_fields_of_the_persons_own_are_kept_and_can_be_changed(task: TaskFolder) -> None:
    with task.file.open("a", encoding="utf-8") as file:
        file.write("team: support\nowner: {mail: a@b.c}\n")
    update_task(task, {"goal": "Sort mail"})
    assert task.load().model_extra == {"team": "support", "owner": {"mail": "a@b.c"}}
    update_task(task, {"team": None, "owner.mail": "x@y.z"})
    assert task.load().model_extra == {"owner": {"mail": "x@y.z"}}


@pytest.mark.parametrize(
    ("changes", "field", "hint"),
    [
        ({"gaol": "x"}, "gaol", "Did you mean goal?"),
        ({"sucess_criteria.threshold": 0.8}, "sucess_criteria.threshold", "Did you mean success_criteria.threshold?"),
        ({"constraints.privcy": "open"}, "constraints.privcy", "Did you mean constraints.privacy?"),
        ({"name": "other"}, "name", "keeps its name"),
        ({"archived": "yes"}, "archived", "manage_task"),
        ({"cloned_from.task": "x"}, "cloned_from.task", "keeps its name"),
        ({"success_criteria.threshold": 85}, "success_criteria.threshold", "write 85 % as 0.85"),
        ({"success_criteria.metric": "f1_macro"}, "success_criteria.metric", "macro_f1"),
        ({"labels": ["up", "down"], "success_criteria.metric": "recall.dwn"}, "success_criteria.metric", "recall.down"),
        ({"success_criteria.metric": "recall"}, "success_criteria.metric", "recall."),
        ({"labels": ["a"]}, "labels", "two labels"),
        ({"labels": "a, b"}, "labels", "value that fits"),
        ({"decisions": ["why not"]}, "decisions[0]", "value that fits"),
    ],
)
def test_a_wrong_change_is_named_and_changes_nothing(
    task: TaskFolder, changes: dict[str, Any], field: str, hint: str
) -> None:
    before = task.file.read_bytes()
    with pytest.raises(TaskError) as caught:
        update_task(task, {"goal": "half of it", **changes})
    assert caught.value.field == field
    assert hint in caught.value.fix.en
    assert caught.value.problem.zh and caught.value.fix.zh
    assert task.file.read_bytes() == before


def test_a_goal_may_be_about_one_label(task: TaskFolder) -> None:
    update_task(task, {"labels": ["正面", "負面"], "success_criteria.metric": "recall.負面"})
    assert task.load().success_criteria.metric == "recall.負面"


def test_a_decision_is_dated_and_appears_in_the_docs(task: TaskFolder) -> None:
    update_task(task, decision="Start with LoRA", reason="one laptop", note="ask Lin about the labels")
    loaded = task.load()
    assert loaded.decisions[0].what == "Start with LoRA" and loaded.decisions[0].date
    assert loaded.notes == ["ask Lin about the labels"]
    page = (task.docs / "decisions.md").read_text(encoding="utf-8")
    assert "Start with LoRA" in page and "one laptop" in page


def test_a_decisions_page_edited_by_hand_is_left_alone(task: TaskFolder) -> None:
    (task.docs / "decisions.md").write_text("mine", encoding="utf-8")
    update_task(task, decision="Start with LoRA")
    assert (task.docs / "decisions.md").read_text(encoding="utf-8") == "mine"


def test_labels_changed_after_the_data_was_frozen_are_said_aloud_and_recorded(task: TaskFolder) -> None:
    assert update_task(task, {"labels": ["good", "bad", "mixed"]}).warnings == []
    write_json(task.data / "current.json", {"format": 1, "hash": "ab" * 32})
    assert update_task(task, {"goal": "Sort mail"}).warnings == []
    updated = update_task(task, {"labels": ["good", "bad"]}, reason="mixed was never used")
    (warning,) = updated.warnings
    assert "prepare_data" in warning.en and "prepare_data" in warning.zh
    (decision,) = task.load().decisions
    assert "mixed" in decision.what and decision.why == "mixed was never used"


def test_archiving_and_bringing_back_changes_the_derived_state(task: TaskFolder) -> None:
    update_task(task, archived=True)
    assert task.state() == "archived"
    since = task.load().archived
    update_task(task, archived=True)
    assert task.load().archived == since
    update_task(task, archived=False)
    assert task.state() == "created"


def test_two_changes_of_one_field_are_a_conflict_that_shows_both_and_the_newer_state_stays(task: TaskFolder) -> None:
    update_task(task, {"goal": "Sort mail"})
    seen = task.revision()
    update_task(task, {"goal": "theirs", "impact": "an hour"}, revision=seen)
    with pytest.raises(ConflictError) as caught:
        update_task(task, {"goal": "mine", "pain_point": "slow"}, revision=seen)
    error = caught.value
    assert error.field == "goal" and error.details == {"revision": task.revision(), "fields": ["goal"]}
    for said in error.problem:
        assert all(f'"{value}"' in said for value in ("Sort mail", "theirs", "mine")) and "an hour" not in said
    assert (task.load().goal, task.load().pain_point) == ("theirs", None)
    insisting = update_task(task, {"goal": "mine"}, revision=error.details["revision"])
    assert insisting.changed == ["goal"] and task.load().goal == "mine"


def test_changes_of_different_fields_decisions_and_notes_merge(task: TaskFolder) -> None:
    seen = task.revision()
    update_task(task, {"goal": "theirs", "success_criteria.threshold": 0.8}, note="one", revision=seen)
    update_task(task, {"impact": "mine", "success_criteria.baseline": 0.5}, note="two", decision="LoRA", revision=seen)
    loaded = task.load()
    assert (loaded.goal, loaded.impact, loaded.notes) == ("theirs", "mine", ["one", "two"])
    assert (loaded.success_criteria.threshold, loaded.success_criteria.baseline) == (0.8, 0.5)


def test_both_wanting_the_same_value_is_no_conflict(task: TaskFolder) -> None:
    seen = task.revision()
    update_task(task, {"goal": "Sort mail"}, revision=seen)
    assert update_task(task, {"goal": "Sort mail"}, revision=seen).changed == []


def test_a_change_by_hand_in_the_file_is_a_change_by_somebody_else(task: TaskFolder) -> None:
    seen = update_task(task, {"goal": "mine", "impact": "an hour"}).revision
    task.file.write_text(task.file.read_text(encoding="utf-8").replace("goal: mine", "goal: by hand"), encoding="utf-8")
    assert update_task(task, {"impact": "two hours"}, revision=seen).task.goal == "by hand"
    with pytest.raises(ConflictError, match="by hand"):
        update_task(task, {"goal": "mine again"}, revision=seen)


def test_a_revision_nobody_remembers_lets_nothing_be_overwritten(task: TaskFolder) -> None:
    with pytest.raises(ConflictError) as caught:
        update_task(task, {"goal": "mine"}, revision="0123456789ab")
    assert caught.value.details["revision"] == task.revision() and "null" in caught.value.problem.en
    assert update_task(task, note="ask Lin", revision="0123456789ab").task.notes == ["ask Lin"]


def test_of_threads_changing_one_field_from_one_revision_exactly_one_wins(task: TaskFolder) -> None:
    seen = task.revision()

    def change(number: int) -> str:
        try:
            update_task(task, {"goal": f"goal {number}"}, note=f"note {number}", revision=seen)
        except ConflictError:
            return "conflict"
        return f"goal {number}"

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(change, range(16)))
    assert said.count("conflict") == 15 and {*said} == {"conflict", task.load().goal}
    assert len(task.load().notes) == 1


def test_threads_changing_different_fields_from_one_revision_all_win(task: TaskFolder) -> None:
    seen = task.revision()
    fields = ["goal", "pain_point", "impact", "current_method", "constraints.budget", "constraints.deadline"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda field: update_task(task, {field: "said"}, revision=seen), fields))
    assert [value_at(task.load(), field) for field in fields] == ["said"] * len(fields)


def test_a_broken_task_file_is_refused_and_left_as_it_is(task: TaskFolder) -> None:
    task.file.write_text("labels: [unclosed\n", encoding="utf-8")
    with pytest.raises(TaskError, match="cannot be read as YAML"):
        update_task(task, {"goal": "x"})
    assert task.file.read_text(encoding="utf-8") == "labels: [unclosed\n"


def test_two_processes_changing_one_task_lose_no_change(task: TaskFolder, start_python: Start) -> None:
    code = """
from pathlib import Path
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.tasks.update import update_task
for number in range(15):
    update_task(TaskFolder(Path({root!r})), {{"{who}": str(number)}}, note=f"{who} {{number}}")
"""
    writers = [start_python(code.format(root=str(task.root), who=who)) for who in ("goal", "impact")]
    for writer in writers:
        _, said = writer.communicate(timeout=60)
        assert writer.returncode == 0, said
    loaded = task.load()
    assert sorted(loaded.notes) == sorted(f"{who} {n}" for who in ("goal", "impact") for n in range(15))
    assert (loaded.goal, loaded.impact) == ("14", "14")


def test_of_two_processes_with_one_revision_exactly_one_wins(task: TaskFolder, start_python: Start) -> None:
    code = """
from pathlib import Path
from nlp_skills.resources.foundation.access import AccessError, grant
from nlp_skills.resources.foundation.errors import ConflictError
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.tasks.update import update_task
try:
    update_task(TaskFolder(Path({root!r})), {{"goal": "{who}"}}, revision={revision!r})
    print("{who}")
except ConflictError:
    print("conflict")
"""
    revision = task.revision()
    writers = [
        start_python(code.format(root=str(task.root), who=who, revision=revision)) for who in ("first", "second")
    ]
    said = {writer.communicate(timeout=60)[0].strip() for writer in writers}
    assert said == {"conflict", task.load().goal}
