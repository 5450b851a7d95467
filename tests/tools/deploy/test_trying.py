"""Models that were not trained here, for real: a GGUF file in llama.cpp and one in Ollama, beside a version."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.files import sha256_file
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.tools.evaluate.tried import TriedModel
from tests.tools.deploy.conftest import Conversation

pytestmark = [pytest.mark.anyio, pytest.mark.minutes]


async def test_a_gguf_file_and_an_ollama_model_answer_beside_a_version_and_are_measured_like_it(
    conversation: Conversation,
    task: TaskFolder,
    llama_cpp: Path,
    ollama: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", ollama)
    await conversation.call("deploy", task="mood", target="ollama", settings={"name": "found"})
    file = tmp_path / "found.gguf"
    shutil.copy(task.models / "v1" / "gguf" / "mood-v1-f16.gguf", file)

    asked = await conversation.call("try_model", task="mood", model=str(file), beside=["ollama:found", "v1"], rows=4)
    assert "error" not in asked, asked
    answers = [line["answers"] for line in asked["job"]["result"]["rows"]]
    assert len(answers) == 4 and all(set(line) == {"gguf:found.gguf", "ollama:found", "v1"} for line in answers)
    assert all(len({one["read"] for one in line.values()}) == 1 for line in answers)
    assert asked["next_step"]["arguments"] == {"task": "mood", "model": str(file), "action": "evaluate"}

    own = VersionFolder(task, 1).latest_evaluation()
    assert own
    for name, said in (("gguf:found.gguf", str(file)), ("ollama:found", "ollama:found")):
        done = await conversation.call("try_model", task="mood", model=said, action="evaluate")
        record = TriedModel(task, name).latest_evaluation()
        assert record and record.metrics["macro_f1"] == own.metrics["macro_f1"], done
        assert {"majority", "tfidf"} == set(record.baselines)
        compared = await conversation.call("compare_versions", task="mood", a=said, b="v1")
        assert compared["job"]["result"]["verdict"]["outcome"] == "not_shown", compared
    known, served = (TriedModel(task, name).latest_evaluation() for name in ("gguf:found.gguf", "ollama:found"))
    assert known and known.model and known.model["sha256"] == sha256_file(file)
    assert served and served.model and served.model["digest"]

    gone = await conversation.call("try_model", task="mood", model="ollama:fond")
    assert "Did you mean “found:latest”?" in gone["error"]
