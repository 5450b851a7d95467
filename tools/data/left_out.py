"""Records that make no row: how many, which, why, and what fixes them. What is lost is the first thing that is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...resources.foundation.language import Text, several
from ...resources.task import Task, TaskFolder
from ...resources.validation import Finding
from .columnar import SourceRecords
from .findings import finding
from .mapping import shown_columns, unlabelled_way_out
from .origins import Origin, key_column, records_at
from .places import Place, PlacesOf
from .rows import Record
from .rows_listed import PLACE, TO_MEND, cells_shown, write_sheet
from .task_kind import role_title, task_kind

_RUNS_NAMED = 5
_LOOKED_AT = 1000  # sound records by which a column that went missing is told


_NO_FAULT = {
    "disliked": Text("Bad answers should not be learnt; nothing needs fixing.", "不好的回答本來就不該學，不必修正。")
}


@dataclass(frozen=True)
class LeftOut:
    """The records of all sources that make no row.

    Arguments:
        omitted: for each source, by the reason, the numbers of its records.
        fetched: how many records there were in all.
    """

    task: Task
    sources: Sequence[SourceRecords]
    omitted: Sequence[Mapping[str, Sequence[int]]]
    fetched: int
    _known_gone: dict[tuple[int, str], Text | None] = field(default_factory=dict, init=False, repr=False)

    @property
    def counts(self) -> Counter[str]:
        counts = Counter[str]()
        for by_reason in self.omitted:
            counts.update({reason: len(records) for reason, records in by_reason.items()})
        return counts

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    def describe(self, folder: TaskFolder | None = None, *, looked: bool = False) -> Text:
        """How many can be used and why the others cannot, with their rows and what fixes them; empty where all can.

        Arguments:
            folder: of the task whose file lists them.
            looked: these are only the first records.
        """
        if not self.count:
            return Text("", "")
        used = self.fetched - self.count
        reasons = [self._reason(number, reason, records) for number, reason, records in self._each()]
        mended = list(
            dict.fromkeys(self._describe_remedy(number, reason, records) for number, reason, records in self._each())
        )
        listed = (
            Text(f" All of them are listed in {folder.data / TO_MEND}.", f"全部列在 {folder.data / TO_MEND}。")
            if folder
            else Text("", "")
        )
        rows = several(self.fetched, "row", form=",")
        return Text(
            f"{used:,} of {f'the first {rows}' if looked else rows} can be used: {'; '.join(one.en for one in reasons)}. "
            f"{' '.join(one.en for one in mended)}{listed.en}",
            f"{'前 ' if looked else ''}{self.fetched:,} 列裡可以用的有 {used:,} 列：{'；'.join(one.zh for one in reasons)}。"
            f"{''.join(one.zh for one in mended)}{listed.zh}",
        )

    def figures(self, folder: TaskFolder) -> dict[str, Any]:
        """`left_out` of a result: `{count, reasons: [{source, reason, count, where}], file}`."""
        if not self.count:
            return {}
        return {
            "left_out": {
                "count": self.count,
                "reasons": [
                    {
                        "source": self.sources[number].name,
                        "reason": reason,
                        "count": len(records),
                        "where": self._rows(number, records).en,
                    }
                    for number, reason, records in self._each()
                ],
                "file": str(folder.data / TO_MEND),
            }
        }

    def stopping(self, most: float, folder: TaskFolder) -> list[Finding]:
        """The error where a larger share than `most` makes no row."""
        if not self.count or self.count <= most * self.fetched:
            return []
        said = self.describe(folder)
        return [
            finding(
                "rows_left_out",
                self.count,
                Text(
                    "{said} That is more than quality.max_left_out ({most:.0%}) allows, so nothing was changed.",
                    "{said}超過 quality.max_left_out 允許的 {most:.0%}，因此沒有更動任何內容。",
                ).format(said=said, most=most),
            )
        ]

    def keep(self, folder: TaskFolder, masked: bool) -> Path | None:
        """Write the records to fix, each with its source, row, reason and cells, to `data/rows_to_mend.csv`; a file of
        records that are fixed goes."""
        path = folder.data / TO_MEND
        if not self.count:
            path.unlink(missing_ok=True)
            return None
        write_sheet(path, list(self._list_reasons(masked)))
        return path

    def _list_reasons(self, masked: bool) -> Iterator[Record]:
        for number, source in enumerate(self.sources):
            reason_of = {record: reason for reason, records in self.omitted[number].items() for record in records}
            key = key_column(source)
            for origin, record in records_at(source, reason_of.keys()):
                said = self._why(reason_of[origin.record])
                cells = cells_shown({name: value for name, value in record.items() if name != key}, masked)
                yield {
                    **_place_cells(origin),
                    "reason": f"{said.en} · {said.zh}",
                    **{f"{name} *" if name in (*PLACE, "reason") else name: value for name, value in cells.items()},
                }

    def _each(self) -> Iterator[tuple[int, str, Sequence[int]]]:
        for number, by_reason in enumerate(self.omitted):
            for reason, records in sorted(by_reason.items(), key=lambda item: -len(item[1])):
                yield number, reason, records

    def _reason(self, number: int, reason: str, records: Sequence[int]) -> Text:
        """`48 have no label (rows 3–50)`."""
        rows, count = self._rows(number, records), len(records)
        if gone := self._describe_missing_column(number, reason, records):
            return Text("{count:,} {gone} ({rows})", "{count:,} 列{gone}（{rows}）").format(
                count=count, gone=gone, rows=rows
            )
        why = self._why(reason)
        if reason in task_kind(self.task.type).problems:
            return Text(
                f"{count:,}: {why.en} ({rows.en})",
                f"{count:,} 列是因為{' ' if why.zh[:1].isascii() else ''}{why.zh}（{rows.zh}）",
            )
        return Text(
            f"{count:,} {'has' if count == 1 else 'have'} {why.en} ({rows.en})", f"{count:,} 列{why.zh}（{rows.zh}）"
        )

    def _why(self, reason: str) -> Text:
        if problem := task_kind(self.task.type).problems.get(reason):
            return problem
        title = role_title(reason)
        return Text("no {title}", "沒有{title}").format(title=title)

    def _describe_remedy(self, number: int, reason: str, records: Sequence[int]) -> Text:
        if self._describe_missing_column(number, reason, records):
            return Text("Ask whoever runs the source to keep one name for the column.", "請來源的管理者統一欄位名稱。")
        column = self.sources[number].columns.found.get(reason)
        if reason in _NO_FAULT:
            return _NO_FAULT[reason]
        if reason == "history":
            return Text(
                "Make it a task of type chat, or take the column out.", "請改用 chat 類型的任務，或拿掉這一欄。"
            )
        if column is None or reason in task_kind(self.task.type).problems:
            return Text(
                "Correct those cells where they come from and prepare again.", "請在來源修正這些儲存格，再準備一次。"
            )
        [name], way_out = shown_columns([column], self.task), unlabelled_way_out([reason])
        return Text(
            "Fill in the column {name} there, or delete what is not data (totals, notes), and prepare again.{way_out}",
            "請補上這些列的「{name}」欄（合計、備註之類不是資料的列請刪除），再準備一次。{way_out}",
        ).format(name=name, way_out=way_out)

    def _describe_missing_column(self, number: int, reason: str, records: Sequence[int]) -> Text | None:
        """What to say of records that lack the whole column, which others have."""
        if (number, reason) not in self._known_gone:
            self._known_gone[number, reason] = self._look_for_column(number, reason, records)
        return self._known_gone[number, reason]

    def _look_for_column(self, number: int, reason: str, records: Sequence[int]) -> Text | None:
        source = self.sources[number]
        column = source.columns.found.get(reason)
        if column is None or reason in source.columns.made:
            return None
        wanted, sound, instead = set(records), set[str](), dict[str, None]()
        for place, record in enumerate(source.raw.records(), start=1):
            if place in wanted:
                if column in record:
                    return None
                instead.update(dict.fromkeys(record))
            elif place <= _LOOKED_AT:
                sound.update(record)
            if place >= records[-1]:
                break
        new = shown_columns([name for name in instead if name not in sound], self.task)[:_RUNS_NAMED]
        [name] = shown_columns([column], self.task)
        there = Text(f", but {', '.join(new)} instead", f"，改成了 {'、'.join(new)}") if new else Text("", "")
        return Text("have no column {name}{there}", "沒有「{name}」欄{there}").format(name=name, there=there)

    def _rows(self, number: int, records: Sequence[int]) -> Text:
        return rows_in_words(
            self.sources[number].raw.places(), records, self.sources[number].name if len(self.sources) > 1 else ""
        )


def rows_in_words(places: PlacesOf, records: Sequence[int], source: str = "") -> Text:
    """`rows 3–50 of sheet 客訴`: where records stood, the first few runs of them.

    Arguments:
        records: their numbers, counted from 1, in order.
        source: its name, where there are several.
    """
    runs: list[tuple[Place, int]] = []  # where a run begins, and the row it ends with
    for place in map(places.of, records):
        if runs and (place.file, place.sheet, place.page) == _whereabouts(runs[-1][0]) and place.row == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], place.row)
        else:
            runs.append((place, place.row))
    shown, more = runs[:_RUNS_NAMED], len(records) - sum(last - first.row + 1 for first, last in runs[:_RUNS_NAMED])
    parts = dict[tuple[str | None, str | None, int | None], list[str]]()
    for first, last in shown:
        parts.setdefault(_whereabouts(first), []).append(str(first.row) if first.row == last else f"{first.row}–{last}")
    said = [_part(where, rows, source) for where, rows in parts.items()]
    also = Text(f" and {more:,} more", f"，另有 {more:,} 列") if more else Text("", "")
    return Text("; ".join(one.en for one in said) + also.en, "；".join(one.zh for one in said) + also.zh)


def place_in_words(origin: Origin) -> Text:
    """`row 81 of sheet 客訴, mails`: where one record stood."""
    return _part(_whereabouts(origin.place), [str(origin.place.row)], origin.source)


def _whereabouts(place: Place) -> tuple[str | None, str | None, int | None]:
    return place.file, place.sheet, place.page


def _part(where: tuple[str | None, str | None, int | None], rows: list[str], source: str) -> Text:
    file, sheet, page = where
    one = len(rows) == 1 and "–" not in rows[0]
    names = [
        Text(f"sheet {sheet}", f"工作表「{sheet}」") if sheet else None,
        Text(f"page {page}", f"第 {page} 頁") if page else None,
        Text(file, file) if file else None,
        Text(source, source) if source else None,
    ]
    there = [name for name in names if name]
    of = (
        Text(f" of {', '.join(name.en for name in there)}", f"{'、'.join(name.zh for name in reversed(there))} ")
        if there
        else Text("", "")
    )
    return Text(f"row{'' if one else 's'} {', '.join(rows)}{of.en}", f"{of.zh}第 {'、'.join(rows)} 列")


def _place_cells(origin: Origin) -> dict[str, str | int]:
    return {name: origin.to_place().get(name, "") for name in PLACE}
