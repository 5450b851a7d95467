"""Export and import: the same task comes out, and nothing that was tampered with comes in."""

from __future__ import annotations

import json
import shutil
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills import __version__
from nlp_skills.resources.foundation import secrets
from nlp_skills.resources.foundation.errors import JobError, NlpSkillsError, SecretError, TaskError, WorkspaceError
from nlp_skills.resources.foundation.files import read_json, sha256_bytes, sha256_file, write_json, write_yaml
from nlp_skills.resources.removal import model_stands, removal
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.cli import main
from nlp_skills.tools.compute.jobs.scripts import is_generated
from nlp_skills.tools.compute.jobs.task_script import check_entry
from nlp_skills.tools.data.store import Snapshot, load_snapshot
from nlp_skills.tools.evaluate.model import version_paths
from nlp_skills.tools.tasks.create import create_task
from nlp_skills.tools.tasks.export_file import MANIFEST
from nlp_skills.tools.tasks.exporting import destination, export
from nlp_skills.tools.tasks.foreign import ASIDE, bring_in
from nlp_skills.tools.tasks.importing import import_task
from nlp_skills.tools.tasks.project import RECORD, generate
from tests.tools.tasks.conftest import MakeVersion, deploy_version, everything_below, fill_data, write_version

Start = Callable[[str], "subprocess.Popen[str]"]
Forge = Callable[..., Path]
needs_sigkill = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a signal of POSIX")


@pytest.fixture
def other(tmp_path: Path) -> Workspace:
    """A workspace on another machine."""
    return Workspace(tmp_path / "other")


@pytest.fixture(scope="session")
def an_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task with data and one version, with its model, in a file; made once."""
    place = tmp_path_factory.mktemp("export")
    task = fill_data(
        create_task(Workspace(place / "workspace"), "Reviews", "classification", "en", labels=["good", "bad"]).folder
    )
    write_version(task, 0.8)
    return export(task, place / "reviews.zip", models=True).path


@pytest.fixture
def exported(an_export: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(an_export, tmp_path))


@pytest.fixture
def forge(exported: Path, tmp_path: Path) -> Forge:
    """A copy of the export with entries changed, added or left out, its manifest following where asked to."""

    def forge_archive(
        *,
        change: dict[str, bytes] | None = None,
        drop: str = "",
        manifest: dict[str, Any] | None = None,
        follow: bool = False,
        infos: dict[str, zipfile.ZipInfo] | None = None,
    ) -> Path:
        path = tmp_path / "forged.zip"
        with zipfile.ZipFile(exported) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
            content = {name: source.read(name) for name in source.namelist() if name != drop} | (change or {})
            said = {**json.loads(content.pop(MANIFEST)), **(manifest or {})}
            for name, data in (change or {}).items():
                if follow and name != MANIFEST:
                    said["files"][name] = {"bytes": len(data), "sha256": sha256_bytes(data)}
            for name, data in content.items():
                target.writestr((infos or {}).get(name, name), data)
            target.writestr(MANIFEST, json.dumps(said))
        return path

    return forge_archive


def snapshot_of(task: TaskFolder) -> Snapshot:
    """The current snapshot, every file checked against its hash."""
    return load_snapshot(task, read_json(task.data / "current.json")["hash"])


def read_refusal(workspace: Workspace, file: Path, name: str = "") -> NlpSkillsError:
    """The refusal of an import, after which nothing stands."""
    with pytest.raises(NlpSkillsError) as caught:
        import_task(workspace, file, name)
    assert not workspace.root.exists() or (
        not list(workspace.root.glob("*")) and not list(workspace.root.glob(".*.tmp"))
    )
    assert caught.value.problem.zh and caught.value.fix.zh
    return caught.value


def test_a_task_comes_out_of_its_file_as_it_was(
    with_data: TaskFolder, make_version: MakeVersion, other: Workspace, tmp_path: Path
) -> None:
    make_version(0.8)
    (with_data.root / "notes.txt").write_text("asked Ann", encoding="utf-8")
    done = export(with_data, tmp_path / "reviews.zip", models=True)
    assert not done.on_premise and done.sha256 == sha256_file(done.path) and done.bytes == done.path.stat().st_size
    made = import_task(other, done.path)
    assert made.folder.name == "reviews" and made.without_model == [] and made.set_aside == []
    assert everything_below(made.folder.root) == everything_below(with_data.root)
    assert snapshot_of(made.folder).counts == {"train": 16, "valid": 4, "test": 4}
    assert model_stands(VersionFolder(made.folder, 1))


def test_what_belongs_to_this_machine_stays_behind(with_data: TaskFolder, other: Workspace, tmp_path: Path) -> None:
    deploy_version(with_data, "v1")
    write_json(with_data.deployments / "d1.json", {"format": 1, "id": "d1"})
    write_json(with_data.jobs / "j1" / "exit.json", {"state": "succeeded", "ended": "2026"})
    for file in (".env", ".git/config", ".cache/rows", "scripts/__pycache__/x.pyc", "models/v9/adapter/w"):
        (with_data.root / file).parent.mkdir(parents=True, exist_ok=True)
        (with_data.root / file).write_text("PASSWORD=abc", encoding="utf-8")
    (with_data.root / "link").symlink_to(tmp_path)
    done = export(with_data, tmp_path / "reviews.zip")
    with zipfile.ZipFile(done.path) as archive:
        names = set(archive.namelist())
    assert {"task.yaml", ".generated.json", "deployments/d1.json", "benchmarks/main/rows.jsonl"} <= names
    assert not [name for name in names if name.startswith((".env", ".git/", ".cache", "jobs", "models", "link"))]
    assert "deployments/current.json" not in names and not [name for name in names if "__pycache__" in name]
    assert done.left_out == ["link"]
    assert import_task(other, done.path).folder.state() == "configuring"


def test_without_its_model_a_version_says_so(
    with_data: TaskFolder, make_version: MakeVersion, other: Workspace, tmp_path: Path
) -> None:
    make_version(0.8)
    made = import_task(other, export(with_data, tmp_path / "r.zip").path)
    assert made.without_model == ["v1"]
    record = removal(VersionFolder(made.folder, 1))
    assert record is not None and "left out of the export" in record.why.en
    with pytest.raises(NlpSkillsError, match="left out of the export"):
        version_paths(VersionFolder(made.folder, 1))


def test_a_taken_name_is_refused_and_a_free_one_works(exported: Path, workspace: Workspace, task: TaskFolder) -> None:
    before = everything_below(task.root)
    with pytest.raises(TaskError) as caught:
        import_task(workspace, exported)
    assert caught.value.details["suggestion"] == "reviews-2" and everything_below(task.root) == before
    made = import_task(workspace, exported, "reviews-2")
    assert made.folder.load().name == "reviews-2" and workspace.task_names() == ["reviews", "reviews-2"]
    with pytest.raises(TaskError):
        import_task(workspace, exported, "../outside")


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("data_source.yaml", "sources:\n- {type: database, connection: 'postgresql://u:hunter22@h/d', query: q}\n"),
        ("data_source.yaml", "sources:\n- {type: api, password: hunter22}\n"),
        ("docs/how.md", "psql postgresql://u:hunter22@h/d\n"),
        ("scripts/mine.py", "KEY = 'stored-value'\n"),
    ],
)
def test_a_file_that_holds_a_secret_is_named_and_nothing_is_written(
    task: TaskFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, content: str
) -> None:
    monkeypatch.setenv("MY_KEY", "stored-value")
    write_yaml(task.data_source_file, {"sources": [{"type": "api", "token": "${MY_KEY}"}]})
    (task.root / place).write_text(content, encoding="utf-8")
    with pytest.raises(SecretError, match=Path(place).name) as caught:
        export(task, tmp_path / "r.zip")
    assert "hunter22" not in str(caught.value) and "stored-value" not in str(caught.value)
    assert not list(tmp_path.glob("*.zip"))


def test_references_to_secrets_travel_and_their_values_do_not(
    task: TaskFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PG_PASSWORD", "stored-value")
    assert secrets.lookup("PG_PASSWORD") == "stored-value"
    write_yaml(
        task.data_source_file,
        {"sources": [{"type": "database", "connection": "postgresql://u:${PG_PASSWORD}@h/d", "query": "q"}]},
    )
    with zipfile.ZipFile(export(task, tmp_path / "r.zip").path) as archive:
        assert b"${PG_PASSWORD}" in archive.read("data_source.yaml")
        assert not [name for name in archive.namelist() if b"stored-value" in archive.read(name)]


def test_a_task_whose_files_a_job_is_changing_is_not_exported(task: TaskFolder, tmp_path: Path) -> None:
    job = task.jobs / "20260106-150000-000-train-0001"
    write_json(job / "spec.json", {"id": job.name, "kind": "train", "entry": ["x"], "python": "p", "created": "2026"})
    write_json(job / "starter", {"pid": 1, "started": 0.0})
    with pytest.raises(JobError, match=job.name):
        export(task, tmp_path / "r.zip")
    export(task, tmp_path / "r.zip", own_job=job.name)


def test_a_file_that_stands_is_replaced_only_on_request_and_the_task_never_holds_its_own(
    task: TaskFolder, workspace: Workspace, tmp_path: Path
) -> None:
    target = destination(workspace.root, task, str(tmp_path / "r"), replace=False)
    assert target == tmp_path / "r.zip"
    assert destination(workspace.root, task, str(tmp_path), replace=False).parent == tmp_path
    assert destination(workspace.root, task, "", replace=False).parent == workspace.root
    target.write_bytes(b"old")
    with pytest.raises(TaskError, match="already exists"):
        destination(workspace.root, task, str(target), replace=False)
    assert destination(workspace.root, task, str(target), replace=True) == target
    with pytest.raises(TaskError, match="inside the task"):
        destination(workspace.root, task, str(task.docs / "r.zip"), replace=False)


def test_a_changed_file_is_named(forge: Forge, other: Workspace) -> None:
    error = read_refusal(other, forge(change={"versions/v1/config.yaml": b"seed: 1\n"}))
    assert "versions/v1/config.yaml" in error.problem.en and "versions/v1/config.yaml" in error.problem.zh


def test_a_changed_file_of_the_same_size_is_named(forge: Forge, exported: Path, other: Workspace) -> None:
    with zipfile.ZipFile(exported) as archive:
        weights = archive.read("models/v1/adapter/weights.safetensors")
    error = read_refusal(other, forge(change={"models/v1/adapter/weights.safetensors": weights[:-1] + b"X"}))
    assert "weights.safetensors" in error.problem.en


def test_bytes_flipped_inside_the_archive_are_noticed(exported: Path, other: Workspace) -> None:
    content = bytearray(exported.read_bytes())
    with zipfile.ZipFile(exported) as archive:
        start = archive.getinfo("models/v1/adapter/weights.safetensors").header_offset + 120
    content[start] ^= 0xFF
    exported.write_bytes(bytes(content))
    assert "weights.safetensors" in read_refusal(other, exported).problem.en


@pytest.mark.parametrize("kept", [0, 10, 1000, -1, -200])
def test_a_truncated_file_is_refused(exported: Path, other: Workspace, kept: int) -> None:
    exported.write_bytes(exported.read_bytes()[:kept])
    assert "truncated" in read_refusal(other, exported).problem.en


def test_a_file_left_out_is_named(forge: Forge, other: Workspace) -> None:
    assert "task.yaml" in read_refusal(other, forge(drop="task.yaml")).problem.en


@pytest.mark.parametrize(
    "name",
    [
        "../outside.txt",
        "/etc/outside.txt",
        "a/../../outside.txt",
        "a\\..\\outside.txt",
        "C:/outside.txt",
        "docs//x.md",
        "./x.md",
        "docs/con.txt",
        "docs/x.md ",
        "docs/\x07.md",
        ".git/hooks/pre-commit",
        ".env",
        "jobs/j/exit.json",
        "deployments/current.json",
        "docs/",
        "versions/.hidden",
        "TASK.yaml",
    ],
)
def test_a_path_no_export_holds_is_refused_by_name(forge: Forge, other: Workspace, tmp_path: Path, name: str) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name  # its constructor would mend some of them
    error = read_refusal(other, forge(change={name: b"x"}, follow=True, infos={name: info}))
    assert name[:3].strip("./") in error.problem.en or repr(name)[1:3] in error.problem.en
    assert not list(tmp_path.rglob("outside.txt"))


def test_a_link_is_refused(forge: Forge, other: Workspace) -> None:
    info = zipfile.ZipInfo("docs/link.md")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    error = read_refusal(
        other, forge(change={"docs/link.md": b"/etc/passwd"}, follow=True, infos={"docs/link.md": info})
    )
    assert "docs/link.md" in error.problem.en and "link" in error.problem.en


def test_an_entry_that_the_manifest_does_not_name_is_refused(forge: Forge, other: Workspace) -> None:
    assert "not in its manifest" in read_refusal(other, forge(change={"docs/more.md": b"x"})).problem.en


@pytest.mark.parametrize(
    "manifest",
    [{"format": 2}, {"kind": "other"}, {"files": {"task.yaml": {"bytes": -1}}}, {"task": 7}, {"task": "../outside"}],
)
def test_a_manifest_of_another_format_is_refused(forge: Forge, other: Workspace, manifest: dict[str, Any]) -> None:
    read_refusal(other, forge(manifest=manifest))


def test_another_archive_is_refused(other: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.txt", "x")
    assert "another kind of file" in read_refusal(other, path).problem.en


def test_a_bomb_is_refused_before_anything_is_unpacked(forge: Forge, other: Workspace) -> None:
    error = read_refusal(other, forge(change={"docs/zeros.txt": b"\0" * (70 * 1024**2)}, follow=True))
    assert "expand" in error.problem.en and not other.root.exists()


def test_what_does_not_fit_on_the_disk_is_refused(
    exported: Path, other: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil._ntuple_diskusage(10**9, 10**9, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: full)
    assert isinstance(read_refusal(other, exported), WorkspaceError)


def test_an_entry_larger_than_it_declares_is_cut_off(forge: Forge, other: Workspace) -> None:
    path = forge()
    with zipfile.ZipFile(path) as archive:
        said = json.loads(archive.read(MANIFEST))
    said["files"]["task.yaml"]["bytes"] -= 1
    assert "task.yaml" in read_refusal(other, forge(manifest=said)).problem.en


def test_a_task_file_that_cannot_be_read_is_refused(forge: Forge, other: Workspace) -> None:
    assert read_refusal(other, forge(change={"task.yaml": b"labels: [open\n"}, follow=True)).field == "task.yaml"


def test_somebodys_own_code_is_set_aside_and_ours_written_afresh(forge: Forge, other: Workspace) -> None:
    made = import_task(
        other, forge(change={"scripts/04_train.py": b"import os\n", "scripts/more.py": b""}, follow=True)
    )
    assert made.set_aside == ["scripts/04_train.py", "scripts/more.py"]
    ours = made.folder.scripts / "04_train.py"
    assert is_generated("04_train.py", ours.read_bytes()) and not (made.folder.scripts / "more.py").exists()
    aside = made.folder.root / ASIDE / "scripts" / "04_train.py"
    assert aside.read_bytes() == b"import os\n"
    assert bring_in(aside) == ours and ours.read_bytes() == b"import os\n"
    assert bring_in(ours) is None


def test_what_was_set_aside_takes_no_place_of_what_a_person_wrote(forge: Forge, other: Workspace) -> None:
    made = import_task(other, forge(change={"scripts/04_train.py": b"import os\n"}, follow=True))
    (made.folder.scripts / "04_train.py").write_text("# mine\n", encoding="utf-8")
    with pytest.raises(TaskError, match="changed by hand"):
        bring_in(made.folder.root / ASIDE / "scripts" / "04_train.py")


def test_an_older_export_comes_in_without_a_word(forge: Forge, exported: Path, other: Workspace) -> None:
    def older(name: str) -> bytes:
        with zipfile.ZipFile(exported) as archive:
            return archive.read(name).replace(__version__.encode(), b"1.9.0").replace(b"frozen benchmark", b"test set")

    names = ("scripts/05_evaluate.py", "pyproject.toml")
    made = import_task(other, forge(change={name: older(name) for name in names}, follow=True), "later")
    assert made.set_aside == []


@needs_sigkill
@pytest.mark.parametrize("point", ["os.replace = die", "zipfile.ZipFile.writestr = die", "exporting.sha256_file = die"])
def test_an_export_killed_leaves_the_old_file_or_the_whole_new_one(
    task: TaskFolder, tmp_path: Path, start_python: Start, point: str, other: Workspace
) -> None:
    target = tmp_path / "r.zip"
    export(task, target)
    (task.root / "notes.txt").write_text("new", encoding="utf-8")
    killed = start_python(f"""
import os, signal, zipfile
from pathlib import Path
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.tasks import exporting
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
{point}
exporting.export(TaskFolder(Path({str(task.root)!r})), Path({str(target)!r}))
""")
    _, said = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL, said
    import_task(other, target)
    export(task, target)
    assert [path.name for path in tmp_path.glob("*r.zip*")] == ["r.zip"] and not list(tmp_path.glob(".r.zip*"))


@needs_sigkill
@pytest.mark.parametrize(
    "point", ["importing.record_removal = die", "os.rename = die", "importing.foreign.set_aside = die"]
)
def test_an_import_killed_leaves_the_whole_task_or_none(
    with_data: TaskFolder, make_version: MakeVersion, tmp_path: Path, other: Workspace, start_python: Start, point: str
) -> None:
    make_version(0.8)
    file = export(with_data, tmp_path / "r.zip").path
    killed = start_python(f"""
import os, signal
from pathlib import Path
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.tasks import importing
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
{point}
importing.import_task(Workspace(Path({str(other.root)!r})), Path({str(file)!r}))
""")
    _, said = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL, said
    assert not other.task_names()
    import_task(other, file)
    assert removal(VersionFolder(other.task("reviews"), 1)) and snapshot_of(other.task("reviews"))


def test_a_person_brings_in_what_was_set_aside_on_the_terminal(
    forge: Forge, other: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    made = import_task(other, forge(change={"scripts/01_regenerate_data.py": b"import os\n"}, follow=True))
    entry = ["scripts/01_regenerate_data.py"]
    check_entry(made.folder.root, entry)  # ours, written afresh
    assert main(["allow", "--script", str(made.folder.root / ASIDE / entry[0])]) == 0
    said = capsys.readouterr().out
    assert str(made.folder.root / entry[0]) in said and sha256_bytes(b"import os\n") in said
    check_entry(made.folder.root, entry)
    assert (made.folder.root / entry[0]).read_bytes() == b"import os\n"
    assert main(["allow", "--script", str(made.folder.root / "none.py")]) == 1


@pytest.mark.parametrize("name", ["wheels/../docs/keep.md", "wheels/../../keep.md", "wheels/sub/keep.whl"])
def test_a_record_that_came_along_removes_nothing_but_wheels(task: TaskFolder, name: str) -> None:
    kept = task.root / name
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("mine", encoding="utf-8")
    record = read_json(task.root / RECORD)
    write_json(task.root / RECORD, {**record, "files": {**record["files"], name: sha256_bytes(b"mine")}})
    generate(task)
    assert kept.read_text(encoding="utf-8") == "mine"
