from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from nlp_skills import __version__
from nlp_skills.resources.foundation.errors import MissingRequirement, WorkspaceError
from nlp_skills.resources.foundation.files import write_json
from nlp_skills.resources.job import JobFolder, job_folder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.answers import SetUp
from nlp_skills.tools.compute.consent import set_up_environment
from nlp_skills.tools.compute.environments import environment, installing
from nlp_skills.tools.compute.hardware import Accelerator
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.worker import built_worker, find_worker, interpreter, worker_python, worker_root
from tests.tools.compute.working import eventually, kill_hard

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins for uv are scripts with a first line")


@pytest.fixture(autouse=True)
def _no_worker_and_no_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NLP_SKILLS_WORKER", raising=False)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr("nlp_skills.tools.compute.worker.importlib.util.find_spec", lambda _: None)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A library of one module, as a wheel."""
    path = tmp_path / "probe_library-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("probe_library.py", "__version__ = '1.0'\n")
        for name, content in (
            ("METADATA", "Metadata-Version: 2.1\nName: probe-library\nVersion: 1.0\n"),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ):
            archive.writestr(f"probe_library-1.0.dist-info/{name}", content)
    return path


def build(workspace: Workspace, *arguments: str, name: str = "new") -> JobFolder:
    target = worker_root(workspace) / name
    return job_control.submit(
        workspace,
        "environment",
        environment.ENTRY,
        ["--target", str(target), *arguments],
        python=sys.executable,
        resumable=True,
        alone=True,
    )


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!{sys.executable}\nimport sys, time, pathlib\n{body}\n", "utf-8")
    path.chmod(0o755)
    return path


def standing(workspace: Workspace, name: str = "old") -> Path:
    """An environment that was built before."""
    python = interpreter(worker_root(workspace) / name)
    python.parent.mkdir(parents=True)
    python.touch()
    write_json(worker_root(workspace) / "current.json", {"format": 1, "folder": name, "nlp_skills": __version__})
    return python


def test_a_build_killed_half_way_is_not_used_and_resumes_to_a_whole_one_even_when_uv_fails(
    workspace: Workspace, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = standing(workspace)
    up, broken = tmp_path / "up", tmp_path / "broken"
    uv = script(
        tmp_path / "uv",
        f"pathlib.Path({str(up)!r}).touch()\n"
        f"if pathlib.Path({str(broken)!r}).exists(): sys.exit('error: no index')\ntime.sleep(600)",
    )
    monkeypatch.setenv("UV", str(uv))
    folder = build(
        workspace, "--require=--no-index", "--require=--no-deps", "--require", str(wheel), "--check", "probe_library"
    )
    eventually(up.exists)
    kill_hard(folder)
    assert folder.state() == "interrupted"
    assert built_worker(workspace) == before
    broken.touch()
    job_control.resume(folder, workspace)
    assert job_control.wait(folder, 120) == "succeeded", job_control.log_tail(folder, 20)
    python = worker_python(workspace)
    assert python == interpreter(worker_root(workspace) / "new")
    told = subprocess.run(
        [python, "-c", "import probe_library; print(probe_library.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "1.0"
    result = folder.exit().result  # type: ignore[union-attr]
    assert result["installer"] == "pip" and result["packages"] == {"probe_library": "1.0"}
    assert before.exists(), "the one before stays for jobs that may still use it"


def test_a_build_that_fails_says_why_without_secrets_and_leaves_the_old_one(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = standing(workspace)
    (worker_root(workspace) / "new").touch()  # pip's turn fails at once: no environment can be made of a file
    monkeypatch.setenv("UV", str(script(tmp_path / "uv", "sys.exit('error: https://me:hunter22@index/simple: 403')")))
    folder = build(workspace)
    assert job_control.wait(folder, 120) == "failed"
    error = str(job_control.failure(folder))
    assert "uv: error: https://***" in error and "403 / pip:" in error and "PIP_FIND_LINKS" in error
    assert "hunter22" not in error + folder.output_file.read_text("utf-8")
    assert built_worker(workspace) == before


def test_the_download_that_was_agreed_to_with_it_begins_when_it_stands(workspace: Workspace, wheel: Path) -> None:
    folder = build(
        workspace,
        "--require=--no-index",
        "--require=--no-deps",
        "--require",
        str(wheel),
        "--check",
        "probe_library",
        "--base-model",
        "someone/tiny-model",
        "--commit",
        "c" * 40,
    )
    assert job_control.wait(folder, 120) == "succeeded", job_control.log_tail(folder, 20)
    result = folder.exit().result  # type: ignore[union-attr]
    download = job_folder(workspace, result["downloading"])
    assert download.spec().arguments == ["--name", "someone/tiny-model", "--commit", "c" * 40]
    assert download.spec().python == str(worker_python(workspace))
    assert result["next_step"]["arguments"] == {"job_id": download.id}
    job_control.wait(download, 60)


def test_an_environment_whose_libraries_do_not_import_does_not_count(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = "import venv\nif sys.argv[1] == 'venv': venv.create(sys.argv[-1], with_pip=False)"
    monkeypatch.setenv("UV", str(script(tmp_path / "uv", empty)))
    folder = build(workspace, "--check", "no_such_module")
    assert job_control.wait(folder, 120) == "failed"
    assert "No module named 'no_such_module'" in str(job_control.failure(folder))
    assert built_worker(workspace) is None


def test_without_a_yes_the_size_the_place_and_the_flavour_are_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = set_up_environment(workspace, confirm=False)
    assert isinstance(answer, SetUp)
    assert all(word in answer.message for word in ("GB", "PyTorch for CPU", str(worker_root(workspace))))
    assert answer.next_step.arguments == {"what": "environment", "confirm": True}
    assert not workspace.jobs.exists()


def test_a_second_yes_follows_the_build_that_is_running(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV", str(script(tmp_path / "uv", "time.sleep(600)")))
    first = set_up_environment(workspace, confirm=True)
    second = set_up_environment(workspace, confirm=True)
    assert isinstance(first, JobFolder) and isinstance(second, JobFolder) and first.id == second.id
    job_control.cancel(first)
    third = set_up_environment(workspace, confirm=True)
    assert isinstance(third, JobFolder) and third.id == first.id, "it is carried on"
    job_control.cancel(third)


def test_a_disk_without_room_is_said_before_the_build(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "free_disk", lambda _: 10_000_000)
    with pytest.raises(WorkspaceError, match=r"10\.0 MB"):
        set_up_environment(workspace, confirm=True)


def test_a_standing_environment_is_used_and_one_of_another_version_is_not(workspace: Workspace) -> None:
    with pytest.raises(MissingRequirement, match="worker environment"):
        worker_python(workspace)
    python = standing(workspace)
    assert find_worker(workspace) == python
    answer = set_up_environment(workspace, confirm=True)
    assert isinstance(answer, SetUp) and answer.path == str(python)
    write_json(worker_root(workspace) / "current.json", {"format": 1, "folder": "old", "nlp_skills": "0.0.1"})
    assert find_worker(workspace) is None


def test_a_worker_named_by_the_person_that_is_not_there_is_said(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_WORKER", "/no/such/python")
    with pytest.raises(MissingRequirement, match="NLP_SKILLS_WORKER names /no/such/python"):
        worker_python(workspace)


@pytest.mark.parametrize(
    ("direct_url", "expected"),
    [
        (None, [f"nlp-skills[train]=={__version__}"]),
        (
            {"url": "file:///tmp/nlp_skills-2.0.0-py3-none-any.whl", "archive_info": {}},
            ["nlp-skills[train] @ file:///tmp/nlp_skills-2.0.0-py3-none-any.whl"],
        ),
        (
            {"url": "https://host/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            ["nlp-skills[train] @ git+https://host/x.git@abc"],
        ),
        ({"url": "file:///tmp/a%20checkout", "dir_info": {"editable": True}}, ["--editable", "/tmp/a checkout[train]"]),
        ({"url": "file:///tmp/copied", "dir_info": {}}, ["nlp-skills[train] @ file:///tmp/copied"]),
    ],
)
def test_the_worker_gets_this_same_nlp_skills(
    monkeypatch: pytest.MonkeyPatch, direct_url: dict[str, object] | None, expected: list[str]
) -> None:
    class Installed:
        def read_text(self, _name: str) -> str | None:
            return json.dumps(direct_url) if direct_url else None

    monkeypatch.setattr(metadata, "distribution", lambda _: Installed())
    assert installing.own_requirement() == expected


def test_from_a_checkout_that_was_never_installed_the_checkout_itself_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert installing.own_requirement()[-2] == "--editable"


def test_uv_takes_the_build_of_pytorch_that_fits_unless_the_person_names_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS", "UV_TORCH_BACKEND"):
        monkeypatch.delenv(name, raising=False)

    def install(flavour: Accelerator) -> list[str]:
        return installing.uv_commands("uv", tmp_path, ["x"], flavour)[1][0]

    assert install("cpu")[-3:] == ["--torch-backend", "cpu", "x"]
    assert install("cuda")[-3:] == ["--torch-backend", "auto", "x"]
    assert "--torch-backend" not in install("mps")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    assert "--torch-backend" not in install("cuda")
    assert installing.uv_environment()["UV_FIND_LINKS"] == "/wheels"


def test_environments_nobody_uses_are_cleared_after_a_build(workspace: Workspace, wheel: Path) -> None:
    standing(workspace, "old")
    (worker_root(workspace) / "abandoned").mkdir()
    environment._remove_others(workspace, {"new", "old"})
    assert sorted(os.listdir(worker_root(workspace))) == ["current.json", "old"]
    assert built_worker(workspace) is not None
