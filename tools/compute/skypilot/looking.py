"""Look up what a rented machine would be and cost, as a job: `python -m nlp_skills.tools.compute.skypilot.looking`.

SkyPilot is installed first where the person agreed; nothing is rented.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, cast

from ....resources.foundation.language import Text
from ....resources.job import JobFolder
from ....resources.workspace import Workspace
from ..jobs import job_control
from ..jobs.running import RunningJob, run_job
from ..machine import named_machine
from .leftovers import leftovers
from .offer import describe_offer, keep, look_up
from .program import install, require_program
from .task_file import write_task_file

if TYPE_CHECKING:
    from ..machines.sky import Sky

ENTRY = ["-m", "nlp_skills.tools.compute.skypilot.looking"]
KIND = "price"


def look_for(workspace: Workspace, name: str, install: bool) -> JobFolder:
    """The job that looks it up."""
    arguments = ["--machine", name, *(["--install"] if install else [])]
    return job_control.submit(workspace, KIND, ENTRY, arguments, python=sys.executable, resumable=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.compute.skypilot.looking", description=__doc__)
    parser.add_argument("--machine", required=True, help="a name of machines.yaml, of kind sky")
    parser.add_argument("--install", action="store_true", help="install SkyPilot where it lacks")
    given = parser.parse_args(arguments)
    return run_job(
        KIND, lambda job: look(job, given.machine, given.install), entry=ENTRY, arguments=arguments, resumable=True
    )


def look(job: RunningJob, name: str, may_install: bool) -> dict[str, Any]:
    """What SkyPilot offers for the machine, kept for the trainings of the next hour; what was left running is told.

    Raises:
        MachineError: no cloud is enabled, or there is no such machine.
        MissingRequirement: SkyPilot is not installed, and must not be.
    """
    workspace = Workspace()
    machine = cast("Sky", named_machine(workspace, name))
    program = install(job, machine.infra) if may_install else require_program(name, machine.infra)
    job.progress(1, 2, Text("asking SkyPilot for its price", "向 SkyPilot 查詢價格"), even=False)
    offer = look_up(program, name, machine, write_task_file(machine, job.folder.id, job.folder.root / "sky"))
    keep(workspace, name, offer)
    left = [standing for standing in leftovers(workspace, program) if standing.state != "ok"]
    for standing in left:
        job.warn(
            Text(
                f"{standing.says.en} {standing.mends.en if standing.mends else ''}",
                f"{standing.says.zh}{standing.mends.zh if standing.mends else ''}",
            )
        )
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
