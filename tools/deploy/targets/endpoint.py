"""Any endpoint that somebody else runs: measured, and recorded as what is live."""

from __future__ import annotations

from pydantic import Field

from ....resources.foundation.language import Text
from ....resources.task import Task
from ....resources.version import VersionFolder
from ....resources.workspace import Workspace
from ...compute.jobs.running import RunningJob
from ...data.reach import require_reach
from ...evaluate.endpoint import Endpoint as Asked
from ...evaluate.endpoint import base_url, check_listed
from ..health import answers_at
from ..target import Live, Target


class Endpoint(Target):
    """An OpenAI-compatible endpoint that runs already (vLLM, a server elsewhere): asked the benchmark, then recorded.

    It is neither started nor stopped from here.
    """

    url: str = Field(description="its base, such as http://127.0.0.1:8000")
    model: str = Field(min_length=1, description="the name requests carry")
    api_key: str | None = Field(None, description="a stored secret, as ${NAME}")
    system_is_baked: bool = Field(False, description="the endpoint carries the system prompt itself")

    def check(self, task: Task) -> None:
        require_reach(task, base_url(self.url), self.api_key)

    def bring_up(self, workspace: Workspace, version: VersionFolder, job: RunningJob) -> Live:
        check_listed(Asked(url=self.url, model=self.model, api_key=self.api_key))
        return Live(
            url=base_url(self.url), model=self.model, api_key=self.api_key, system_is_baked=self.system_is_baked
        )

    def healthy(self, live: Live) -> Text | None:
        return answers_at(live)
