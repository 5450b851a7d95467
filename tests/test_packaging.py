"""What is shipped: the wheel holds the whole package and nothing else, and starts where only its own needs are."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
FOLDERS = ("server", "tools", "resources", "prompts")
MINUTES = 60.0


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder, "--wheel", "--sdist")
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return only(built.glob("*.whl"))


def build(source: Path, destination: Path, *what: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *what, "--outdir", str(destination), str(source)],
        capture_output=True,
        text=True,
        timeout=5 * MINUTES,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def only(found: Iterator[Path]) -> Path:
    (one,) = found
    return one


def unpack(sdist: Path, destination: Path) -> None:
    """Write the files of `sdist`; `extractall` has no filter before Python 3.11.4 and wants one from 3.12 on."""
    with tarfile.open(sdist) as archive:
        for member in archive:
            if content := archive.extractfile(member):
                (destination / member.name).parent.mkdir(parents=True, exist_ok=True)
                (destination / member.name).write_bytes(content.read())


def contents(wheel: Path) -> dict[str, int]:
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist() if not entry.filename.endswith("RECORD")}


def test_the_wheel_holds_every_file_of_the_four_folders_and_nothing_else(wheel: Path) -> None:
    expected = {"nlp_skills/__init__.py", "nlp_skills/py.typed"}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                expected.add(f"nlp_skills/{path.relative_to(ROOT).as_posix()}")
    shipped = {name for name in contents(wheel) if ".dist-info/" not in name}
    assert shipped == expected
    assert {Path(name).suffix for name in shipped} >= {".py", ".md", ".csv", ".typed"}


def test_the_wheel_carries_its_licence_and_its_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        commands = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "nlp-skills = nlp_skills.server.cli:main" in commands
    assert "License-Expression: Apache-2.0" in metadata
    assert "://" not in "".join(line for line in metadata.splitlines() if line.startswith("Requires-Dist"))


def test_a_wheel_built_from_the_sdist_is_the_same_wheel(built: Path, wheel: Path, tmp_path: Path) -> None:
    unpack(only(built.glob("*.tar.gz")), tmp_path / "source")
    build(only((tmp_path / "source").iterdir()), tmp_path / "dist", "--wheel")
    assert contents(only((tmp_path / "dist").glob("*.whl"))) == contents(wheel)


def test_the_wheel_starts_where_nothing_but_its_own_requirements_is_installed(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "clean")], check=True, timeout=5 * MINUTES)
    python = tmp_path / "clean" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    site = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True, timeout=MINUTES
        ).strip()
    )
    link_requirements(wheel, site)
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([python, *install], check=True, timeout=5 * MINUTES, stdin=subprocess.DEVNULL)
    subprocess.run([python, "-m", "pip", "check"], check=True, timeout=MINUTES, stdout=subprocess.DEVNULL)

    command = python.with_name("nlp-skills")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment["NLP_SKILLS_WORKSPACE"] = str(tmp_path / "workspace")

    async def ask() -> list[str]:
        parameters = StdioServerParameters(command=str(command), args=[], env=environment, cwd=str(tmp_path))
        async with Client(parameters) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    assert "coach" in anyio.run(ask)


def link_requirements(wheel: Path, site: Path) -> None:
    """Make the wheel's own requirements, and theirs, importable in `site`, out of this environment."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("METADATA"))
        lines = archive.read(name).decode().splitlines()
    wanted = [(line.partition(": ")[2], frozenset[str]()) for line in lines if line.startswith("Requires-Dist: ")]
    seen: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        text, extras = wanted.pop()
        requirement = Requirement(text)
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            continue
        asked = (requirement.name, frozenset(requirement.extras))
        if asked in seen:
            continue
        seen.add(asked)
        distribution = importlib.metadata.distribution(requirement.name)
        wanted += [(inner, asked[1]) for inner in distribution.requires or []]
        for top in {file.parts[0] for file in distribution.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            link = site / top
            if not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(top))))
