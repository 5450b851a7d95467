"""vLLM on a machine with a CUDA GPU: the command and the compose file that serve the version as it was evaluated."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from pydantic import Field

from ....resources.foundation.files import dump_yaml, read_json, write_atomic, write_json
from ....resources.foundation.language import Text
from ....resources.task import Task
from ....resources.version import VersionFolder
from ....resources.workspace import Workspace
from ...compute.jobs.running import RunningJob
from ...data.chat_template import template_of, without_clock
from ...data.prompting import chat_messages, trained_prompt
from ...data.reach import require_reach
from ...evaluate.endpoint import Endpoint, base_url, check_listed
from ...evaluate.merge import merged_model
from ...evaluate.model import version_paths
from ..health import answers_at
from ..needs import need_merging
from ..target import Live, Target

_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # what --max-lora-rank takes
_GREEDY = {"temperature": 0}


class Vllm(Target):
    """A start command, a compose file and an example request in `models/vN/vllm`; nothing is started here.

    An adapter is served as LoRA on its base, so that several tasks share one GPU. Once the server runs, deploy again
    with `url` and the benchmark is asked there. The key clients carry is VLLM_API_KEY, read from the environment.
    """

    url: str | None = Field(None, description="where it runs already: measured and recorded as live")
    model: str | None = Field(None, description="the name requests carry; TASK-vN by default")
    api_key: str | None = Field(None, description="a stored secret, as ${VLLM_API_KEY}")
    lora: bool = Field(True, description="serve the adapter on its base; false: the merged model")
    port: int = Field(8000, ge=1, le=65535)
    gpus: int = Field(1, ge=1, le=8)
    max_length: int | None = Field(None, gt=0, description="context in tokens; the model's own by default")
    image: str = Field("vllm/vllm-openai:latest", description="the container of the compose file; name a tag to pin it")

    def check(self, task: Task) -> None:
        if not self.lora:
            need_merging()
        if self.url:
            require_reach(task, base_url(self.url), self.api_key)

    def bring_up(self, workspace: Workspace, version: VersionFolder, job: RunningJob) -> Live:
        name = self.model or f"{version.task.name}-{version.name}"
        if self.url:
            check_listed(Endpoint(url=self.url, model=name, api_key=self.api_key))
        files = self._write(version, name, job)
        if not self.url:
            return Live(model=name, files=[str(file) for file in files])
        return Live(url=base_url(self.url), model=name, api_key=self.api_key, files=[str(file) for file in files])

    def healthy(self, live: Live) -> Text | None:
        return answers_at(live)

    def _write(self, version: VersionFolder, name: str, job: RunningJob) -> list[Path]:
        paths, info = version_paths(version, "afresh"), version.model_info()
        folder = version.models / "vllm"
        adapter = paths.adapter if self.lora else None
        if adapter is None:
            job.progress(0, None, Text("Merging the adapter into the base model", "將轉接器合併進基礎模型"))
        model = paths.base if adapter else merged_model(version, "afresh")
        template = _chat_template(adapter or model)
        write_atomic(folder / "chat_template.jinja", template)
        mounted = {"model": "/models/base", "adapter": "/models/adapter", "template": "/models/chat_template.jinja"}
        here = {"model": str(model), "adapter": str(adapter), "template": str(folder / "chat_template.jinja")}
        command = ["vllm", *self._arguments(name, here, adapter), "--host", "127.0.0.1"]
        script = (
            "#!/usr/bin/env bash\n# Needs a CUDA GPU and: pip install vllm\n"
            "# Set VLLM_API_KEY to the key that clients must send.\nset -eu\n"
            f"exec {shlex.join(command)}\n"
        )
        write_atomic(folder / "serve.sh", script, mode=0o755)
        volumes = [f"{model}:{mounted['model']}:ro", f"./chat_template.jinja:{mounted['template']}:ro"]
        if adapter:
            volumes.append(f"{adapter}:{mounted['adapter']}:ro")
        write_atomic(
            folder / "compose.yaml",
            dump_yaml(
                {
                    "services": {
                        name: {
                            "image": self.image,
                            "command": self._arguments(name, mounted, adapter)[1:],
                            "ipc": "host",
                            "ports": [f"127.0.0.1:{self.port}:{self.port}"],
                            "volumes": volumes,
                            "environment": {
                                "VLLM_API_KEY": "${VLLM_API_KEY:?set the key that clients must send}",
                                "HF_HUB_OFFLINE": "1",
                            },
                            "deploy": {
                                "resources": {
                                    "reservations": {
                                        "devices": [{"driver": "nvidia", "count": self.gpus, "capabilities": ["gpu"]}]
                                    }
                                }
                            },
                            "restart": "unless-stopped",
                        }
                    }
                }
            ),
        )
        prompt, labels = trained_prompt(info, version.task.load()), info.labels
        row = {"text": "{text}", "entity": "{entity}"}
        messages = [one for one in chat_messages(row, prompt, labels) if one["content"]]
        write_json(folder / "request.json", {"model": name, "messages": messages})
        return [folder / file for file in ("serve.sh", "compose.yaml", "request.json", "chat_template.jinja")]

    def _arguments(self, name: str, places: dict[str, str], adapter: Path | None) -> list[str]:
        """`serve MODEL …` with the paths of this machine or of the container."""
        found = [
            "serve",
            places["model"],
            "--port",
            str(self.port),
            "--chat-template",
            places["template"],
            "--generation-config",
            "vllm",
            "--override-generation-config",
            json.dumps(_GREEDY),
        ]
        if self.gpus > 1:
            found += ["--tensor-parallel-size", str(self.gpus)]
        if self.max_length:
            found += ["--max-model-len", str(self.max_length)]
        if adapter is None:
            return [*found, "--served-model-name", name]
        rank = int(read_json(adapter / "adapter_config.json").get("r") or _RANKS[0])
        taken = next((known for known in _RANKS if known >= rank), rank)
        return [
            *found,
            "--tokenizer",
            places["adapter"],
            "--enable-lora",
            "--max-lora-rank",
            str(taken),
            "--lora-modules",
            f"{name}={places['adapter']}",
        ]


def _chat_template(model: Path) -> str:
    """The chat template saved with a model's tokenizer, the same every day."""
    return without_clock(template_of(model) or "")
