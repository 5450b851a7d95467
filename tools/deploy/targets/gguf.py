"""One GGUF file, for llama.cpp and everything built on it."""

from __future__ import annotations

from pydantic import Field

from ....resources.foundation.language import Text
from ....resources.job import job_folder
from ....resources.task import Task
from ....resources.version import VersionFolder
from ....resources.workspace import Workspace
from ...compute.jobs import job_control
from ...compute.jobs.running import RunningJob
from ..gguf import Quantization, gguf_file
from ..health import answers_at
from ..needs import need_llama_cpp
from ..serve import START_SECONDS, check_port, serve_again, serve_gguf, still_serves
from ..target import Live, Target


class Gguf(Target):
    """A GGUF file in `models/vN/gguf`, written by llama.cpp's converter and asked the benchmark in llama.cpp itself.

    With `serve` it goes on answering on the loopback, for clients that carry the key NLP_SKILLS_SERVING_KEY.
    """

    quantization: Quantization = Field("f16", description="f16, or q8_0 at about half the size")
    serve: bool = Field(False, description="keep an endpoint of it running")
    port: int | None = Field(None, ge=1024, le=65535, description="the port; a free one is chosen by default")
    pre_tokenizer: str | None = Field(None, description="for a tokenizer llama.cpp does not know: qwen2, gpt-2, …")
    start_seconds: float = Field(START_SECONDS, gt=0, description="how long the model may take to load")

    def check(self, task: Task) -> None:
        self.needs(task)
        if self.port:
            check_port(self.port)

    def needs(self, task: Task) -> None:
        need_llama_cpp()

    def bring_up(self, workspace: Workspace, version: VersionFolder, job: RunningJob) -> Live:
        return self._serve(workspace, version, job, self.port)

    def bring_back(
        self, workspace: Workspace, version: VersionFolder, earlier: Live, standing: Live | None, job: RunningJob
    ) -> Live:
        if still_serves(workspace, earlier):
            return earlier
        return serve_again(workspace, earlier, standing, job, lambda port: self._serve(workspace, version, job, port))

    def _serve(self, workspace: Workspace, version: VersionFolder, job: RunningJob, port: int | None) -> Live:
        file = gguf_file(version, self.quantization, job, pre_tokenizer=self.pre_tokenizer)
        live = serve_gguf(workspace, version, file, job, port=port, seconds=self.start_seconds)
        return live.model_copy(update={"files": [str(file)]})

    def switch_over(self, workspace: Workspace, live: Live) -> Live:
        if self.serve:
            return live
        self.take_down(workspace, live)
        return Live(model=live.files[0], files=live.files)

    def take_down(self, workspace: Workspace, live: Live) -> None:
        if live.job:
            job_control.cancel(job_folder(workspace, live.job))

    def healthy(self, live: Live) -> Text | None:
        return answers_at(live)
