"""The demonstration: its data stays apart, its database is real, and it is told to the end of v1 by a real client."""

from __future__ import annotations

import csv
import os
from dataclasses import fields
from pathlib import Path

import pytest

from nlp_skills.resources.data_source import SplitPolicy
from nlp_skills.resources.foundation.files import read_json
from nlp_skills.resources.foundation.language import LANGUAGES, Language
from nlp_skills.server.demo import fixtures, story
from nlp_skills.server.demo.postgres import find_postgres, running_postgres
from nlp_skills.server.demo.script import SCRIPTS
from nlp_skills.tools.data.rows import Skeletons, row_id
from nlp_skills.tools.data.split import split_rows

pytestmark = pytest.mark.minutes


def _read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_data_is_at_least_600_distinct_sentences_over_three_labels(language: Language, tmp_path: Path) -> None:
    rows = [row for path in fixtures.exports(language, tmp_path) for row in _read(path)]
    assert len({row["text"] for row in rows}) >= 600
    assert {row["label"] for row in rows} == set(SCRIPTS[language].task["labels"])
    assert all(row["entity"] in row["text"] for row in rows)
    assert len({(row["text"], row["entity"]) for row in rows}) == len(rows)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_benchmark_has_150_rows_and_no_skeleton_of_the_training_rows(language: Language, tmp_path: Path) -> None:
    first, _ = fixtures.exports(language, tmp_path)
    rows = [{**row, "id": row_id(row["text"], row["entity"])} for row in _read(first)]
    splits = split_rows(rows, SplitPolicy.model_validate(story.FIRST_SPLIT))
    skeletons = Skeletons({row["entity"] for row in rows})
    test = {skeletons.of(row["text"]) for row in splits["test"]}
    assert len(splits["test"]) >= 150
    assert not test & {skeletons.of(row["text"]) for row in [*splits["train"], *splits["valid"]]}


def test_both_people_say_the_same_things() -> None:
    english, chinese = SCRIPTS["en"], SCRIPTS["zh-TW"]
    for field in fields(english):
        told = getattr(english, field.name), getattr(chinese, field.name)
        assert all(told) or told[0] == told[1] == {}, field.name
        if isinstance(told[0], dict):
            assert set(told[0]) == set(told[1]), field.name


def test_the_second_export_comes_out_of_a_real_postgresql_as_it_went_in(tmp_path: Path) -> None:
    _, later = fixtures.exports("zh-TW", tmp_path)

    if find_postgres() is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed")
    with running_postgres() as server:
        story._fill(server, later)
        assert server.value("SELECT count(*) FROM annotations") == len(_read(later))
        assert server.value('SELECT min(text COLLATE "C") FROM annotations') == min(row["text"] for row in _read(later))


def test_a_folder_that_is_no_demonstration_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert story.main(["--workspace", str(tmp_path)]) == 1
    assert "--workspace" in capsys.readouterr().out
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_the_story_is_told_to_the_end_of_v1_by_a_real_client(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fixtures, "base_model", lambda _worker, _told: tiny_model)
    monkeypatch.setenv("NLP_SKILLS_CACHE", str(tiny_model.parent))  # where a base model of the demonstration stands
    assert story.main(["--language", "zh-TW", "--workspace", str(tmp_path / "demo"), "--stop-after", "v1"]) == 0
    told = capsys.readouterr().out
    assert "我想訓練一個模型" in told and "majority" in told and "tfidf" in told
    version = tmp_path / "demo" / story.TASK / "versions" / "v1"
    assert read_json(version / "results.json")["evaluations"][0]["benchmark"]["count"] >= 150
    assert (version / "lineage.yaml").is_file() and (version / "report.html").is_file()
