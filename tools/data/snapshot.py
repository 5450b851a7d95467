"""The data as it now stands: the current snapshot, its working copies `data/*.jsonl`, and what a person edits there.

`data/current.json` names the snapshot; while its files are being copied it also holds the hashes of the files they
replace (`replaces`), so that a checkout killed half way is carried on and never mistaken for an edit.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from ...resources.data_source import load_data_source
from ...resources.foundation.errors import DataError
from ...resources.foundation.external import as_data
from ...resources.foundation.files import (
    commit_folder,
    lock,
    read_json,
    sha256_bytes,
    sha256_file,
    write_atomic,
    write_json,
)
from ...resources.foundation.language import Text, several
from ...resources.task import TaskFolder
from ...resources.validation import ValidationReport
from .benchmark import MAIN, benchmark_names, freeze, held_out_rows
from .checks import hide_row_texts, validation_report
from .decisions import ACCEPTABLE, KEEP_BENCHMARK, Decision, apply_decisions, standing
from .editing import read_split
from .findings import ROW_TEXT
from .following import follow
from .labels_alike import guess_labels
from .origins import recorded_sources
from .rows import Row
from .rows_listed import list_rows
from .rules import rules_of
from .split import SPLITS
from .store import REPORT, Snapshot, commit_snapshot, load_snapshot, write_report

__all__ = [
    "Snapshot",
    "adopt",
    "current_snapshot",
    "edited_splits",
    "head",
    "keep_edits",
    "keep_report",
    "last_report",
    "load_snapshot",
    "validation_error",
    "working_file",
]


def working_file(task: TaskFolder, split: str) -> Path:
    """The copy of a split that people read and edit."""
    return task.data / f"{split}.jsonl"


def current_snapshot(task: TaskFolder, decisions: Mapping[str, Decision] | None = None) -> Snapshot:
    """The validated data to train on.

    An interrupted checkout is finished first; `data/*.jsonl` edited by hand are validated and committed as a manual
    snapshot, child of the one they were edited from.

    Arguments:
        decisions: errors that the person overrides now; those of earlier reports stand.

    Raises:
        DataError: there is no data yet, an edited file cannot be read, or validation found errors.
    """
    with lock(task.data / "current.json"):
        snapshot = head(task)
        edited = edited_splits(task, snapshot)
        if edited or (snapshot is None and any(working_file(task, name).is_file() for name in SPLITS)):
            return _commit_edits(task, snapshot, decisions or {})
        if snapshot is None:
            raise DataError(
                Text(f"{task.name} has no data yet.", f"{task.name} 還沒有資料。"),
                Text(
                    "Say where the rows come from with set_data_source, then call prepare_data.",
                    "請先用 set_data_source 說明資料從哪裡來，再呼叫 prepare_data。",
                ),
                field="task",
            )
        return _validate_again(task, snapshot, decisions or {})


def head(task: TaskFolder) -> Snapshot | None:
    """The snapshot `current.json` names, its checkout finished; None where there is none. Needs the lock."""
    path = task.data / "current.json"
    if not path.is_file():
        return None
    current = read_json(path)
    snapshot = load_snapshot(task, current["hash"])
    _freeze_first_benchmark(task, snapshot)
    if current.get("replaces") is not None:  # the checkout was interrupted
        _finish_checkout(task, snapshot, current["replaces"])
    else:
        _check_out(task, snapshot, {})
    return snapshot


def adopt(task: TaskFolder, snapshot: Snapshot) -> None:
    """Make `snapshot` the current one and copy its splits to `data/*.jsonl`. Needs the lock."""
    replaced = {name: sha256_file(file) for name in SPLITS if (file := working_file(task, name)).is_file()}
    write_json(task.data / "current.json", {"format": 1, "hash": snapshot.hash, "replaces": replaced})
    _freeze_first_benchmark(task, snapshot)
    _finish_checkout(task, snapshot, replaced)


def _finish_checkout(task: TaskFolder, snapshot: Snapshot, replaced: dict[str, str]) -> None:
    _check_out(task, snapshot, replaced)
    write_json(task.data / "current.json", {"format": 1, "hash": snapshot.hash})


def edited_splits(task: TaskFolder, snapshot: Snapshot | None) -> list[str]:
    """The splits whose working copy a person has changed since the checkout. Needs the lock and a finished checkout."""
    if snapshot is None:
        return []
    return [name for name in SPLITS if sha256_file(working_file(task, name)) != snapshot.file_hashes[name]]


def keep_edits(task: TaskFolder) -> Path:
    """Copy the working files as they are to `data/replaced/<hash12>/`, before something overwrites them."""
    files = [file for name in SPLITS if (file := working_file(task, name)).is_file()]
    digest = sha256_bytes("".join(sha256_file(file) for file in files).encode())
    kept = task.data / "replaced" / digest[:12]

    def fill(folder: Path) -> None:
        for file in files:
            shutil.copyfile(file, folder / file.name)

    commit_folder(kept, fill)
    return kept


def validation_error(task: TaskFolder, report: ValidationReport, place: Text | None = None) -> DataError:
    """The error that validation's errors are, its full report left in `data/validation.json`.

    Arguments:
        place: what does not pass, where it is not the finding itself that comes first.
    """
    path = task.data / REPORT
    write_report(task.data, report)
    safe = hide_row_texts(report, task.load())
    first, more = report.errors[0], len(report.errors) - 1
    also = Text(
        f" (and {several(more, 'more kind')} of error)" if more else "", f"（另有 {more} 種錯誤）" if more else ""
    )
    example = _first_example(safe)
    accept = _HOW_TO_ACCEPT if first.code in ACCEPTABLE and first.code != KEEP_BENCHMARK else Text("", "")
    listed = (
        Text(f"They are all listed in {task.root / first.file}. ", f"全部列在 {task.root / first.file}。")
        if first.file
        else Text("", "")
    )
    mend, pairs = _MEND.get(first.code, _MEND_ROWS), _describe_meant_labels(task, report)
    return DataError(
        (Text("{place}: ", "{place}：").format(place=place) if place else Text("", "")) + first.text + also + example,
        Text(
            f"{listed.en}{mend.en.format(path=path, pairs=pairs or _OLD_NEW.en)}{accept.en.format(code=first.code)}",
            f"{listed.zh}{mend.zh.format(path=path, pairs=pairs or _OLD_NEW.zh)}{accept.zh.format(code=first.code)}",
        ),
        field=_FIELD_OF.get(first.code, first.code.removeprefix("missing_")),
        details=safe.to_dict(),
    )


_PLACE = ("file", "sheet", "page", "row")
_FIELD_OF = {
    "rows_left_out": "sources",
    "source_shrank": "sources",
    KEEP_BENCHMARK: "accept",
    "unknown_label": "label",
    "conflicting_labels": "label",
    "empty_train": "train",
    "overlap": "split",
    "duplicate": "id",
    "benchmark_leak": "split",
    "near_benchmark": "split",
    "personal_id_number": "text",
    "personal_card": "text",
    "secret_token": "text",
    "secret_private_key": "text",
    "benchmark_one_label": "split",
}


_OLD_NEW = Text("{'old': 'new'}", "{'舊': '新'}")
_MEND_ROWS = Text(
    "Correct those rows where they come from, then try again; all findings are in {path}.",
    "請在來源修正這些列後再試一次，完整結果在 {path}。",
)
_MEND = {
    "rows_left_out": Text(
        "Fix them where they come from and prepare again, or allow more with "
        "set_data_source(quality={{'max_left_out': 0.9}}).",
        "請在來源修正後再準備一次，或用 set_data_source(quality={{'max_left_out': 0.9}}) 放寬比例。",
    ),
    KEEP_BENCHMARK: Text("Show the person those rows, and let them choose.", "請把這些列給對方看，由對方決定。"),
    "unknown_label": Text(
        "If a label is right and only missing from the task, add it with update_task; if it has another name now, say "
        "so in the source's label_values ({pairs}); else correct those rows where they come from. All findings are in "
        "{path}.",
        "如果標籤是對的、只是任務沒有列出，請用 update_task 加上；如果只是改了名稱，請在來源的 label_values 寫明"
        "（{pairs}）；否則請在來源修正這些列。完整結果在 {path}。",
    ),
    "benchmark_one_label": Text(
        "Bring more rows of the other labels and prepare again, or give the test a larger share: "
        "set_data_source(split={{'train': 0.6, 'valid': 0.1, 'test': 0.3}}).",
        "請多準備其他標籤的資料再試一次，或把測試集的比例調大："
        "set_data_source(split={{'train': 0.6, 'valid': 0.1, 'test': 0.3}})。",
    ),
    "source_shrank": Text(
        "Look at the source and prepare again; the data is unchanged.", "請檢查來源後再準備一次；目前的資料維持原狀。"
    ),
}
_HOW_TO_ACCEPT = Text(
    " If the person has checked and it is intended: prepare_data(accept={{'{code}': 'why'}}).",
    "如果對方看過、確定就是要這樣：prepare_data(accept={{'{code}': '理由'}})。",
)


def _describe_meant_labels(task: TaskFolder, report: ValidationReport) -> str:
    """`{'refund ': 'Refund'}`: which of the task's labels those of the first error may be; empty where nothing tells, or they may
    not be shown."""
    definition = task.load()
    if report.errors[0].code != "unknown_label" or definition.constraints.privacy == "on-premise":
        return ""
    labels = [str(row["label"]) for row in report.errors[0].examples if row.get("label")]
    found = guess_labels(dict.fromkeys(label for label in labels if label not in definition.labels), definition.labels)
    return "{" + ", ".join(f"'{label}': '{known}'" for label, known in found.items()) + "}" if found else ""


def _first_example(safe: ValidationReport) -> Text:
    examples = safe.errors[0].examples
    if not examples:
        return Text("", "")
    row = {key: examples[0][key] for key in (*ROW_TEXT, *_PLACE) if key in examples[0]} or examples[0]
    shown = {
        key: as_data(value) if isinstance(value, str) else Text(str(value), str(value)) for key, value in row.items()
    }
    return Text(
        "\n  e.g. " + ", ".join(f"{key}: {value.en}" for key, value in shown.items()),
        "\n  例如 " + "，".join(f"{key}：{value.zh}" for key, value in shown.items()),
    )


def _freeze_first_benchmark(task: TaskFolder, snapshot: Snapshot) -> None:
    if MAIN not in benchmark_names(task) and snapshot.counts["test"]:
        freeze(task, snapshot.rows("test"), snapshot.hash)


def _check_out(task: TaskFolder, snapshot: Snapshot, replaces: dict[str, str]) -> None:
    """Copy every split whose working copy is missing or still the replaced one; an edit made since is left alone."""
    for name in SPLITS:
        file = working_file(task, name)
        here = sha256_file(file) if file.is_file() else None
        if here is None or (here == replaces.get(name) and here != snapshot.file_hashes[name]):
            write_atomic(file, snapshot.file(name).read_bytes())


def _commit_edits(task: TaskFolder, parent: Snapshot | None, decisions: Mapping[str, Decision]) -> Snapshot:
    definition, data_source = task.load(), load_data_source(task)
    policy = parent.manifest.split if parent else data_source.split
    splits: dict[str, list[Row]] = {name: read_split(working_file(task, name)) for name in SPLITS}
    following = follow(task, splits["test"], definition.labels, decisions)
    report = validation_report(
        splits, rules_of(definition, data_source, policy.group_by), following.held_out, following.notes
    )
    report.errors = [*following.errors, *report.errors]
    _list_rows(task, parent, report)
    report = apply_decisions(report, {**standing(parent.validation if parent else None), **decisions})
    if report.errors:
        raise validation_error(
            task,
            report,
            Text("data/*.jsonl, as edited by hand, does not pass validation", "手動修改後的 data/*.jsonl 沒有通過驗證"),
        )
    clean = {
        name: [{key: value for key, value in row.items() if key != "line"} for row in rows]
        for name, rows in splits.items()
    }
    snapshot = commit_snapshot(
        task,
        clean,
        report,
        kind="manual",
        parent=parent.hash if parent else None,
        raw=parent.manifest.raw if parent else [],
        policy=policy,
        source_hash=parent.source_hash if parent else sha256_bytes(b""),
        benchmark=following.reference(task, clean["test"]),
    )
    keep_report(snapshot, report)
    following.commit(task, snapshot)
    adopt(task, snapshot)
    write_report(task.data, report)
    return snapshot


def _list_rows(task: TaskFolder, made_from: Snapshot | None, report: ValidationReport) -> None:
    """List the rows of each finding, with where the raw snapshots of `made_from` have them."""
    definition = task.load()
    list_rows(
        task,
        definition,
        report,
        recorded_sources(task, definition, made_from.manifest.raw if made_from else ()),
        load_data_source(task).quality.masked,
    )


def last_report(task: TaskFolder) -> ValidationReport | None:
    """The report of the snapshot that `current.json` names, whatever became of the working files since; its rows are not
    read for it."""
    path = task.data / "current.json"
    report = task.snapshots / str(read_json(path)["hash"])[:12] / REPORT if path.is_file() else path
    return ValidationReport.read(report) if report.is_file() else None


def keep_report(snapshot: Snapshot, report: ValidationReport) -> None:
    """Let `report` be the snapshot's: the same content may have been committed before, under other rules."""
    if snapshot.validation.to_dict() != report.to_dict():
        write_report(snapshot.root, report)


def _validate_again(task: TaskFolder, snapshot: Snapshot, decisions: Mapping[str, Decision]) -> Snapshot:
    """`snapshot`, validated again where the task's labels or the quality gates changed since its report."""
    rules = rules_of(task.load(), load_data_source(task), snapshot.manifest.split.group_by)
    report = snapshot.validation
    if report.rules != rules.hash:
        found = validation_report({name: snapshot.rows(name) for name in SPLITS}, rules, held_out_rows(task))
        _list_rows(task, snapshot, found)
        report = apply_decisions(found, {**standing(report), **decisions})
        if not report.errors:
            keep_report(snapshot, report)
    if report.errors:
        raise validation_error(task, report, Text("The data does not pass validation", "資料沒有通過驗證"))
    return snapshot
