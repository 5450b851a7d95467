from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nlp_skills import __version__
from nlp_skills.resources.foundation.files import dump_jsonl, read_jsonl, read_yaml, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.compute.jobs.scripts import SCRIPTS, script_texts
from tests.tools.data.conftest import sentences

NAMES = [script.file for script in SCRIPTS]


def run(script: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=script.parents[1],
        env=environment,
        text=True,
        encoding="utf-8",
        capture_output=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture
def copied(task: TaskFolder, tmp_path: Path) -> Path:
    return Path(shutil.copytree(task.root, tmp_path / "elsewhere" / "copied"))


@pytest.mark.parametrize("name", NAMES)
def test_a_script_explains_itself_from_a_copied_folder_without_a_server(
    copied: Path, environment: dict[str, str], name: str
) -> None:
    script = copied / "scripts" / name
    done = run(script, environment, str(script), "--help")
    assert done.returncode == 0, done.stderr
    assert name in done.stdout
    assert done.stderr == ""


def test_a_script_says_when_another_version_is_installed(copied: Path, environment: dict[str, str]) -> None:
    script = copied / "scripts" / "02_validate_data.py"
    script.write_text(script.read_text(encoding="utf-8").replace(__version__, "1.2.3"), encoding="utf-8")
    done = run(script, environment, str(script), "--help")
    assert done.returncode == 0
    assert "1.2.3" in done.stderr and __version__ in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_script_says_how_to_run_it_where_the_package_is_missing(
    copied: Path, environment: dict[str, str], name: str
) -> None:
    script = copied / "scripts" / name
    done = run(script, environment, "-I", "-S", str(script))
    assert done.returncode == 1
    assert f"uv run python scripts/{name}" in done.stderr and "pip install 'wheels/" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_scripts_are_short_and_speak_the_tasks_language(language: str) -> None:
    for name, text in script_texts(language, "some.whl").items():  # type: ignore[arg-type]
        compile(text, name, "exec")
        assert len(text.splitlines()) <= 30
        assert ("安裝" in text) == (language == "zh-TW")


def test_script_01_by_hand_fetches_all_sources_or_one(copied: Path, environment: dict[str, str]) -> None:
    for name, start in (("old", 0), ("new", 100)):
        (copied / f"{name}.jsonl").write_bytes(dump_jsonl(sentences(30, start)))
    with TaskFolder(copied).change() as task:
        task.type, task.labels = "entity-classification", ["正面", "中性", "負面"]
    write_yaml(
        copied / "data_source.yaml",
        {"sources": [{"type": "file", "path": "old.jsonl"}, {"type": "file", "path": "new.jsonl"}]},
    )
    script = copied / "scripts" / "01_regenerate_data.py"
    whole = run(script, environment, str(script))
    assert whole.returncode == 0, whole.stderr
    assert len(list(read_jsonl(copied / "data" / "train.jsonl"))) == 42

    for name, start in (("old", 0), ("new", 100)):
        (copied / f"{name}.jsonl").write_bytes(dump_jsonl(sentences(40, start)))
    one = run(script, environment, str(script), "--source", "1")
    assert one.returncode == 0, one.stderr
    rows = [row for split in ("train", "valid", "test") for row in read_jsonl(copied / "data" / f"{split}.jsonl")]
    assert len(rows) == 70 and read_yaml(copied / "data_source.yaml")["regeneration"]["last_run"]
    assert "新增 10 列" in one.stdout or "10 rows added" in one.stdout
    missing = run(script, environment, str(script), "--source", "7")
    assert missing.returncode == 1 and ("0 to 1" in missing.stderr or "0 到 1" in missing.stderr)
