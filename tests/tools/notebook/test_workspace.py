"""The verbs in a notebook, as far as they need no training."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nlp_skills import NlpSkillsError, Workspace
from nlp_skills.resources.foundation.errors import DataError, TaskError, TrainingError
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.notebook.task import Task

ROWS = "".join(
    f"Order {number}: it {words}.,{mood}\n"
    for number in range(20)
    for words, mood in (("arrived early", "good"), ("arrived broken", "bad"), ("works well", "good"), ("broke", "bad"))
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace", progress=False)


@pytest.fixture
def task(workspace: Workspace) -> Task:
    return workspace.create("Comments", type="classification", language="en", labels=["good", "bad"])


def test_rows_are_prepared_and_come_back_as_plain_dicts(workspace: Workspace, task: Task) -> None:
    (task.folder.root / "comments.csv").write_text("text,label\n" + ROWS, encoding="utf-8")
    assert task.set_data_source([{"type": "file", "path": "comments.csv"}])
    assert task.set_data_source({"type": "file", "path": "comments.csv"})  # one, without a list around it
    snapshot = task.prepare()
    rows = task.rows("train")
    assert 70 < sum(snapshot.counts.values()) <= 80 and len(rows) == snapshot.counts["train"]
    assert {"text", "label"} <= set(rows[0]) and {row["label"] for row in rows} == {"good", "bad"}
    with pytest.raises(DataError, match="no split 'validation'") as wrong:
        task.rows("validation")
    assert "valid" in wrong.value.fix.en
    assert [row["name"] for row in workspace.tasks()] == ["comments"]
    assert workspace.task("comments").definition.labels == ["good", "bad"] and not task.versions()


def test_what_goes_wrong_is_the_error_that_a_tool_would_tell(task: Task, workspace: Workspace) -> None:
    with pytest.raises(TaskError, match="has no version yet"):
        task.version()
    with pytest.raises(DataError) as caught:
        task.rows()
    assert isinstance(caught.value, NlpSkillsError)
    assert caught.value.fix.en
    with pytest.raises(TrainingError, match="output_dir"):
        task.plan(trl={"output_dir": "elsewhere"})
    with pytest.raises(TaskError):
        workspace.create("Comments", type="classification", language="en", name="comments")


def test_it_speaks_the_language_it_was_asked_for(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace", language="zh-TW", progress=False)
    with pytest.raises(TaskError) as caught:
        workspace.task("nobody")
    assert caught.value.problem.to("zh-TW") == caught.value.problem.zh and "nobody" in caught.value.problem.zh


def test_an_error_that_is_printed_later_is_in_the_language_of_the_workspace_or_of_the_task(
    tmp_path: Path, workspace: Workspace
) -> None:
    with pytest.raises(TaskError) as of_workspace:
        Workspace(tmp_path / "workspace", language="zh-TW", progress=False).task("nobody")
    assert of_workspace.value.problem.zh in str(of_workspace.value)
    task = workspace.create("留言", type="classification", language="zh-TW", labels=["好", "壞"], name="liuyan")
    with pytest.raises(TaskError) as of_task:
        task.version()
    assert of_task.value.problem.zh in str(of_task.value)
    with pytest.raises(TaskError) as english:
        workspace.task("nobody")
    assert english.value.problem.en in str(english.value)


def test_a_job_that_fails_raises_its_own_error_and_progress_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    task = workspace.create("Comments", type="classification", language="en", labels=["good", "bad"])
    rows = task.folder.root / "comments.csv"
    rows.write_text("text,label\n" + ROWS, encoding="utf-8")
    task.set_data_source([{"type": "file", "path": "comments.csv"}])
    rows.unlink()
    with pytest.raises(NlpSkillsError) as caught:
        task.prepare()
    assert caught.value.details["job_id"] and "comments.csv" in caught.value.problem.en
    said = capfd.readouterr().err
    assert "preview · done" in said and "regenerate · failed" in said


def test_who_stops_waiting_is_told_how_to_come_back(
    workspace: Workspace, task: Task, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = task.folder.root / "comments.csv"
    rows.write_text("text,label\n" + ROWS, encoding="utf-8")
    task.set_data_source([{"type": "file", "path": "comments.csv"}])

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(job_control, "wait", interrupted)
        task.prepare()
    said = capfd.readouterr().err
    [name] = re.findall(r"workspace\.resume\('([^']+)'\)", said)
    assert f"workspace.cancel({name!r})" in said
    assert workspace.resume(name)["counts"]["test"] == 12
    assert workspace.cancel(name) == "succeeded"
