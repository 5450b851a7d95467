"""The files for vLLM: an adapter served on its base, with the exact prompt, greedy, its key from the environment."""

from __future__ import annotations

import itertools
import json
import shlex
import subprocess
from pathlib import Path
from typing import cast

import pytest

from nlp_skills.resources.foundation.access import AccessError, Need, grant
from nlp_skills.resources.foundation.errors import DeploymentError
from nlp_skills.resources.foundation.files import read_json, read_yaml, write_json
from nlp_skills.resources.task import Constraints, Task, TaskFolder
from nlp_skills.resources.version import VersionFolder, reserve_version
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.deploy.target import target


@pytest.fixture
def version(tmp_path: Path) -> VersionFolder:
    task = TaskFolder(tmp_path / "workspace" / "news")
    task.root.mkdir(parents=True)
    task.save(Task(name="news", labels=["正面", "負面"]))
    folder = reserve_version(task)
    base, adapter = tmp_path / "base", folder.models / "adapter"
    base.mkdir()
    write_json(adapter / "adapter_config.json", {"r": 24})
    (adapter / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    write_json(
        folder.model_info_file,
        {
            "adapter": str(adapter.relative_to(task.root)),
            "labels": ["正面", "負面"],
            "files": {},
            "base_model": {"name": "Qwen/Qwen3-0.6B", "path": str(base)},
            "prompt": {"system": "只回答：{labels}", "user": "文字：{text}"},
        },
    )
    return folder


def test_the_command_the_compose_file_and_the_request_say_the_same(version: VersionFolder) -> None:
    live = target("vllm", {"port": 8100, "gpus": 2}).bring_up(Workspace(), version, cast(RunningJob, None))
    assert live.url is None and live.model == "news-v1"
    script, compose, request, template = map(Path, live.files)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    command = shlex.split(script.read_text(encoding="utf-8").splitlines()[-1])
    options = dict(itertools.pairwise(command))
    assert command[:3] == ["exec", "vllm", "serve"] and "--enable-lora" in command
    assert options["--max-lora-rank"] == "32"  # the next that vLLM takes
    assert options["--lora-modules"] == f"news-v1={version.models / 'adapter'}"
    assert json.loads(options["--override-generation-config"]) == {"temperature": 0}
    assert options["--chat-template"] == str(template) and template.read_text(encoding="utf-8") == "{{ messages }}"
    [service] = read_yaml(compose)["services"].values()
    inside = [part for part in service["command"] if not part.startswith(("/models", "news-v1="))]
    outside = [part for part in command[3:-2] if not part.startswith(("/", "news-v1="))]
    assert [part for part in inside if part != "serve"] == outside
    assert service["ports"] == ["127.0.0.1:8100:8100"] and "${VLLM_API_KEY" in service["environment"]["VLLM_API_KEY"]
    asked = read_json(request)
    assert asked["messages"] == [
        {"role": "system", "content": "只回答：正面、負面"},
        {"role": "user", "content": "文字：{text}"},
    ]


def test_an_on_premise_task_is_not_measured_at_an_address_outside(version: VersionFolder) -> None:
    task = Task(name="news", constraints=Constraints(privacy="on-premise"))
    for name, settings in (("vllm", {}), ("endpoint", {"model": "m"}), ("ollama", {})):
        with pytest.raises(AccessError) as refused:
            target(name, {**settings, "url": "http://8.8.8.8:8000"}).check(task)
        assert [(need.kind, need.subject, need.host) for need in refused.value.needs] == [("rows", "news", "8.8.8.8")]
    grant([Need(kind="host", subject="192.168.1.9")])
    target("endpoint", {"url": "http://192.168.1.9:8000/v1", "model": "m"}).check(task)
    grant([Need(kind="rows", subject="news", host="8.8.8.8")])
    target("endpoint", {"url": "http://8.8.8.8", "model": "m"}).check(task)
    with pytest.raises(AccessError):
        target("endpoint", {"url": "http://9.9.9.9", "model": "m"}).check(task)


@pytest.mark.parametrize(
    ("name", "settings", "field"),
    [
        ("vllm", {"gpu": 1}, "settings.gpu"),
        ("gguf", {"quantization": "q3"}, "settings.quantization"),
        ("endpoint", {"url": "http://x"}, "settings.model"),
        ("huggingface", {"repo": "nobody"}, "settings.repo"),
        ("ollama", {"name": "Not A Name"}, "settings.name"),
    ],
)
def test_a_wrong_setting_is_named_with_those_there_are(name: str, settings: dict[str, str], field: str) -> None:
    with pytest.raises(DeploymentError) as refused:
        target(name, settings)
    assert refused.value.field == field and f"The fields of {name} are" in refused.value.fix.en
