"""Against the Ollama of this machine, where there is one: deployed, listed, tried and taken down."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.compute.own_servers import ollama_url
from nlp_skills.tools.deploy import deployments
from nlp_skills.tools.deploy.serve import free_port
from tests.tools.deploy.conftest import Conversation

pytestmark = pytest.mark.anyio
SECONDS = 30.0
NAME = f"nlp-skills-test-{os.getpid()}:v1"


def _version(url: str) -> str | None:
    try:
        return str(httpx.get(f"{url}/api/version", trust_env=False, timeout=2).json()["version"])
    except (httpx.HTTPError, ValueError, KeyError):
        return None


@pytest.fixture(scope="module")
def real_ollama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The one that runs, else one started for the tests with models of its own."""
    if _version(ollama_url()):
        yield ollama_url()
        return
    program = shutil.which("ollama")
    if program is None:
        pytest.skip("no Ollama: none answers at OLLAMA_HOST, and there is no `ollama` on PATH")
    url = f"http://127.0.0.1:{free_port()}"
    environment = {**os.environ, "OLLAMA_HOST": url, "OLLAMA_MODELS": str(tmp_path_factory.mktemp("ollama"))}
    process = subprocess.Popen(
        [program, "serve"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + SECONDS
        while not _version(url):
            assert process.poll() is None and time.monotonic() < deadline, "ollama serve did not start"
        yield url
    finally:
        process.terminate()
        process.wait(SECONDS)


async def test_a_version_answers_in_ollama_as_evaluated(
    conversation: Conversation, task: TaskFolder, llama_cpp: Path, real_ollama: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", real_ollama)
    done = await conversation.call("deploy", task="mood", target="ollama", settings={"name": NAME})
    try:
        assert done["job"]["result"]["parity"]["raw"] == 1.0, done
        live = deployments.current(task)
        assert live and live.digest and deployments.answers(live)
        asked = await conversation.call("try_model", task="mood", model=f"ollama:{NAME}", beside=["v1"], rows=3)
        for line in asked["job"]["result"]["rows"]:
            assert line["answers"][f"ollama:{NAME}"]["label"] == line["answers"]["v1"]["label"]
    finally:
        await conversation.call("deploy", task="mood", action="undeploy")
    listed = httpx.get(f"{real_ollama}/api/tags", trust_env=False).json()["models"]
    assert NAME not in [entry["name"] for entry in listed]
