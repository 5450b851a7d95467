"""Stage 01: fetch every source, convert, deduplicate, split, validate, and make the result the current snapshot."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...resources.foundation.files import lock
from ...resources.foundation.language import Text
from ...resources.task import TaskFolder
from ..compute.jobs.running import RunningJob, run_job
from .agreeing import OPTION
from .decisions import decisions_of
from .definition import add_rotation_notice, load_definition, rotate_notice
from .expense import read_agreed
from .regeneration import Request, run_stages
from .snapshot import current_snapshot
from .validate import describe_validation_passed

SCRIPT = "scripts/01_regenerate_data.py"
MODULE = "nlp_skills.tools.data.regenerate"


def main(task: Path, arguments: list[str]) -> int:
    """Regenerate the task's data (script 01)."""
    parser = argparse.ArgumentParser(
        prog=Path(SCRIPT).name,
        description="Fetch, convert, deduplicate, split and validate the task's data. "
        "依 data_source.yaml 重新產生資料：擷取、轉換、去重、切分、驗證。",
    )
    parser.add_argument(
        "--replace-manual-edits",
        action="store_true",
        help="replace data edited by hand (a copy is kept) 取代手動修改過的資料（會保留備份）",
    )
    parser.add_argument(
        "--source",
        type=int,
        metavar="N",
        help="fetch only the source at this place, counted from 0; the others as they were fetched last "
        "只重新擷取第 N 個來源（從 0 起算），其他沿用上次的內容",
    )
    parser.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="FINDING=REASON",
        help="override a validation error; the reason is recorded 接受一項驗證錯誤，並記錄理由",
    )
    parser.add_argument(
        OPTION,
        metavar="PRICE",
        help="agree to the cost of paid sources by repeating the price 同意付費來源的費用，請重複金額",
    )
    options = parser.parse_args(arguments)
    folder = TaskFolder(task)
    accept = {code: reason for code, _, reason in (given.partition("=") for given in options.accept)}
    return run_job(
        "regenerate",
        lambda job: regenerate(
            folder, job, options.replace_manual_edits, options.source, accept, read_agreed(options.confirm_cost)
        ),
        entry=[SCRIPT],
        arguments=arguments,
        task=Path(task),
    )


def regenerate(
    task: TaskFolder,
    job: RunningJob,
    replace_manual_edits: bool = False,
    only: int | None = None,
    accept: Mapping[str, str] | None = None,
    agreed: float = 0.0,
) -> dict[str, Any]:
    """Do the whole stage and return the job's result; until the last step the current data stays as it was.

    Arguments:
        only: the place of the one source to fetch; the others are taken as they were fetched last.
        accept: errors of validation to override, code → reason. Where the data was edited by hand (and is not to be
            replaced), it is the edited data that is accepted, and nothing is fetched.
        agreed: the price that the person has agreed to, for sources that cost something.
    """
    decisions = decisions_of(accept or {})
    with lock(task.data / "regenerate"):
        data_source, moved = load_definition(task)
        request = Request(task, job, data_source, decisions, only, replace_manual_edits, agreed)
        with add_rotation_notice(moved):
            if decisions and not replace_manual_edits and request.is_edited():
                result = describe_validation_passed(task, current_snapshot(task, decisions))
            else:
                result = run_stages(request)
    if notice := rotate_notice(moved):
        said = Text(**result["message"])
        result["message"] = Text("{said}\n{notice}", "{said}\n{notice}").format(said=said, notice=notice)._asdict()
    return result


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))
