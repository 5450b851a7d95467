"""The stages that make a snapshot of what the sources give: begin → fetch → convert → split → validate → commit → describe.

Each takes what the ones before it made. Until `commit` the current data stays as it was, and what was fetched is kept, so that
a process may die at any instruction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...resources.data_source import DataSource, SplitPolicy
from ...resources.foundation.errors import DataError
from ...resources.foundation.files import lock, sha256_bytes
from ...resources.foundation.language import Text, several
from ...resources.task import Task, TaskFolder
from ...resources.validation import Finding, ValidationReport
from ..compute.jobs.running import RunningJob
from .agreeing import settle
from .benchmark import held_out_rows
from .checks import empty_report, validation_report
from .decisions import Decision, apply_decisions, standing
from .definition import source_kinds, source_name, stamp_last_run, unknown_kept
from .expense import Allowance
from .fetch import RawSnapshot, fetch, latest_raw, spent_on, sweep
from .following import Following, follow
from .group_columns import proposed_groups
from .labelling.offering import kept_apart, only_unlabelled
from .near import without_near_benchmark
from .outcome import Losses, outcome
from .own_split import unread_tests
from .permission import check_permission
from .preparing import Prepared, into_own_splits, labels_found, prepare
from .rows import Row, many_rows
from .rows_listed import list_rows
from .rules import rules_of
from .snapshot import adopt, edited_splits, head, keep_edits, keep_report, validation_error, working_file
from .source import SourceKind
from .source_loss import incomplete, never_fetched, shrunk
from .split import SPLITS
from .stages import Stages
from .store import Snapshot, commit_snapshot
from .synthetic import about_written, admit_rows, into_train, notes_of, refused_ids, write_sheet
from .time_split import without_time
from .unlabelled import keep_unlabelled

_AFTER_FETCHING = ("convert", "split", "validate", "commit")


@dataclass(frozen=True)
class Request:
    """What is to be regenerated, and what the person decided about it.

    Arguments:
        only: the place of the one source to fetch; the others are taken as they were fetched last.
        agreed: the price that the person has agreed to, for sources that cost something.
    """

    task: TaskFolder
    job: RunningJob
    data_source: DataSource
    decisions: Mapping[str, Decision]
    only: int | None
    replace_manual_edits: bool
    agreed: float

    def is_edited(self) -> bool:
        """Whether the person changed the current data by hand."""
        with lock(self.task.data / "current.json"):
            parent = _head(self.task, self.job)
            return parent is not None and bool(edited_splits(self.task, parent))


@dataclass(frozen=True)
class _Begun:
    """What stands before anything is fetched. `replaced`: the copy of edits made by hand that give way."""

    definition: Task
    kinds: Sequence[SourceKind]
    fetched_now: Sequence[int]
    parent: Snapshot | None
    replaced: Path | None
    decided: Mapping[str, Decision]
    progress: Stages


@dataclass(frozen=True)
class _Fetched:
    """What each source gave, None for one never fetched; `shrank` says where much less than before."""

    raws: Sequence[RawSnapshot | None]
    shrank: Sequence[Finding]

    @property
    def present(self) -> list[RawSnapshot]:
        return [raw for raw in self.raws if raw]


@dataclass(frozen=True)
class _Converted:
    """The rows, what was lost on the way to them, and the folder of those that no label stands beside."""

    prepared: Prepared
    lost: Sequence[Finding]
    partly: Sequence[Text]
    losses: Losses
    apart: Any


@dataclass(frozen=True)
class _Divided:
    """The rows in their splits. `used`: those a model wrote that were let in, of `written` in all."""

    splits: Mapping[str, Sequence[Row]]
    notes: Sequence[Finding]
    used: Sequence[Row]
    written: int
    following: Following


@dataclass(frozen=True)
class _Validated:
    splits: Mapping[str, Sequence[Row]]
    report: ValidationReport


@dataclass(frozen=True)
class _Committed:
    snapshot: Snapshot
    replaced: Path | None


def run_stages(request: Request) -> dict[str, Any]:
    """Go through all stages and return the job's result.

    Raises:
        DataError: the definition or the data is not fit, edits made by hand would be lost, or a source gives nothing.
        AccessError: a source stands where the person has not allowed reading.
    """
    begun = _begin(request)
    fetched = _fetch_sources(request, begun)
    converted = _convert(request, begun, fetched)
    if not converted.prepared.rows:
        return _describe_no_rows(request, fetched, converted)
    divided = _split(request, begun, converted)
    validated = _validate(request, begun, converted, divided)
    committed = _commit(request, begun, fetched, converted, divided, validated)
    return _describe(request, begun, fetched, converted, divided, validated, committed)


def _begin(request: Request) -> _Begun:
    task, job, data_source = request.task, request.job, request.data_source
    definition = task.load()
    for said in unknown_kept(task, data_source):
        job.warn(said)
    kinds = source_kinds(data_source, task)
    named = len(data_source.sources)  # what labelling gave stands behind them and is always read anew
    _check_place(request.only, kinds[:named])
    check_permission(task, data_source, request.only)
    with lock(task.data / "current.json"):
        sweep(task.raw)
        sweep(task.snapshots)
        parent = _head(task, job)
        replaced = _guard_edits(task, parent, request.replace_manual_edits)
    fetched_now = [number for number in range(len(kinds)) if request.only in (None, number) or number >= named]
    progress = Stages(
        job,
        [*(f"fetch {source_name(kinds[number], number)}" for number in fetched_now), *_AFTER_FETCHING],
        task.cache / "preparing.json",
        Allowance.of(task, job.folder.id, settle(task, kinds, request.only, request.agreed, job.by_hand)),
    )
    decided = {**standing(parent.validation if parent else None), **request.decisions}
    return _Begun(definition, kinds, fetched_now, parent, replaced, decided, progress)


def _fetch_sources(request: Request, begun: _Begun) -> _Fetched:
    task, parent = request.task, begun.parent
    raws = [
        _fetch(task, kind, number, begun.progress)
        if number in begun.fetched_now
        else latest_raw(task, kind, parent.manifest.raw if parent else ())
        for number, kind in enumerate(begun.kinds)
    ]
    shrank = shrunk(task, begun.kinds, raws, parent, request.data_source.quality.max_left_out)
    _stop_for(task, shrank, begun.decided)
    return _Fetched(raws, shrank)


def _convert(request: Request, begun: _Begun, fetched: _Fetched) -> _Converted:
    task, data_source, kinds, raws = request.task, request.data_source, begun.kinds, fetched.raws
    begun.progress.begin(Text("Converting and removing duplicates", "轉換並去除重複"))
    with many_rows():
        prepared = prepare(task, begun.definition, data_source, kinds, raws)
    lost = [*fetched.shrank, *prepared.left_out.stopping(data_source.quality.max_left_out, task)]
    _stop_for(task, lost, begun.decided)
    apart = keep_unlabelled(task, prepared.unlabelled)
    partly = [*never_fetched(kinds, raws), *incomplete(raws)]
    unread = unread_tests(task.root, kinds, [raw.provenance() if raw else {} for raw in raws])
    return _Converted(prepared, lost, partly, Losses(prepared.left_out, [*partly, *unread]), apart)


def _describe_no_rows(request: Request, fetched: _Fetched, converted: _Converted) -> dict[str, Any]:
    """The result where nothing carries an answer yet: how to label it."""
    task, prepared, losses = request.task, converted.prepared, converted.losses
    stamp_last_run(task)
    return {
        "fetched": prepared.fetched,
        "raw": [str(raw.root) for raw in fetched.present],
        **losses.figures(task),
        **losses.told_first(task, only_unlabelled(task, prepared.fetched, converted.apart)),
    }


def _split(request: Request, begun: _Begun, converted: _Converted) -> _Divided:
    task, policy, prepared = request.task, request.data_source.split, converted.prepared
    begun.progress.begin(Text("Splitting", "切分"))
    held_out = held_out_rows(task)
    real, written = prepared.by_origin()
    with many_rows():
        splits, notes = into_own_splits(real, policy, _previous(begun.parent, policy), held_out, prepared.own)
    used = into_train(splits, admit_rows(written, real, held_out, refused_ids(task)), policy, held_out)
    with many_rows():  # what follows looks at each row many times
        listed = {name: list(rows) for name, rows in splits.items()}
    following = follow(
        task, list(listed["test"]), prepared.definition.labels, request.decisions, whole=not converted.partly
    )
    return _Divided(listed, notes, used, len(written), following)


def _validate(request: Request, begun: _Begun, converted: _Converted, divided: _Divided) -> _Validated:
    """The rows as they are committed: without train rows that are nearly those of the benchmark, their report clean.

    Raises:
        DataError: an error that the person has not accepted.
    """
    task, data_source, prepared, following = request.task, request.data_source, converted.prepared, divided.following
    progress = begun.progress
    progress.begin(Text("Validating", "驗證"))
    splits, held_out = divided.splits, list(following.held_out)
    alike, apart_from_tested = list[Finding](), False
    with many_rows():
        if "near_benchmark" not in begun.decided:
            splits, alike, some_stay = without_near_benchmark(splits, held_out, progress.tick)
            apart_from_tested = not some_stay
        report = validation_report(
            splits,
            rules_of(prepared.definition, data_source, data_source.split.group_by),
            held_out,
            [
                *prepared.notes,
                *labels_found(begun.definition, prepared),
                *following.notes,
                *divided.notes,
                *without_time(splits["train"], data_source.split),
                *notes_of(divided.written, len(divided.used)),
                *alike,
                *proposed_groups(prepared.definition, prepared.sources, data_source.split),
            ],
            progress.tick,
            apart=apart_from_tested,
        )
    report.errors = [*converted.lost, *following.errors, *prepared.errors, *report.errors]
    list_rows(task, prepared.definition, report, prepared.sources, data_source.quality.masked)
    report = apply_decisions(report, begun.decided)
    if report.errors:
        raise validation_error(task, report, Text("The data does not pass validation", "資料沒有通過驗證"))
    return _Validated(splits, report)


def _commit(
    request: Request, begun: _Begun, fetched: _Fetched, converted: _Converted, divided: _Divided, validated: _Validated
) -> _Committed:
    task, labels = request.task, converted.prepared.definition.labels
    begun.progress.begin(Text("Committing the snapshot", "保存快照"))
    if labels != begun.definition.labels:
        with task.change() as changed:
            changed.labels = labels
    with lock(task.data / "current.json"):  # a person may have edited the data while it was fetched
        edited_meanwhile = _guard_edits(task, _head(task, request.job), request.replace_manual_edits)
        snapshot = commit_snapshot(
            task,
            validated.splits,
            validated.report,
            kind="generated",
            parent=begun.parent.hash if begun.parent else None,
            raw=[raw.hash for raw in fetched.present],
            source_hash=source_hash(fetched.present),
            policy=request.data_source.split,
            benchmark=divided.following.reference(task, validated.splits["test"]),
        )
        keep_report(snapshot, validated.report)
        divided.following.commit(task, snapshot)
        adopt(task, snapshot)
        # Of what was refused before; the snapshot holds its own.
        (task.data / "validation.json").unlink(missing_ok=True)
    stamp_last_run(task)
    begun.progress.finish()
    return _Committed(snapshot, edited_meanwhile or begun.replaced)


def _describe(
    request: Request,
    begun: _Begun,
    fetched: _Fetched,
    converted: _Converted,
    divided: _Divided,
    validated: _Validated,
    committed: _Committed,
) -> dict[str, Any]:
    task = request.task
    sheets = _write_sheets(task, begun.kinds, fetched.raws, divided.used)
    paid = spent_on(begun.kinds, fetched.raws)
    result = outcome(
        task,
        converted.prepared,
        converted.losses,
        committed.snapshot,
        begun.parent,
        fetched.present,
        committed.replaced,
        validated.report,
        about_written(task, paid, sheets),
    )
    review = {"review": [str(sheet) for sheet in sheets]} if sheets else {}
    return result | kept_apart(task, converted.apart) | review | paid


def _write_sheets(
    task: TaskFolder, kinds: Sequence[SourceKind], raws: Sequence[RawSnapshot | None], used: Sequence[Row]
) -> list[Path]:
    """For each source whose rows a model wrote, the sheet on which a person looks through those that were used."""
    sheets = []
    for number, (kind, raw) in enumerate(zip(kinds, raws, strict=True)):
        if kind.synthetic and raw:
            rows = [row for row in used if row["source"] == source_name(kind, number)]
            if sheet := write_sheet(task, raw.hash[:12], rows):
                sheets.append(sheet)
    return sheets


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
            f"There is no source {only}: the positions are 0 to {len(kinds) - 1}.",
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
