from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.errors import DataSourceError, TaskError
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace

MakeTask = Callable[..., TaskFolder]


def test_a_hidden_folder_is_no_task(workspace: Workspace, make_task: MakeTask) -> None:
    make_task("reviews")
    make_task(".reviews.0123abcd.tmp")
    assert workspace.task_names() == ["reviews"]


def test_a_folder_brought_along_under_any_name_is_a_task(workspace: Workspace, make_task: MakeTask) -> None:
    folder = make_task("財經 News")
    assert workspace.task("財經 News").root == folder.root


def test_a_task_is_found_by_its_title(workspace: Workspace, make_task: MakeTask) -> None:
    make_task("reviews", title="顧客評論")
    assert workspace.task("顧客評論").name == "reviews"


def test_the_nearest_names_are_offered_for_an_unknown_task(workspace: Workspace, make_task: MakeTask) -> None:
    for name in ("entity-sentiment", "reviews"):
        make_task(name)
    with pytest.raises(TaskError, match="no task named 'entity-sentimnt'") as caught:
        workspace.task("entity-sentimnt")
    assert caught.value.field == "task"
    assert "entity-sentiment" in caught.value.fix.en and "reviews" not in caught.value.fix.en
    assert "entity-sentiment" in caught.value.fix.zh


@pytest.mark.parametrize("name", ["../secret", "..", "/etc", "a/../../secret", "..\\secret", "", ".", "reviews/../x"])
def test_a_name_never_leads_out_of_the_workspace(workspace: Workspace, make_task: MakeTask, name: str) -> None:
    make_task("reviews")
    outside = workspace.root.parent / "secret"
    outside.mkdir()
    (outside / "task.yaml").write_text("name: secret\n", encoding="utf-8")
    with pytest.raises(TaskError):
        workspace.task(name)


def test_a_broken_task_file_is_described_in_both_languages(make_task: MakeTask) -> None:
    folder = make_task("reviews")
    folder.file.write_text("name: [unclosed\n", encoding="utf-8")
    with pytest.raises(TaskError) as caught:
        folder.load()
    assert str(folder.file) in caught.value.problem.en and "line 2" in caught.value.problem.en
    with speaking("zh-TW"):
        assert "不是有效的 YAML" in str(caught.value)


def test_a_wrong_value_in_a_task_file_names_the_field_and_the_nearest_value(make_task: MakeTask) -> None:
    folder = make_task("reviews")
    folder.file.write_text("name: reviews\ntype: clasification\n", encoding="utf-8")
    with pytest.raises(TaskError) as caught:
        folder.load()
    assert caught.value.field == "type"
    assert "did you mean classification" in caught.value.problem.en
    assert "你是不是要用 classification" in caught.value.problem.zh


def test_a_task_in_a_newer_format_is_refused(make_task: MakeTask) -> None:
    folder = make_task("reviews")
    folder.file.write_text("format: 2\nname: reviews\n", encoding="utf-8")
    with pytest.raises(TaskError, match="format 2"):
        folder.load()


def test_the_state_is_derived_even_while_the_data_source_is_being_edited(make_task: MakeTask) -> None:
    folder = make_task("reviews")
    assert folder.state() == "created"
    folder.data_source_file.write_text("sources: [\n", encoding="utf-8")
    assert folder.state() == "configuring"


def test_the_seeds_data_source_loads_as_it_stands(make_task: MakeTask) -> None:
    from nlp_skills.resources.data_source import load_data_source

    folder = make_task("reviews")
    folder.data_source_file.write_text(SEED_DATA_SOURCE, encoding="utf-8")
    loaded = load_data_source(folder)
    assert [source.type for source in loaded.sources] == ["database", "api", "web_scrape", "llm_generated"]
    assert loaded.sources[0].model_extra == {
        "connection": "postgresql://user:pass@host/db",
        "query": "SELECT text, label FROM annotations",
        "snapshot_date": "2026-01-06",
    }
    assert loaded.regeneration.last_run == "2026-01-06T10:30:00"


def test_a_wrong_share_in_a_data_source_names_its_field(make_task: MakeTask, tmp_path: Path) -> None:
    from nlp_skills.resources.data_source import load_data_source

    folder = make_task("reviews")
    folder.data_source_file.write_text("split: {train: 7}\n", encoding="utf-8")
    with pytest.raises(DataSourceError, match="must be < 1") as caught:
        load_data_source(folder)
    assert caught.value.field == "split.train"


SEED_DATA_SOURCE = """
sources:
  - type: database
    connection: postgresql://user:pass@host/db
    query: "SELECT text, label FROM annotations"
    snapshot_date: 2026-01-06
  - type: api
    endpoint: https://api.example.com/data
    params:
      limit: 1000
  - type: web_scrape
    urls: ["https://..."]
    keywords: ["金融", "股票"]
  - type: llm_generated
    prompt_template: |
      生成 {count} 筆金融情感分析訓練資料...
    model: gpt-4o
    count: 500
regeneration:
  script: scripts/01_regenerate_data.py
  last_run: 2026-01-06T10:30:00
"""
