from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from nlp_skills import __version__
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.compute.environments.wheel import PACKAGE, WHEEL_NAME, package_wheel

DIST_INFO = f"nlp_skills-{__version__}.dist-info"


@pytest.fixture(scope="module")
def wheel() -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(package_wheel()))


def test_the_same_files_give_the_same_bytes() -> None:
    assert package_wheel() == package_wheel()


def test_every_file_of_the_package_is_in_it_and_nothing_hidden(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if not name.startswith(DIST_INFO)}
    assert {
        "nlp_skills/__init__.py",
        "nlp_skills/py.typed",
        "nlp_skills/server/cli.py",
        "nlp_skills/tools/compute/environments/wheel.py",
    } <= names
    for part in ("server", "tools", "resources", "prompts"):
        on_disk = {f"nlp_skills/{path.relative_to(PACKAGE).as_posix()}" for path in (PACKAGE / part).rglob("*.py")}
        assert on_disk <= names
    assert not [name for name in names if "__pycache__" in name or "/." in name or name.endswith(".pyc")]


def test_its_record_holds_the_hash_and_size_of_every_file(wheel: zipfile.ZipFile) -> None:
    rows = {
        name: (digest, size)
        for name, digest, size in csv.reader(wheel.read(f"{DIST_INFO}/RECORD").decode().splitlines())
    }
    assert list(rows) == wheel.namelist()
    for name, (digest, size) in rows.items():
        if name != f"{DIST_INFO}/RECORD":
            content = wheel.read(name)
            sha256 = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={sha256}", str(len(content)))


def test_its_metadata_names_what_the_package_needs(wheel: zipfile.ZipFile) -> None:
    metadata = Parser().parsestr(wheel.read(f"{DIST_INFO}/METADATA").decode())
    needs = metadata.get_all("Requires-Dist") or []
    assert (metadata["Name"], metadata["Version"]) == ("nlp-skills", __version__)
    assert metadata["Requires-Python"] == ">=3.11"
    assert any(need.startswith("mcp") and "extra" not in need for need in needs)
    assert any(need.startswith("torch") and "extra == 'train'" in need.replace('"', "'") for need in needs)
    assert b"nlp-skills = nlp_skills.server.cli:main" in wheel.read(f"{DIST_INFO}/entry_points.txt")


def test_it_installs_into_a_fresh_environment_and_runs_a_copied_folders_script(
    task: TaskFolder, tmp_path: Path
) -> None:
    fresh = tmp_path / "fresh"
    venv.create(fresh, with_pip=True)
    programs = fresh / ("Scripts" if sys.platform == "win32" else "bin")
    python = programs / ("python.exe" if sys.platform == "win32" else "python")
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # What the wheel needs is borrowed from this environment; only the wheel itself is installed.
    borrowed = {**outside, "PYTHONPATH": sysconfig.get_paths()["purelib"], "PYTHONUTF8": "1"}

    def run(*command: object, environment: dict[str, str]) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            env=environment,
            text=True,
            encoding="utf-8",
            capture_output=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        task.root / "wheels" / WHEEL_NAME,
        environment=outside,
    )
    where = run(python, "-c", "import nlp_skills; print(nlp_skills.__file__)", environment=outside)
    assert Path(where.strip()).is_relative_to(fresh.resolve())
    assert __version__ in run(programs / "nlp-skills", "--version", environment=borrowed)
    assert "usage" in run(python, task.scripts / "02_validate_data.py", "--help", environment=borrowed)
    repack = (
        "import io, zipfile; from nlp_skills.tools.compute.environments.wheel import package_wheel; "
        "print(*zipfile.ZipFile(io.BytesIO(package_wheel())).namelist(), sep='\\n')"
    )
    with zipfile.ZipFile(task.root / "wheels" / WHEEL_NAME) as original:
        assert set(run(python, "-c", repack, environment=borrowed).split()) == set(original.namelist())
