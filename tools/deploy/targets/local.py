"""The merged model behind an OpenAI-compatible endpoint on this machine."""

from __future__ import annotations

import os
import sys
import time

from pydantic import Field

from ....resources.errors import DeploymentError
from ....resources.job import ACTIVE_STATES, JobFolder, job_folder
from ....resources.language import Text
from ....resources.version import VersionFolder
from ....resources.workspace import Workspace
from ...compute import jobs
from ...compute.running import RunningJob
from .. import serve
from ..merge import merged_model
from . import Live, Target

_POLL_SECONDS = 0.2


class Local(Target):
    """The merged model served by `transformers serve` on the loopback, as a durable job of kind `serve`."""

    port: int | None = Field(None, ge=1024, le=65535, description="the port; a free one is chosen by default")
    device: str = Field("auto", description="auto, cpu, cuda:0, mps")
    start_seconds: float = Field(180.0, gt=0, description="how long the model may take to load")

    def bring_up(self, workspace: Workspace, version: VersionFolder, job: RunningJob) -> Live:
        job.progress(0, None, Text("Merging the adapter into the base model", "將轉接器合併進基礎模型"))
        model = merged_model(version)
        port = self.port or serve.free_port()
        arguments = ["--model", str(model), "--port", str(port), "--device", self.device,
                     "--task", str(version.task.root), "--version", version.name]
        serving = jobs.submit(workspace, "serve", serve.ENTRY, arguments, python=sys.executable, resumable=True)
        live = Live(url=f"http://{serve.HOST}:{port}", model=str(model), job=serving.id)
        try:
            self._wait_until_it_answers(serving, live, job)
        except BaseException:
            jobs.cancel(serving)
            raise
        return live

    def take_down(self, workspace: Workspace, live: Live) -> None:
        if live.job:
            jobs.cancel(job_folder(workspace, live.job))

    def _wait_until_it_answers(self, serving: JobFolder, live: Live, job: RunningJob) -> None:
        import httpx

        job.progress(0, None, Text(f"Starting the endpoint {live.url}", f"啟動端點 {live.url}"))
        deadline = time.monotonic() + self.start_seconds
        while time.monotonic() < deadline:
            job.check_cancelled()
            if serving.state() not in ACTIVE_STATES:
                raise jobs.failure(serving) or _did_not_start(serving)
            try:
                if httpx.get(f"{live.url}/health", timeout=2.0, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(_POLL_SECONDS)
        raise _did_not_start(serving)


def _did_not_start(serving: JobFolder) -> DeploymentError:
    return DeploymentError(
        Text(f"The endpoint did not start; the end of its log is in {os.fspath(serving.output_file)}.",
             f"端點沒有成功啟動；紀錄結尾在 {os.fspath(serving.output_file)}。"),
        Text("Read that log, mend what it names, and deploy again; what was live before still answers.",
             "請查看紀錄並排除問題後重新部署；先前的部署仍在服務。"),
    )
