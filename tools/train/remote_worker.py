"""On the machine a training was sent to: train a version that was reserved elsewhere.

python -m nlp_skills.tools.train.remote_worker TASK_FOLDER vN --base FOLDER | --hub NAME
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ...resources.task import TaskFolder
from ...resources.version import version
from ..compute.environments.base_model import cached_model, check_causal_model
from ..compute.environments.download import download_model
from ..compute.environments.libraries import settle_libraries
from ..compute.jobs.running import RunningJob, run_job
from .run import train_version

ENTRY = ["-m", "nlp_skills.tools.train.remote_worker"]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.train.remote_worker", description=__doc__)
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("version", help="v1, v2, …")
    parser.add_argument("--base", type=Path, help="the base model's folder")
    parser.add_argument("--hub", metavar="NAME", help="a hub model instead, downloaded where it is not here yet")
    given = parser.parse_args(arguments)

    def work(job: RunningJob) -> dict[str, Any]:
        task = TaskFolder(given.task)
        base = given.base.resolve() if given.base else cached_model(given.hub) or download_model(job, given.hub)
        settle_libraries()  # the hub is asked no more
        train_version(job, task.load(), version(task, given.version), check_causal_model(base))
        return {"version": given.version}

    return run_job("train", work, entry=ENTRY, arguments=arguments, resumable=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
