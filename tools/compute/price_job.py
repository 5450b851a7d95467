"""The job that looks up a rented machine's price: `python -m nlp_skills.tools.compute.price_job --machine NAME`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, cast

from ...resources.workspace import Workspace
from .jobs.result import PriceFound
from .jobs.running import RunningJob, run_job
from .named_machines import named_machine
from .skypilot.looking import ENTRY, KIND, look

if TYPE_CHECKING:
    from .machines.sky import Sky


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.compute.price_job", description=__doc__)
    parser.add_argument("--machine", required=True, help="a name of machines.yaml, of kind sky")
    parser.add_argument("--install", action="store_true", help="install SkyPilot where it is missing")
    given = parser.parse_args(arguments)

    def work(job: RunningJob) -> PriceFound:
        return look(job, given.machine, cast("Sky", named_machine(Workspace(), given.machine)), given.install)

    return run_job(KIND, work, entry=ENTRY, arguments=arguments, resumable=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
