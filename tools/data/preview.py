"""A first look at every source: can it be read, which columns has it, what would the first rows become."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from ...resources.answer import quote_row_text
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import SENTENCES, Text, several
from ...resources.foundation.masking import collect_secrets, throughout
from ...resources.task import Task, TaskFolder
from ..compute.jobs.running import RunningJob, run_job
from .cells import plain_value
from .columnar import SourceRecords
from .definition import add_rotation_notice, load_definition, source_name, unknown_kept
from .expense import Expense
from .fetch import RawSnapshot, no_rows
from .group_columns import group_finding, settling
from .labels_alike import alike_in_words, groups_alike, guess_labels
from .layouts import meant_for_another
from .left_out import LeftOut
from .mapping import (
    Conversion,
    find_columns,
    lacking_in_words,
    may_be_a_row,
    shown_columns,
    suggested_by_content,
    unlabelled_way_out,
)
from .own_split import unread_tests
from .permission import check_permission
from .places import PlacesOf, Run
from .rows import Row
from .source import Record, SourceKind, source_kind
from .task_kind import counted_labels, role_title, task_kind
from .watching import Watch

MODULE = "nlp_skills.tools.data.preview"
PREVIEWED_ROWS = 5
_PATIENCE_SECONDS = 15.0  # with fewer records than wanted, a slow source is looked at no longer


def main(task: Path, arguments: list[str]) -> int:
    """Preview the task's sources as a job."""
    parser = argparse.ArgumentParser(prog=MODULE, description="Preview a task's sources. 預覽任務的資料來源。")
    parser.add_argument("--moved", nargs="*", default=[], help="secrets just moved to the store 剛移到密鑰庫的名稱")
    parser.add_argument("--agreed", action="store_true", help="also look at what costs money 付費的來源也看")
    options = parser.parse_args(arguments)
    folder = TaskFolder(task)

    def work(job: RunningJob) -> dict[str, Any]:
        with add_rotation_notice(options.moved):
            return preview(folder, job, options.agreed)

    return run_job("preview", work, entry=["-m", MODULE], arguments=arguments, task=Path(task))


class SourceLook(TypedDict, total=False):
    """What a first look at a source found.

    Arguments:
        source: its place in `data_source.yaml`.
        missing: needed columns that were not found; `suggestions` for them by role.
        rows: the first ones as they would be converted, quoted.
        empty: what made no row, by reason.
        first_look: what asking for a first answer would cost; `estimate`: all of it.
        lost: what of the source is not in the rows; `unusable`: why none of them can be used.
        meant: which of the task's labels the unknown ones may be.
    """

    source: int
    type: str
    origin: str
    columns: list[str]
    mapping: dict[str, str]
    missing: list[str]
    named: dict[str, str]
    may_be_a_row: dict[str, str]
    suggestions: dict[str, str]
    rows: list[Row]
    unlabelled: int
    notes: list[dict[str, str]]
    first_look: JsonObject
    estimate: JsonObject
    empty: dict[str, int]
    lost: list[dict[str, str]]
    group_column: dict[str, str]
    unusable: list[dict[str, str]]
    unknown_labels: list[str]
    meant: dict[str, str]


class Told(TypedDict):
    """What is said of the looks, in both languages, and what to do next."""

    message: dict[str, str]
    next_step: JsonObject


def preview(task: TaskFolder, job: RunningJob, agreed: bool = False) -> dict[str, Any]:
    """Read the beginning of each source and convert it, without keeping anything.

    Arguments:
        agreed: the person has said yes to what a first look costs; without it such a source is not asked.

    Raises:
        DataSourceError, DataError, SecretError: a source cannot be read; the first one is told.
        BudgetError: the task's budget does not allow a first look.
    """
    definition = task.load()
    data_source, _ = load_definition(task)
    check_permission(task, data_source)
    for said in unknown_kept(task, data_source):
        job.warn(said)
    looks, read = list[SourceLook](), list[tuple[SourceKind, JsonObject]]()
    for number, source in enumerate(data_source.sources):
        job.check_cancelled()
        kind = source_kind(source, number)
        name = source_name(kind, number)
        job.progress(number, len(data_source.sources), Text(f"Reading {name}", f"讀取 {name}"))
        watch = Watch(job.check_cancelled, job.warn, agreed)
        looks.append(_look(task, definition, kind, number, watch))
        read.append((kind, watch.provenance))
    lost = [
        *(Text(**said) for look in looks for said in look.get("lost", ())),
        *unread_tests(task.root, [kind for kind, _ in read], [noted for _, noted in read]),
    ]
    told = _lost_first(_add_notes(_build_message(task, definition, looks), looks), lost)
    return {"sources": looks, **told}


def _look(task: TaskFolder, definition: Task, kind: SourceKind, number: int, watch: Watch) -> SourceLook:
    field = f"sources[{number}]"
    first = kind.expense(task.root, field, look=True)
    if first and first.paid and not watch.agreed:
        return _not_asked(task, kind, number, first)
    records = _first_records(task, kind, number, watch)
    available = list(dict.fromkeys(column for record in records for column in record))
    columns = find_columns(available, kind, definition)
    conversion = Conversion(definition)
    if not columns.missing:
        conversion.add(records, columns, kind, source_name(kind, number))
    notes = [
        *watch.notes,
        *conversion.recognised,
        *(said for _, _, said in task_kind(definition.type).remarks(conversion.rows)),
    ]
    known = set(definition.labels)
    counted = counted_labels(conversion.rows)
    labels = list(counted)
    unknown = [label for label in labels if known and label not in known]
    if (
        not known
        and definition.constraints.privacy == "open"
        and (alike := groups_alike(sorted(labels, key=lambda label: -counted[label])))
    ):
        notes.append(alike_in_words(alike))
    lost = [Text(**said) for said in watch.provenance.get("incomplete", ())]
    if conversion.left_out and (conversion.rows or conversion.unlabelled):
        looked = _Looked(
            "", task.root, len(records), tuple(available), (), {}, records, watch.places.runs(len(records))
        )
        sources = [SourceRecords(kind, looked, columns, source_name(kind, number))]
        left_out = LeftOut(definition, sources, conversion.omitted, len(records))
        lost = [left_out.describe(looked=len(records) >= kind.previewed), *lost]
    look: SourceLook = {
        "source": number,
        "type": kind.type,
        "origin": kind.origin(task.root),
        "columns": shown_columns(available, definition),
        "mapping": columns.found,
        "missing": list(columns.missing),
        "named": dict(columns.named),
        "may_be_a_row": may_be_a_row(columns)._asdict(),
        "suggestions": {**suggested_by_content(columns, records, definition), **columns.suggestions},
        "rows": [_safe(definition, row) for row in [*conversion.rows, *conversion.unlabelled][:PREVIEWED_ROWS]],
        "unlabelled": len(conversion.unlabelled),
    }
    if notes:
        look["notes"] = [note._asdict() for note in notes]
    if (rest := kind.expense(task.root, field)) and rest.requests:
        look["estimate"] = _describe_estimate(rest)
    look["empty"] = dict(conversion.left_out)
    if lost:
        look["lost"] = [said._asdict() for said in lost]
    if group := settling(records, columns.found):
        look["group_column"] = group_finding(definition, *group).message
    if not (columns.missing or conversion.rows or conversion.unlabelled):
        look["unusable"] = [note.message for note in conversion.notes() if note.code != "layout_recognised"]
    look["unknown_labels"] = [quote_row_text(definition, label, 40) for label in unknown][:10]
    if unknown and definition.constraints.privacy == "open":
        look["meant"] = guess_labels(unknown, definition.labels)
    return look


@dataclass(frozen=True)
class _Looked(RawSnapshot):
    """The records that a first look has read, as a raw snapshot would have them."""

    read: Sequence[Record]
    runs: Sequence[Run]

    def records(self) -> Iterator[Record]:
        return iter(self.read)

    def places(self) -> PlacesOf:
        return PlacesOf(self.runs)


def _not_asked(task: TaskFolder, kind: SourceKind, number: int, first: Expense) -> SourceLook:
    """What is known of a source that would cost something, before anybody has said yes."""
    look: SourceLook = {
        "source": number,
        "type": kind.type,
        "origin": kind.origin(task.root),
        "columns": [],
        "mapping": {},
        "missing": [],
        "suggestions": {},
        "rows": [],
        "unlabelled": 0,
    }
    if first.requests:
        look["first_look"] = _describe_estimate(first)
    if (rest := kind.expense(task.root, f"sources[{number}]")) and rest.requests:
        look["estimate"] = _describe_estimate(rest)
    look["empty"] = {}
    look["unknown_labels"] = []
    return look


def _describe_estimate(expense: Expense) -> JsonObject:
    return {**expense.figures(), "said": expense.in_words()._asdict()}


def _first_records(task: TaskFolder, kind: SourceKind, number: int, watch: Watch) -> list[Record]:
    records: list[Record] = []
    began = time.monotonic()
    with collect_secrets() as hiding, closing(kind.batches(task.root, f"sources[{number}]", watch)) as batches:
        for batch in batches:
            records += [throughout(plain_value(record), hiding) for record in batch]
            if len(records) >= kind.previewed or (records and time.monotonic() - began > _PATIENCE_SECONDS):
                break
    if not records:
        raise no_rows(task, kind, number)
    return records


def _safe(task: Task, row: Row) -> Row:
    kind = task_kind(task.type)
    shown = {key: row[key] for key in dict.fromkeys(("text", *kind.roles, *kind.optional)) if key in row}
    return {
        key: quote_row_text(task, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in shown.items()
    }


def _build_message(task: TaskFolder, definition: Task, looks: Sequence[SourceLook]) -> Told:
    """The message and the next step: name the columns, settle the labels, or prepare the data."""
    unmapped = next((look for look in looks if look["missing"]), None)
    if unmapped:
        return _ask_for_columns(task, definition, unmapped)
    if unusable := next((look for look in looks if "unusable" in look), None):
        return _nothing_usable(task, unusable)
    unknown = next((look for look in looks if look["unknown_labels"]), None)
    if unknown:
        labels, pairs = (
            Text(", ".join(unknown["unknown_labels"]), "、".join(unknown["unknown_labels"])),
            unknown.get("meant"),
        )
        perhaps = Text(f", perhaps {pairs}", f"，可能是 {pairs}") if pairs else Text("", "")
        return _say(
            Text(
                f"The source can be read, but has labels the task does not list: {labels.en}.",
                f"來源可以讀取，但有任務沒列出的標籤：{labels.zh}。",
            ),
            "update_task",
            {"task": task.name},
            Text(
                "Ask whether these labels belong to the task (update_task labels), or what they mean "
                f"(label_values of the source{perhaps.en}).",
                f"請確認這些標籤是否屬於這個任務（用 update_task 更新 labels），或各代表什麼（來源的 label_values{perhaps.zh}）。",
            ),
        )
    if costly := next((look for look in looks if "first_look" in look), None):
        return _before_looking(task, costly)
    if costly := next((look for look in looks if "estimate" in look), None):
        return _before_preparing(task, costly)
    if any(look["unlabelled"] for look in looks):
        return _without_labels(task, definition, looks)
    return _say(
        Text(
            f"{several(len(looks), 'source')} can be read; every needed column was found.",
            f"{len(looks)} 個來源都能讀取，需要的欄位也都找到了。",
        ),
        "prepare_data",
        {"task": task.name},
        Text(
            "Check the preview rows with the person, then prepare the data.", "和使用者確認預覽的資料列，再準備資料。"
        ),
    )


def _add_notes(told: Told, looks: Sequence[SourceLook]) -> Told:
    """What is told, and after it how the sources are read where that is not plain, and what the split should keep."""
    notes = [
        Text(**told["message"]),
        *(Text(**note) for look in looks for note in look.get("notes", ())),
        *(Text(**look["group_column"]) for look in looks if "group_column" in look),
    ]
    return {**told, "message": SENTENCES.join(notes)._asdict()}


def _nothing_usable(task: TaskFolder, look: SourceLook) -> Told:
    why = SENTENCES.join(Text(**message) for message in look["unusable"])
    return _say(
        Text(
            "{origin} can be read, but none of the rows looked at can be used. {why}",
            "{origin} 可以讀取，但看過的資料沒有一列能用。{why}",
        ).format(origin=look["origin"], why=why),
        "set_data_source",
        {"task": task.name},
        Text(
            "Correct the rows where they come from, or the source's mapping, then name the source again.",
            "請在來源修正資料，或調整 mapping，再設定一次來源。",
        ),
    )


def _before_looking(task: TaskFolder, look: SourceLook) -> Told:
    first, whole = (Text(**look[name]["said"]) for name in ("first_look", "estimate"))
    return _say(
        Text(
            f"Nothing has been asked yet, because it costs money. A first look: {first.en}. All of it: {whole.en}.",
            f"會產生費用，所以還沒有詢問。先看第一批：{first.zh}。全部：{whole.zh}。",
        ),
        "set_data_source",
        {"task": task.name, "confirm": True},
        Text(
            "If the person agrees to the price of a first look, call this. prepare_data asks again before the rest.",
            "使用者同意第一批的費用，再呼叫這個；其餘的 prepare_data 會再問一次。",
        ),
    )


def _before_preparing(task: TaskFolder, look: SourceLook) -> Told:
    whole = Text(**look["estimate"]["said"])
    return _say(
        Text(
            f"{look['origin']} answers and writes usable rows. The rest takes: {whole.en}.",
            f"{look['origin']} 有回應，寫出的資料可用。其餘還需要：{whole.zh}。",
        ),
        "prepare_data",
        {"task": task.name},
        Text(
            "Check the rows with the person, then prepare the data; what costs money starts only after they agree to "
            "the price.",
            "和使用者確認這幾列資料，再準備資料；會產生費用的，要對方同意金額才會開始。",
        ),
    )


def _without_labels(task: TaskFolder, definition: Task, looks: Sequence[SourceLook]) -> Told:
    apart, lacking = sum(look["unlabelled"] for look in looks), role_title(task_kind(definition.type).key)
    return _say(
        Text(
            f"{several(len(looks), 'source')} can be read; of the rows looked at, {apart} with no {lacking.en} will be "
            "set aside until labelled.",
            f"{len(looks)} 個來源都能讀取；看過的資料裡有 {apart} 列沒有{lacking.zh}，會先另外存放，等標註後才用來訓練。",
        ),
        "prepare_data",
        {"task": task.name},
        Text(
            "Check the preview rows with the person; prepare_data keeps the rows, they are labelled afterwards.",
            "和使用者確認預覽的資料列；prepare_data 會保存這些列，之後再標註。",
        ),
    )


def _ask_for_columns(task: TaskFolder, definition: Task, look: SourceLook) -> Told:
    there = look["columns"][:30]
    proposal = ", ".join(f"{role}: {look['suggestions'].get(role, '?')}" for role in look["missing"])
    no_labels, other = unlabelled_way_out(look["missing"]), meant_for_another(definition.type, look["columns"])
    lacking, row = lacking_in_words(look["missing"], look["named"]), Text(**look["may_be_a_row"])
    return _say(
        Text(
            f"{look['origin']} can be read, but has no column for {lacking.en}. Columns: {', '.join(there)}.",
            f"{look['origin']} 可以讀取，但找不到 {lacking.zh} 對應的欄位。現有欄位：{'、'.join(there)}。",
        ),
        "set_data_source",
        {"task": task.name},
        Text(
            f"Ask which column is which and set the source's mapping, perhaps {{{proposal}}}.{no_labels.en}{other.en}{row.en}",
            f"請問使用者各欄位的意義，再設定來源的 mapping，可能是 {{{proposal}}}。{no_labels.zh}{other.zh}{row.zh}",
        ),
    )


def _lost_first(told: Told, lost: Sequence[Text]) -> Told:
    """What was said with what is lost in front of it."""
    if not lost:
        return told
    return {**told, "message": SENTENCES.join([*lost, Text(**told["message"])])._asdict()}


def _say(message: Text, tool: str, arguments: JsonObject, say: Text) -> Told:
    return {"message": message._asdict(), "next_step": {"tool": tool, "arguments": arguments, "say": say._asdict()}}


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))
