"""What a training would refuse of the rows is found when it is planned, whatever kind of rows they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import TrainingError
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.task import TaskFolder, TaskType
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.hardware import describe_machine
from nlp_skills.tools.compute.machine import Prospect
from nlp_skills.tools.train import preflight
from nlp_skills.tools.train.answers import PlanAnswer
from nlp_skills.tools.train.planning import plan_training
from nlp_skills.tools.train.preflight import RemoteTarget, require_ready

from .conftest import write_rows

LONG = "下雨了，" * 2000
TURN = {"role": "assistant", "content": "好。"}
# For each type of task: the n-th row, and one that is far too long.
KINDS: dict[TaskType, tuple[Any, dict[str, Any]]] = {
    "generation": (lambda n: {"text": f"第{n}題", "output": "好。"}, {"text": LONG, "output": "好。"}),
    "chat": (
        lambda n: {"text": f"第{n}題", "messages": [{"role": "user", "content": f"第{n}題"}, TURN]},
        {"text": LONG, "messages": [{"role": "user", "content": LONG}, TURN]},
    ),
    "preference": (
        lambda n: {"text": f"第{n}題", "chosen": "好。", "rejected": "壞。"},
        {"text": "長", "chosen": "好。", "rejected": LONG},
    ),
    "extraction": (
        lambda n: {
            "text": f"台積電第{n}號",
            "spans": [{"type": ("公司", "客戶")[n % 2], "text": "台積電", "start": 0, "end": 3}],
        },
        {"text": "台積電" + LONG, "spans": [{"type": "公司", "text": "台積電", "start": 0, "end": 3}]},
    ),
}


def make_task(workspace: Workspace, kind: TaskType, *more: dict[str, Any]) -> TaskFolder:
    row, _ = KINDS[kind]
    rows = {
        "train": [*map(row, range(30)), *more],
        "valid": [*map(row, range(30, 36))],
        "test": [*map(row, range(36, 46))],
    }
    return write_rows(workspace.root / kind, kind, rows, labels=["公司", "客戶"] if kind == "extraction" else [])


def plan(workspace: Workspace, task: TaskFolder, base: Path, **settings: Any) -> PlanAnswer:
    with speaking("en"):
        return plan_training(workspace, task, {"base_model": str(base), **settings}, None, [], None)


def blocking(answer: PlanAnswer) -> dict[str, str]:
    return {found["code"]: found["problem"] for found in answer.findings if found["level"] == "blocking"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_too_long_blocks_the_plan_until_it_is_decided_on(
    workspace: Workspace, tiny_model: Path, kind: TaskType
) -> None:
    task = make_task(workspace, kind, KINDS[kind][1])
    answer = plan(workspace, task, tiny_model)
    assert set(blocking(answer)) == {"long_rows"} and "1 row is longer" in blocking(answer)["long_rows"]
    assert answer.next_step.tool == "plan_training" and "drop" in answer.next_step.say
    assert answer.estimate and answer.estimate.memory_bytes["activations"] < 3e8, "that of rows of max_length"
    listed = (task.data / "findings" / "long_rows.csv").read_text("utf-8-sig").splitlines()
    assert len(listed) == 2
    dropped = plan(workspace, task, tiny_model, long_rows="drop")
    assert not blocking(dropped) and "1 row longer" in dropped.message
    assert dropped.estimate and dropped.estimate.tokens[1] < answer.estimate.tokens[1]
    cut = plan(workspace, task, tiny_model, long_rows="cut")
    assert not blocking(cut)
    assert ("these are left out" in cut.message) == (kind == "preference"), "its answer alone is too long"


def test_a_row_that_the_chat_template_does_not_take_is_said_with_the_plan(
    workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_model, base)
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('no system here') }}{% endif %}{{ messages[0].content }}"
    (base / "chat_template.jinja").write_text(strict, "utf-8")
    told = {"text": "問", "messages": [{"role": "system", "content": "快"}, {"role": "user", "content": "問"}, TURN]}
    task = make_task(workspace, "chat", told)
    assert "no system here" in blocking(plan(workspace, task, base))["label_audit"]


def test_a_right_answer_that_could_never_be_rewarded_is_said_with_the_plan(
    workspace: Workspace, tiny_model: Path
) -> None:
    task = make_task(workspace, "generation", {"text": "長", "output": "好。" * 60})
    said = blocking(plan(workspace, task, tiny_model, method="grpo", max_completion_length=16, max_length=4096))
    assert "max_completion_length 16" in said["label_audit"]


def test_rows_are_counted_once_for_a_base_model(workspace: Workspace, tiny_model: Path) -> None:
    task = make_task(workspace, "generation")
    first = plan(workspace, task, tiny_model)
    [file] = (task.cache / "counted").glob("*.json")
    before = file.stat().st_mtime_ns
    again = plan(workspace, task, tiny_model, epochs=3)
    assert file.stat().st_mtime_ns == before and not blocking(again)
    assert first.estimate and first.estimate.tokens[0] == first.estimate.tokens[1], "counted, not guessed"
    assert len(json.loads(file.read_text("utf-8"))["rows"]) == 36


def test_without_a_worker_the_longest_row_is_guessed_by_its_characters(
    workspace: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_WORKER", "/nowhere/python")
    answer = plan(workspace, make_task(workspace, "generation", KINDS["generation"][1]), tiny_model)
    assert [found["level"] for found in answer.findings if found["code"] == "long_rows"] == ["warning"]
    assert answer.estimate and answer.estimate.memory_bytes["activations"] < 3e8


def test_on_another_machine_a_row_that_may_be_too_long_is_decided_on_first(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_WORKER", "/nowhere/python")
    task = make_task(workspace, "generation", {"text": "下雨了，" * 400, "output": "好。"})
    away = RemoteTarget("tower", Prospect(describe_machine(workspace), "a GPU"))
    with speaking("en"):
        plan_training(workspace, task, {"base_model": "Qwen/Qwen3-0.6B"}, None, [], "one")
        with pytest.raises(TrainingError, match="max_length"):
            require_ready(workspace, task, "one", True, away)
        plan_training(workspace, task, {"base_model": "Qwen/Qwen3-0.6B", "long_rows": "cut"}, None, [], "two")
        assert require_ready(workspace, task, "two", True, away).plan.name == "two"


def test_nobody_is_asked_for_consent_while_rows_are_being_counted(
    workspace: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task(workspace, "generation")
    monkeypatch.setattr(preflight, "count_rows", lambda *_: True)
    assert "still being counted" in plan(workspace, task, tiny_model).message
    with speaking("en"), pytest.raises(TrainingError, match="still being counted"):
        require_ready(workspace, task, None, True)
