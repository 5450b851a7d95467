"""The merged model as a folder."""

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
from ..needs import need_serving
from ..serve import START_SECONDS, serve_merged
from ..target import Live, Target


class Merged(Target):
    """The folder `models/vN/merged`: adapter and base as one model, with tokenizer, template and greedy settings.

    It is served for a moment, only to ask it the benchmark again.
    """

    device: str = Field(
        "auto", description="auto, cpu, cuda:0, mps: where parity is measured; only cpu does not wait for the GPU"
    )
    start_seconds: float = Field(START_SECONDS, gt=0, description="how long the model may take to load")

    @property
    def waits_for_gpu(self) -> bool:
        return self.device != "cpu"

    def check(self, task: Task) -> None:
        need_serving()

    def bring_up(self, workspace: Workspace, version: VersionFolder, job: RunningJob) -> Live:
        job.progress(0, None, Text("Merging the adapter into the base model", "將轉接器合併進基礎模型"))
        model = merged_model(version, "afresh")
        live = serve_merged(workspace, version, model, job, device=self.device, seconds=self.start_seconds)
        return live.model_copy(update={"files": [str(model)]})

    def switch_over(self, workspace: Workspace, live: Live) -> Live:
        self.take_down(workspace, live)
        return Live(model=live.files[0], files=live.files)

    def take_down(self, workspace: Workspace, live: Live) -> None:
        if live.job:
            job_control.cancel(job_folder(workspace, live.job))
