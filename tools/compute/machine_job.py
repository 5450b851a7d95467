"""The job that builds a worker environment on another machine: `python -m nlp_skills.tools.compute.machine_job --machine NAME`."""

from __future__ import annotations

import argparse
import sys

from ...resources.workspace import Workspace
from .jobs.result import BuiltRemotely
from .jobs.running import RunningJob, run_job
from .named_machines import linked_machine
from .remote.remote_environment import CHECKED, ENTRY, KIND, build


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.compute.machine_job", description=__doc__)
    parser.add_argument("--machine", required=True, help="a name of machines.yaml")
    parser.add_argument("--extra", default="[train]", help="what of nlp-skills to install beside its base")
    parser.add_argument(
        "--check",
        action="append",
        default=[],
        metavar="MODULE",
        help="what must be importable in the end (default: the training libraries)",
    )
    options = parser.parse_args(arguments)

    def work(job: RunningJob) -> BuiltRemotely:
        machine = linked_machine(Workspace(), options.machine)
        return build(job, options.machine, machine, options.extra, options.check or list(CHECKED))

    return run_job(KIND, work, entry=ENTRY, arguments=arguments, resumable=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
