"""Write a version's report again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ....resources.foundation.errors import EvaluationError, NlpSkillsError
from ....resources.foundation.language import Text
from ....resources.task import TaskFolder
from ....resources.version import version as find_version
from ..verified import latest_results
from . import write_report


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m nlp_skills.tools.evaluate.report",
        description="Write a version's report again from its newest evaluation. 依最新的評估重新產生版本報告。",
    )
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("version", help="v1, v2, … or latest")
    given = parser.parse_args(arguments)
    try:
        folder = find_version(TaskFolder(given.task), given.version)
        known = latest_results(folder)
        if known is None:
            raise EvaluationError(
                Text(f"{folder.name} has not been evaluated yet.", f"{folder.name} 還沒有評估過。"),
                Text(
                    f"Call evaluate(task={folder.task.name!r}, version={folder.name!r}) first.",
                    f"請先呼叫 evaluate(task={folder.task.name!r}, version={folder.name!r})。",
                ),
                field="version",
            )
        print(write_report(folder, known.record))
    except NlpSkillsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
