"""The merged model behind an OpenAI-compatible endpoint on this machine."""

from __future__ import annotations

from pydantic import Field

from ....resources.foundation.language import Text
from ....resources.job import job_folder
from ....resources.task import Task
from ....resources.version import VersionFolder
from ....resources.workspace import Workspace
from ...compute.jobs import job_control
from ...compute.jobs.running import RunningJob
from ...evaluate.merge import merged_model
from ..health import answers_at
from ..needs import need_serving
from ..serve import check_port, serve_again, serve_merged, still_serves
from ..target import Live, Target


class Local(Target):
    """The merged model served by `transformers serve` on the loopback, as a durable job of kind `serve`."""

    port: int | None = Field(None, ge=1024, le=65535, description="the port; a free one is chosen by default")
    device: str = Field("auto", description="auto, cpu, cuda:0, mps; only cpu does not wait for the GPU")
    start_seconds: float = Field(180.0, gt=0, description="how long the model may take to load")

    @property
    def waits_for_gpu(self) -> bool:
        return self.device != "cpu"

    def check(self, task: Task) -> None:
        self.needs(task)
        if self.port:
            check_port(self.port)

    def needs(self, task: Task) -> None:
        need_serving()

    def bring_up(self, workspace: Workspace, version: VersionFolder, job: RunningJob) -> Live:
        return self._serve(workspace, version, job, self.port)

    def bring_back(
        self, workspace: Workspace, version: VersionFolder, earlier: Live, standing: Live | None, job: RunningJob
    ) -> Live:
        if still_serves(workspace, earlier):
            return earlier
        return serve_again(workspace, earlier, standing, job, lambda port: self._serve(workspace, version, job, port))

    def _serve(self, workspace: Workspace, version: VersionFolder, job: RunningJob, port: int | None) -> Live:
        job.progress(0, None, Text("Merging the adapter into the base model", "將轉接器合併進基礎模型"))
        model = merged_model(version, "afresh")
        return serve_merged(workspace, version, model, job, port=port, device=self.device, seconds=self.start_seconds)

    def take_down(self, workspace: Workspace, live: Live) -> None:
        if live.job:
            job_control.cancel(job_folder(workspace, live.job))

    def healthy(self, live: Live) -> Text | None:
        return answers_at(live)
