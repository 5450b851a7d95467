"""Look up what a rented machine would be and cost, as a job (tools/compute/price_job.py).

SkyPilot is installed first where the person agreed; nothing is rented.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ....resources.foundation.language import SENTENCES, Text
from ....resources.job import JobFolder
from ....resources.workspace import Workspace
from ..jobs import job_control
from ..jobs.result import PriceFound
from ..jobs.running import RunningJob
from .leftovers import leftovers
from .offer import describe_offer, keep, look_up
from .program import install, require_program
from .task_file import write_task_file

if TYPE_CHECKING:
    from ..machines.sky import Sky

ENTRY = ["-m", "nlp_skills.tools.compute.price_job"]
KIND = "price"


def look_for(workspace: Workspace, name: str, install: bool) -> JobFolder:
    """The job that looks it up."""
    arguments = ["--machine", name, *(["--install"] if install else [])]
    return job_control.submit(workspace, KIND, ENTRY, arguments, python=sys.executable, resumable=True)


def look(job: RunningJob, name: str, machine: Sky, may_install: bool) -> PriceFound:
    """What SkyPilot offers for the machine, kept for the trainings of the next hour; what was left running is told.

    Raises:
        MachineError: no cloud is enabled.
        MissingRequirement: SkyPilot is not installed, and must not be.
    """
    workspace = Workspace()
    program = install(job, machine.infra) if may_install else require_program(name, machine.infra)
    job.progress(1, 2, Text("asking SkyPilot for its price", "向 SkyPilot 查詢價格"), even=False)
    offer = look_up(program, name, machine, write_task_file(machine, job.folder.id, job.folder.root / "sky"))
    keep(workspace, name, offer)
    left = [standing for standing in leftovers(workspace, program) if standing.state != "ok"]
    for standing in left:
        job.warn(SENTENCES.join([standing.says, standing.mends]))
    return {
        "machine": name,
        "offer": offer.model_dump(mode="json", exclude={"settings"}),
        "message": describe_offer(name, offer)._asdict(),
        "next_step": {
            "tool": "train",
            "arguments": {"task": "<the task>", "machine": name},
            "say": Text(
                f"Train there with train(task=…, machine={name!r}): the cost of that training is shown and asked first.",
                f"要在那裡訓練請呼叫 train(task=…, machine={name!r})：會先算出費用並徵求同意。",
            )._asdict(),
        },
    }
