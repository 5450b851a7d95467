from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from nlp_skills.resources.foundation.errors import TaskError
from nlp_skills.resources.promotion import current_file, current_version, load_current
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import reserve_version, version
from nlp_skills.tools.tasks.promote import promote, roll_back
from nlp_skills.tools.tasks.update import update_task
from tests.tools.tasks.conftest import MakeVersion, deploy_version


def test_a_version_that_meets_the_goal_becomes_current_and_the_history_says_what_it_scored(
    task: TaskFolder, make_version: MakeVersion
) -> None:
    update_task(task, {"success_criteria.threshold": 0.8})
    make_version(0.85)
    done = promote(task, "latest")
    assert (done.version, done.before, done.deployed) == ("v1", None, None)
    (step,) = json.loads(current_file(task).read_text(encoding="utf-8"))["history"]
    assert (step["score"], step["threshold"], step["metric"]) == (0.85, 0.8, "macro_f1")
    assert version(task, "current").name == "v1"


def test_below_the_goal_or_unmeasured_it_takes_a_reason_and_keeps_it(
    task: TaskFolder, make_version: MakeVersion
) -> None:
    update_task(task, {"success_criteria.threshold": 0.8})
    make_version(0.75)
    make_version()
    for name, said in (("v1", "0.750, wanted 0.800"), ("v2", "has no macro-F1 yet")):
        with pytest.raises(TaskError, match=said) as caught:
            promote(task, name)
        assert "reason=" in caught.value.fix.en and "reason=" in caught.value.fix.zh
    assert current_version(task) is None
    promote(task, "v1", "the pilot starts on Monday")
    promote(task, "v2", "asked for by Ann")
    assert [step.reason for step in load_current(task).history] == ["the pilot starts on Monday", "asked for by Ann"]


def test_a_goal_that_is_better_low_is_judged_so(task: TaskFolder, make_version: MakeVersion) -> None:
    update_task(task, {"success_criteria": {"metric": "invalid_rate", "threshold": 0.01}})
    make_version(0.5)
    assert promote(task, "v1").changed


def test_what_was_never_trained_cannot_be_stood_behind(task: TaskFolder) -> None:
    reserve_version(task)
    with pytest.raises(TaskError, match="never fully trained"):
        promote(task, "v1", "because")


def test_rolling_back_walks_down_the_versions_stood_behind(task: TaskFolder, make_version: MakeVersion) -> None:
    for score in (0.7, 0.8, 0.9):
        make_version(score)
        promote(task, "latest")
    assert roll_back(task, "users complain").version == "v2"
    assert roll_back(task).version == "v1"
    with pytest.raises(TaskError, match="nothing to roll back to"):
        roll_back(task)
    promote(task, "v3")
    assert roll_back(task).version == "v1"
    assert [step.action for step in load_current(task).history] == [
        "promote",
        "promote",
        "promote",
        "roll_back",
        "roll_back",
        "promote",
        "roll_back",
    ]
    assert load_current(task).history[3].reason == "users complain"


def test_with_nothing_promoted_rolling_back_says_how_to(task: TaskFolder) -> None:
    with pytest.raises(TaskError) as caught:
        roll_back(task)
    assert all("action='promote'" in fix for fix in caught.value.fix)


def test_promoting_the_current_version_again_changes_nothing(task: TaskFolder, make_version: MakeVersion) -> None:
    make_version(0.9)
    promote(task, "v1")
    deploy_version(task, "v1")
    again = promote(task, "v1")
    assert (again.changed, again.deployed) == (False, "v1") and len(load_current(task).history) == 1


def test_threads_promoting_at_once_leave_every_step_in_the_history(task: TaskFolder, make_version: MakeVersion) -> None:
    names = [make_version(0.9).name for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: promote(task, name), names))
    history = [step.version for step in load_current(task).history]
    assert sorted(history) == names and history[-1] == current_version(task)
