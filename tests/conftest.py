"""What all tests share: they touch neither the person's workspace nor their keychain, whatever is set outside."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from nlp_skills.resources.foundation import masking
from nlp_skills.tools.compute.jobs import job_control, local_process
from tests.permissions import allow_for_tests
from tests.warm_jobs import WarmProcess, starts_warm

_WORKER_ONLY = re.compile(r"^pytestmark = .*pytest\.mark\.worker", re.MULTILINE)
_HAS_TRAINING_LIBRARIES = importlib.util.find_spec("torch") is not None

# What is costly to make and the same for all tests: kept, and made once where several processes test.
CACHE = Path(__file__).parents[1] / ".cache" / "tests"
_TINY_MODEL = Path(__file__).with_name("tiny_model.py")

_away = tempfile.TemporaryDirectory(prefix="nlp-skills-tests-")
os.environ["NLP_SKILLS_WORKSPACE"] = str(Path(_away.name) / "workspace")
os.environ["NLP_SKILLS_SECRETS_DIR"] = str(Path(_away.name) / "secrets")
allow_for_tests(Path(os.environ["NLP_SKILLS_SECRETS_DIR"]))
os.environ["NLP_SKILLS_QUEUE_DIR"] = str(Path(_away.name) / "queue")
os.environ.pop("NLP_SKILLS_LANGUAGE", None)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out files of the worker environment where the libraries they import are missing."""
    if _HAS_TRAINING_LIBRARIES or collection_path.suffix != ".py":
        return None
    return bool(_WORKER_ONLY.search(collection_path.read_text(encoding="utf-8"))) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("minutes") is None)


_start_cold = local_process._start_detached
_PYTHONS = {sys.executable, os.environ.get("NLP_SKILLS_WORKER", sys.executable)}


def _start_warm(command: list[str], *, cwd: Path, env: dict[str, str], stdout: Any, **more: Any) -> Any:
    if starts_warm(command, env, _PYTHONS):
        return WarmProcess(command[0], command[1:], cwd, env, stdout.name)
    return _start_cold(command, cwd=cwd, env=env, stdout=stdout, **more)


@pytest.fixture(scope="session", autouse=True)
def _warm_jobs() -> Iterator[None]:
    """Jobs that this process starts are forked from one that has read the libraries."""
    with pytest.MonkeyPatch.context() as patch:
        if sys.platform != "win32":
            patch.setattr(local_process, "_start_detached", _start_warm)
        patch.setattr(job_control, "POLL_SECONDS", 0.02)
        yield


@pytest.fixture(autouse=True)
def _cold_jobs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """But where a test is about how a process starts and ends."""
    if request.node.get_closest_marker("cold"):
        monkeypatch.setattr(local_process, "_start_detached", _start_cold)


@pytest.fixture(autouse=True)
def _no_secret_left_behind() -> Iterator[None]:
    """What a test stored or sent is not looked for in the files of the next."""
    before = set(masking._known)
    yield
    masking._known.intersection_update(before)
    masking._longest_first.cache_clear()
    (Path(_away.name) / "secrets" / "secrets.json").unlink(missing_ok=True)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def worker() -> Path:
    """The interpreter that has the training libraries."""
    named = os.environ.get("NLP_SKILLS_WORKER")
    if named and Path(named).is_file():
        return Path(named)
    if _HAS_TRAINING_LIBRARIES:
        return Path(sys.executable)
    if os.environ.get("CI"):
        pytest.fail("no worker environment: set NLP_SKILLS_WORKER")
    pytest.skip("no worker environment: set NLP_SKILLS_WORKER to a Python with nlp-skills[train]")


@pytest.fixture(scope="session")
def tiny_model(worker: Path) -> Path:
    """The one tiny base model of all tests: random weights, trained in seconds. Only to be read."""
    recipe = hashlib.sha256(_TINY_MODEL.read_bytes()).hexdigest()[:12]
    folder = CACHE / f"tiny-{recipe}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "tiny.lock"):
        if not folder.is_dir():
            subprocess.run([worker, _TINY_MODEL, folder], check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="session")
def demo_base_model(worker: Path) -> Path:
    """The demonstration's base model, which has read everyday chats. Only to be read."""
    from nlp_skills.server.demo import fixtures
    from nlp_skills.server.demo.told import Told

    CACHE.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, FileLock(CACHE / "demo.lock"):
        patch.setenv("NLP_SKILLS_CACHE", str(CACHE))
        return fixtures.base_model(worker, Told())
