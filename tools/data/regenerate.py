"""Stage 01: fetch every source, convert, deduplicate, split, validate, and make the result the current snapshot."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...resources.data_source import DataSource, SplitPolicy
from ...resources.foundation.errors import DataError
from ...resources.foundation.files import lock, sha256_bytes
from ...resources.foundation.language import Text, several
from ...resources.task import TaskFolder
from ...resources.validation import Finding
from ..compute.jobs.running import RunningJob, run_job
from .agreeing import OPTION, settle
from .benchmark import held_out_rows
from .checks import empty_report, validation_report
from .decisions import Decision, apply_decisions, decisions_of, standing
from .definition import (
    add_rotation_notice,
    load_definition,
    rotate_notice,
    source_kinds,
    source_name,
    stamp_last_run,
    unknown_kept,
)
from .expense import Allowance, read_agreed
from .fetch import RawSnapshot, fetch, latest_raw, spent_on, sweep
from .following import follow
from .group_columns import proposed_groups
from .labelling.offering import kept_apart, only_unlabelled
from .near import without_near_benchmark
from .outcome import Losses, outcome
from .own_split import unread_tests
from .permission import check_permission
from .preparing import into_own_splits, labels_found, prepare
from .rows import many_rows
from .rows_listed import list_rows
from .rules import rules_of
from .snapshot import (
    adopt,
    current_snapshot,
    edited_splits,
    head,
    keep_edits,
    keep_report,
    validation_error,
    working_file,
)
from .source import SourceKind
from .source_loss import incomplete, never_fetched, shrunk
from .split import SPLITS
from .stages import Stages
from .store import Snapshot, commit_snapshot
from .synthetic import about_written, admit_rows, into_train, notes_of, refused_ids, write_sheet
from .time_split import without_time
from .unlabelled import keep_unlabelled
from .validate import describe_validation_passed

SCRIPT = "scripts/01_regenerate_data.py"
MODULE = "nlp_skills.tools.data.regenerate"
_AFTER_FETCHING = ("convert", "split", "validate", "commit")


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
        help="override an error of validation; the reason is recorded 接受一項驗證錯誤，並記錄理由",
    )
    parser.add_argument(
        OPTION,
        metavar="PRICE",
        help="agree to what sources cost that are paid for, repeating the price 同意付費來源的費用，請重複金額",
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
        with add_rotation_notice(moved):
            result = _regenerate(task, job, data_source, replace_manual_edits, only, decisions, agreed)
    if notice := rotate_notice(moved):
        said = Text(**result["message"])
        result["message"] = Text(f"{said.en}\n{notice.en}", f"{said.zh}\n{notice.zh}")._asdict()
    return result


def _regenerate(
    task: TaskFolder,
    job: RunningJob,
    data_source: DataSource,
    replace_manual_edits: bool,
    only: int | None,
    decisions: Mapping[str, Decision],
    agreed: float,
) -> dict[str, Any]:
    definition = task.load()
    if decisions and not replace_manual_edits and _is_edited(task, job):
        return describe_validation_passed(task, current_snapshot(task, decisions))
    for said in unknown_kept(task, data_source):
        job.warn(said)
    kinds = source_kinds(data_source, task)
    named = len(data_source.sources)  # what labelling gave stands behind them and is always read anew
    _check_place(only, kinds[:named])
    check_permission(task, data_source, only)
    with lock(task.data / "current.json"):
        sweep(task.raw)
        sweep(task.snapshots)
        parent = _head(task, job)
        replaced = _guard_edits(task, parent, replace_manual_edits)
    fetched_now = [number for number in range(len(kinds)) if only in (None, number) or number >= named]
    steps = Stages(
        job,
        [*(f"fetch {source_name(kinds[number], number)}" for number in fetched_now), *_AFTER_FETCHING],
        task.cache / "preparing.json",
        Allowance.of(task, job.folder.id, settle(task, kinds, only, agreed, job.by_hand)),
    )
    raws = [
        _fetch(task, kind, number, steps)
        if number in fetched_now
        else latest_raw(task, kind, parent.manifest.raw if parent else ())
        for number, kind in enumerate(kinds)
    ]
    decided = {**standing(parent.validation if parent else None), **decisions}
    shrank = shrunk(task, kinds, raws, parent, data_source.quality.max_left_out)
    _stop_for(task, shrank, decided)
    fetched = [raw for raw in raws if raw]
    steps.begin(Text("Converting and removing duplicates", "轉換並去除重複"))
    with many_rows():
        prepared = prepare(task, definition, data_source, kinds, raws)
    lost = [*shrank, *prepared.left_out.stopping(data_source.quality.max_left_out, task)]
    _stop_for(task, lost, decided)
    apart = keep_unlabelled(task, prepared.unlabelled)
    partly = [*never_fetched(kinds, raws), *incomplete(raws)]
    losses = Losses(
        prepared.left_out, [*partly, *unread_tests(task.root, kinds, [raw.provenance() if raw else {} for raw in raws])]
    )
    if not prepared.rows:
        stamp_last_run(task)
        return {
            "fetched": prepared.fetched,
            "raw": [str(raw.root) for raw in fetched],
            **losses.figures(task),
            **losses.told_first(task, only_unlabelled(task, prepared.fetched, apart)),
        }
    steps.begin(Text("Splitting", "切分"))
    held_out = held_out_rows(task)
    real, written = prepared.by_origin()
    with many_rows():
        splits, about_split = into_own_splits(
            real, data_source.split, _previous(parent, data_source.split), held_out, prepared.own
        )
    used = into_train(splits, admit_rows(written, real, held_out, refused_ids(task)), data_source.split, held_out)
    with many_rows():  # what follows looks at each row many times
        splits = {name: list(rows) for name, rows in splits.items()}
    following = follow(task, list(splits["test"]), prepared.definition.labels, decisions, whole=not partly)
    held_out = list(following.held_out)
    steps.begin(Text("Validating", "驗證"))
    alike, apart_from_tested = list[Finding](), False
    with many_rows():
        if "near_benchmark" not in decided:
            splits, alike, some_stay = without_near_benchmark(splits, held_out, steps.tick)
            apart_from_tested = not some_stay
        report = validation_report(
            splits,
            rules_of(prepared.definition, data_source, data_source.split.group_by),
            held_out,
            [
                *prepared.notes,
                *labels_found(definition, prepared),
                *following.notes,
                *about_split,
                *without_time(splits["train"], data_source.split),
                *notes_of(len(written), len(used)),
                *alike,
                *proposed_groups(prepared.definition, prepared.sources, data_source.split),
            ],
            steps.tick,
            apart=apart_from_tested,
        )
    report.errors = [*lost, *following.errors, *prepared.errors, *report.errors]
    list_rows(task, prepared.definition, report, prepared.sources, data_source.quality.masked)
    report = apply_decisions(report, decided)
    if report.errors:
        raise validation_error(task, report, Text("The data does not pass validation", "資料沒有通過驗證"))
    steps.begin(Text("Committing the snapshot", "保存快照"))
    if prepared.definition.labels != definition.labels:
        with task.change() as changed:
            changed.labels = prepared.definition.labels
    with lock(task.data / "current.json"):  # a person may have edited the data while it was fetched
        replaced = _guard_edits(task, _head(task, job), replace_manual_edits) or replaced
        snapshot = commit_snapshot(
            task,
            splits,
            report,
            kind="generated",
            parent=parent.hash if parent else None,
            raw=[raw.hash for raw in fetched],
            source_hash=source_hash(fetched),
            policy=data_source.split,
            benchmark=following.reference(task, splits["test"]),
        )
        keep_report(snapshot, report)
        following.commit(task, snapshot)
        adopt(task, snapshot)
        (task.data / "validation.json").unlink(
            missing_ok=True
        )  # of what was refused before; the snapshot holds its own
    stamp_last_run(task)
    steps.finish()
    sheets = [
        sheet
        for number, (kind, raw) in enumerate(zip(kinds, raws, strict=True))
        if kind.synthetic
        and raw
        and (
            sheet := write_sheet(
                task, raw.hash[:12], [row for row in used if row["source"] == source_name(kind, number)]
            )
        )
    ]
    paid = spent_on(kinds, raws)
    result = outcome(
        task, prepared, losses, snapshot, parent, fetched, replaced, report, about_written(task, paid, sheets)
    )
    return result | kept_apart(task, apart) | ({"review": [str(sheet) for sheet in sheets]} if sheets else {}) | paid


def source_hash(raws: Sequence[RawSnapshot]) -> str:
    """One hash for all that was fetched, in the order of the sources."""
    return sha256_bytes("\n".join(raw.hash for raw in raws).encode())


def _fetch(task: TaskFolder, kind: SourceKind, number: int, steps: Stages) -> RawSnapshot:
    name = source_name(kind, number)
    steps.begin(Text(f"Fetching {name}", f"擷取 {name}"))
    return fetch(
        task,
        kind,
        number,
        lambda rows: steps.within(Text(f"Fetching {name}: {several(rows, 'row')}", f"擷取 {name}：{rows} 列"), rows),
        steps.watch,
    )


def _check_place(only: int | None, kinds: Sequence[SourceKind]) -> None:
    if only is None or 0 <= only < len(kinds):
        return
    raise DataError(
        Text(
            f"There is no source {only}: the places are 0 to {len(kinds) - 1}.",
            f"沒有第 {only} 個來源：編號是 0 到 {len(kinds) - 1}。",
        ),
        Text("Call set_data_source with the task alone to see them.", "用 set_data_source 只帶任務名稱可查看。"),
        field="source",
    )


def _stop_for(task: TaskFolder, lost: Sequence[Finding], decided: Mapping[str, Decision]) -> None:
    """Stop and ask where too much is lost, before anything is made of the rest.

    Raises:
        DataError: the person has not accepted that.
    """
    report = apply_decisions(empty_report(lost), decided)
    if report.errors:
        raise validation_error(task, report)


def _previous(parent: Snapshot | None, policy: SplitPolicy) -> dict[str, str] | None:
    """Where rows stood before; None where the policy changed since, so that everything is dealt again."""
    if parent is None or parent.manifest.split != policy:
        return None
    return parent.assignment


def _head(task: TaskFolder, job: RunningJob) -> Snapshot | None:
    """The current snapshot; None, with a warning, where it is lost or damaged: regenerating is what fixes that."""
    try:
        return head(task)
    except DataError as error:
        job.warn(error.problem)
        return None


def _is_edited(task: TaskFolder, job: RunningJob) -> bool:
    with lock(task.data / "current.json"):
        parent = _head(task, job)
        return parent is not None and bool(edited_splits(task, parent))


def _guard_edits(task: TaskFolder, parent: Snapshot | None, replace: bool) -> Path | None:
    """Refuse to overwrite what a person changed by hand; where it is asked for, keep a copy of it."""
    edited = (
        edited_splits(task, parent)
        if parent
        else [name for name in SPLITS if working_file(task, name).is_file() and working_file(task, name).stat().st_size]
    )
    manual = parent is not None and parent.manifest.kind == "manual"
    if not edited and not manual:
        return None
    if replace:
        return keep_edits(task)
    files = ", ".join(f"{name}.jsonl" for name in edited) or f"snapshot {parent.hash[:12] if parent else ''}"
    raise DataError(
        Text(
            f"The data was edited by hand ({files}); regenerating would replace those edits.",
            f"資料有手動修改過（{files}）；重新產生會蓋掉這些修改。",
        ),
        Text(
            "Train with the data as it is, or call prepare_data(replace_manual_edits=true); a copy of it is kept in "
            f"{task.data / 'replaced'}.",
            f"可以直接用目前的資料訓練，或呼叫 prepare_data(replace_manual_edits=true)；"
            f"修改過的版本會備份到 {task.data / 'replaced'}。",
        ),
        field="replace_manual_edits",
    )


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))
