"""A repository on the Hugging Face Hub."""

from __future__ import annotations

from ....resources.task import Task
from ....resources.version import VersionFolder
from ....resources.workspace import Workspace
from ...compute.jobs.running import RunningJob
from ..target import Live, Target
from ..upload import Upload, check_upload, upload_version


class Huggingface(Target, Upload):
    """The adapter, the merged model, a GGUF file or the dataset in a repository, private unless asked otherwise.

    With a card that carries the metrics, their intervals, the parity of what was deployed and the lineage. Interrupted,
    it is run again and sends what is missing.
    """

    def check(self, task: Task) -> None:
        check_upload(task)

    def bring_up(self, workspace: Workspace, version: VersionFolder, job: RunningJob) -> Live:
        url = upload_version(job, version, self)
        return Live(model=self.repo, files=[url], rows_only=self.content == "dataset")
