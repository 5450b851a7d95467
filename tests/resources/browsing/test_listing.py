from __future__ import annotations

import time
from collections.abc import Callable

from nlp_skills.resources.browsing.listing import list_tasks, task_row
from nlp_skills.resources.foundation.files import read_json, write_json, write_yaml
from nlp_skills.resources.promotion import Current, save_current
from nlp_skills.resources.score import best_version, lower_is_better
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.evaluate.metric import known_metrics

MakeTask = Callable[..., TaskFolder]
MakeVersion = Callable[..., VersionFolder]


def test_pages_follow_each_other_without_gap_or_repetition(workspace: Workspace, make_task: MakeTask) -> None:
    for number in range(7):
        make_task(f"task-{number}")
    seen, cursor = [], None
    while True:
        page = list_tasks(workspace, limit=3, cursor=cursor)
        seen += [row.name for row in page.rows]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == [f"task-{number}" for number in range(7)]
    assert page.total == 7


def test_a_last_page_that_is_full_promises_no_more(workspace: Workspace, make_task: MakeTask) -> None:
    for number in range(4):
        make_task(f"task-{number}")
    assert list_tasks(workspace, limit=4).next_cursor is None


def test_tasks_are_filtered_by_derived_state(
    workspace: Workspace, make_task: MakeTask, make_version: MakeVersion
) -> None:
    make_task("fresh")
    write_yaml(make_task("with-data").data_source_file, {"sources": [{"type": "file"}]})
    (make_task("in-training").versions / "v1").mkdir(parents=True)
    make_version(make_task("measured"), 0.8)
    deployed = make_task("live")
    write_json(deployed.deployments / "current.json", {"version": "v1"})
    make_task("old", archived="2026-01-01T00:00:00Z")
    found = {
        state: [row.name for row in list_tasks(workspace, state).rows]
        for state in ("created", "configuring", "training", "evaluating", "deployed", "archived")
    }
    assert found == {
        "created": ["fresh"],
        "configuring": ["with-data"],
        "training": ["in-training"],
        "evaluating": ["measured"],
        "deployed": ["live"],
        "archived": ["old"],
    }
    assert task_row(deployed).deployed == "v1"


def test_a_query_finds_words_in_title_goal_and_labels(workspace: Workspace, make_task: MakeTask) -> None:
    make_task("reviews", title="顧客評論", goal="Route complaints FAST")
    make_task("news", title="財經新聞", labels=["正面", "負面"])
    assert [row.name for row in list_tasks(workspace, query="評論").rows] == ["reviews"]
    assert [row.name for row in list_tasks(workspace, query="fast complaints").rows] == ["reviews"]
    assert [row.name for row in list_tasks(workspace, query="正面").rows] == ["news"]
    assert list_tasks(workspace, query="評論 財經").rows == []


def test_a_broken_task_is_listed_with_its_problem(workspace: Workspace, make_task: MakeTask) -> None:
    make_task("broken").file.write_text("type: nonsense\n", encoding="utf-8")
    make_task("sound")
    broken, sound = list_tasks(workspace).rows
    assert broken.problem is not None and "type" in broken.problem and broken.state is None
    assert sound.problem is None and sound.state == "created"


def test_the_best_version_is_chosen_on_the_newest_benchmark_only(
    make_task: MakeTask, make_version: MakeVersion
) -> None:
    task = make_task("reviews")
    make_version(task, 0.99, benchmark="aa" * 32, created="2026-01-01T00:00:00Z")
    make_version(task, 0.81, benchmark="bb" * 32, created="2026-01-02T00:00:00Z")
    make_version(task, 0.79, benchmark="bb" * 32, created="2026-01-03T00:00:00Z")
    make_version(task)
    best = best_version(task)
    assert best is not None and best[:2] == ("v2", 0.81)
    assert task_row(task).versions == 4


def test_a_result_that_was_changed_into_something_else_is_told_and_never_ranked(
    make_task: MakeTask, make_version: MakeVersion
) -> None:
    task = make_task("reviews")
    make_version(task, 0.9)
    file = make_version(task, 0.8).results_file
    content = read_json(file)
    content["evaluations"][0]["metrics"]["macro_f1"]["value"] = "high"
    write_json(file, content)
    row = task_row(task)
    assert row.best_score is None and row.problem is not None and "macro_f1" in row.problem


def test_a_row_holds_the_best_score_in_the_tasks_own_metric_against_its_goal(
    make_task: MakeTask, make_version: MakeVersion
) -> None:
    task = make_task("reviews", success_criteria={"metric": "accuracy", "threshold": 0.8})
    make_version(task, 0.79)
    assert (task_row(task).metric, task_row(task).best_score, task_row(task).met) == ("accuracy", 0.79, False)
    make_version(task, 0.8)
    save_current(task, Current(version="v1"))
    row = task_row(task)
    assert (row.best_version, row.threshold, row.met, row.current) == ("v2", 0.8, True, "v1")


def test_which_metrics_are_better_lower_is_what_they_say_of_themselves() -> None:
    assert [name for name in known_metrics() if lower_is_better(name)] == ["invalid_rate"]
    assert not lower_is_better("of_a_package_that_is_gone") and not lower_is_better("recall.negative")


def test_archived_tasks_are_left_out_unless_they_are_asked_for(workspace: Workspace, make_task: MakeTask) -> None:
    make_task("at-work", goal="we archived: nothing")
    make_task("put-away", archived="2026-01-01T00:00:00Z")
    make_task("brought-back").file.write_text("name: brought-back\narchived: null\n", encoding="utf-8")
    make_task("other-style").file.write_text("{name: other-style, archived: '2026-01-01'}\n", encoding="utf-8")
    page = list_tasks(workspace)
    assert [row.name for row in page.rows] == ["at-work", "brought-back"] and (page.total, page.archived) == (2, 2)
    assert [row.name for row in list_tasks(workspace, "archived").rows] == ["other-style", "put-away"]


def test_a_thousand_tasks_are_listed_at_once(workspace: Workspace, make_task: MakeTask) -> None:
    text = make_task("task-0000").file.read_text(encoding="utf-8")
    for number in range(1, 1000):
        folder = workspace.root / f"task-{number:04}"
        folder.mkdir()
        (folder / "task.yaml").write_text(text.replace("task-0000", folder.name), encoding="utf-8")
    first = _seconds(lambda: list_tasks(workspace))
    last = _seconds(lambda: list_tasks(workspace, cursor="task-0980"))
    filtered = _seconds(lambda: list_tasks(workspace, "deployed"))
    print(f"1,000 tasks: first page {first:.3f} s, last page {last:.3f} s, none of a state {filtered:.3f} s")
    assert first < 0.5 and last < 0.5
    assert filtered < 5


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
