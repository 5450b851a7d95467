"""The demonstration's task as an earlier commit left it: it opens, says what it said, and goes on with the package of now."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import nlp_skills
from nlp_skills.resources.browsing.listing import list_tasks
from nlp_skills.resources.browsing.reading import read
from nlp_skills.resources.deployment import Deployment
from nlp_skills.resources.foundation.files import read_json, read_yaml
from nlp_skills.resources.job import job_folders
from nlp_skills.resources.lineage import load_lineage
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.data.benchmark import frozen_benchmark
from nlp_skills.tools.data.store import load_snapshot
from nlp_skills.tools.evaluate.verified import latest_results
from nlp_skills.tools.train import reproduce
from nlp_skills.tools.train.planning import plan_training
from tests.tools.deploy.hub import serving

OLDER = Path(__file__).parents[1] / "older"
NAME = "entity-sentiment"
WHERE_IT_STOOD = "/tmp/nlp-skills-demo/workspace"
SECONDS = 240.0


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    root = Path(shutil.copytree(OLDER / "demo", tmp_path / "workspace"))
    shutil.copytree(OLDER / "format_1" / "base-model", root / "base-model")
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(root))
    return Workspace(root)


@pytest.fixture
def task(workspace: Workspace) -> TaskFolder:
    return workspace.task(NAME)


def read_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_unchanged(folder: Path, before: dict[str, bytes], *but: str) -> None:
    """Every file of before stands as it was; files that were added are no concern."""
    after = read_files(folder)
    changed = [name for name in before if after.get(name) != before[name] and not name.startswith(but or ("?",))]
    assert not changed


def test_its_task_is_listed_with_both_versions_and_no_file_is_written_again(
    workspace: Workspace, task: TaskFolder
) -> None:
    before = read_files(task.root)
    [row] = list_tasks(workspace).rows
    assert (row.name, row.type, row.versions, row.problem) == (NAME, "entity-classification", 2, None)
    assert row.best_score is not None
    pages = ("", "/data-source", "/data", "/versions", "/versions/v1", "/versions/v2", "/lineage", "/lineage.mmd")
    for page in (*pages, "/versions/v2/lineage", "/jobs"):
        assert read(workspace, f"nlp-skills://tasks/{NAME}{page}").text
    for job in job_folders(workspace, task):
        assert json.loads(read(workspace, f"nlp-skills://jobs/{job.id}").text)["state"] == "succeeded"
    assert_unchanged(task.root, before)


def test_every_record_says_what_its_file_says(task: TaskFolder) -> None:
    before = read_files(task.root)
    for number in (1, 2):
        version = VersionFolder(task, number)
        assert version.status() == "evaluated"
        files: dict[Path, Any] = {
            version.config_file: version.config(),
            version.model_info_file: version.model_info(),
            version.data_snapshot_file: version.data_snapshot(),
            version.evidence_file: version.evidence(),
            version.environment_file: version.environment(),
            version.lineage_file: load_lineage(version),
        }
        for path, record in files.items():
            content = read_yaml(path) if path.suffix == ".yaml" else read_json(path)
            assert json.dumps(record.to_dict()) == json.dumps(content)
        evaluation = version.latest_evaluation()
        assert latest_results(version) == (evaluation, None)
        load_snapshot(task, version.data_snapshot().hash)
    for job in job_folders(Workspace(task.root.parent), task):
        ended = job.exit()
        assert ended is not None and ended.to_dict() == read_json(job.exit_file)
    [deployed] = task.root.glob("deployments/*.json")
    assert Deployment.read(deployed).to_dict() == read_json(deployed)
    assert frozen_benchmark(task).count == 159
    assert_unchanged(task.root, before)


def settle_in(task: TaskFolder) -> None:
    """What a person does who has moved the folder: say where the two exports stand now."""
    definition = task.data_source_file.read_text(encoding="utf-8")
    assert WHERE_IT_STOOD in definition
    task.data_source_file.write_text(
        definition.replace(WHERE_IT_STOOD, str(task.root.parent)), encoding="utf-8", newline="\n"
    )


@pytest.mark.minutes
def test_its_six_scripts_run_on_the_package_of_now(
    workspace: Workspace, task: TaskFolder, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(task)
    token = "hf_a_token_for_tests_only"
    before = read_files(task.root)

    def run(name: str, *arguments: str, **variables: str) -> str:
        done = subprocess.run(
            [worker, f"scripts/{name}", *arguments],
            cwd=task.root,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(nlp_skills.__path__[0]).parent),
                "HF_HOME": str(workspace.root / "hf"),
                **variables,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("01_regenerate_data.py")
    run("02_validate_data.py")
    run("03_convert_format.py")
    plan_training(workspace, task, {"epochs": 1}, "v2", [], "again")
    run("04_train.py")
    assert VersionFolder(task, 3).status() == "trained"
    assert VersionFolder(task, 3).config().parent == "v2"
    run("05_evaluate.py", "--version", "v2")
    first, second = VersionFolder(task, 2).evaluations()
    assert second.benchmark.hash == first.benchmark.hash
    assert json.dumps(first.to_dict()) == json.dumps(json.loads(before["versions/v2/results.json"])["evaluations"][0])
    with serving(token) as hub:
        offline = {"HF_ENDPOINT": hub.url, "HF_TOKEN": token, "NO_PROXY": "127.0.0.1", "HF_HUB_DISABLE_XET": "1"}
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        run("06_upload_hf.py", "--repo", "owner/mood", "--version", "v2", "--force", "an old task goes on", **offline)
    assert {"adapter_model.safetensors", "lineage.yaml", "results.json", "README.md"} <= set(hub.files)
    of_v2 = [
        f"versions/v2/{name}"
        for name in ("results.json", "evidence.json", "lineage.yaml", "report.html", "predictions.jsonl")
    ]
    written_again = ("data/", "data_source.yaml", "jobs/", "deployments/gates", "docs/", "README.md")
    assert_unchanged(task.root, before, *of_v2, *written_again)
    committed = ("data/snapshots/", "data/raw/")
    assert_unchanged(task.root, {name: held for name, held in before.items() if name.startswith(committed)})


@pytest.mark.minutes
def test_its_first_version_is_trained_again_from_what_it_recorded(
    workspace: Workspace, task: TaskFolder, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(nlp_skills.__path__[0]).parent))
    monkeypatch.setenv("NLP_SKILLS_WORKER", os.fspath(worker))
    before = read_files(task.root)
    job = job_control.submit(workspace, "reproduce", reproduce.ENTRY, [str(task.root), "v1"], python=worker, task=task)
    assert job_control.wait(job, SECONDS) == "succeeded", job_control.failure(job) or job.output_file.read_text(
        encoding="utf-8"
    )
    ended = job.exit()
    assert ended is not None
    same = {check["what"]: check["same"] for check in ended.result["checks"]}
    # Another processor rounds otherwise: the weights may differ, what they were made from may not.
    assert all(same[what] for what in ("config", "snapshot", "split train", "split valid", "split test", "base model"))
    assert_unchanged(task.root, before)
