"""Records as a source has them into canonical rows: which column is the text, which the label."""

from __future__ import annotations

import base64
import difflib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...resources.answer import quoted
from ...resources.errors import DataError
from ...resources.language import Text
from ...resources.task import Task
from .findings import Finding, finding
from .rows import Row, row_id
from .sources import SourceKind

Record = dict[str, Any]
ROLES = ("text", "entity", "label")
_ALIASES = {
    "text": ("content", "sentence", "body", "message", "review", "comment", "headline", "title", "news", "document",
             "內容", "文字", "文本", "句子", "標題", "內文", "新聞", "評論", "留言"),
    "entity": ("target", "aspect", "company", "organization", "subject", "ticker", "name",
               "對象", "實體", "公司", "目標", "面向", "股票", "名稱"),
    "label": ("sentiment", "class", "category", "polarity", "tag", "target_label", "annotation", "y",
              "標籤", "情感", "情緒", "類別", "分類", "標註", "極性"),
}
_TRACED = ("url", "file")  # columns that say where a record stood
_COLUMNS_NAMED = 30
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Columns:
    """Which column plays which role; what is missing, and what might be meant."""

    found: dict[str, str]
    missing: tuple[str, ...]
    suggestions: dict[str, str]
    available: tuple[str, ...]


def find_columns(available: Sequence[str], source: SourceKind, task: Task) -> Columns:
    """Match the roles a task of this type needs with the columns there are.

    A role is the column `mapping` names, else the column of that very name (in any case). Anything else is only
    suggested: the person decides.
    """
    by_name = {_plain(name): name for name in reversed(available)}
    needed = ("text",) if source.unlabelled else _needed(task)
    found: dict[str, str] = {}
    for role in {**dict.fromkeys(ROLES), **source.mapping}:
        wanted = source.mapping.get(role, role)
        if wanted in available:
            found[role] = wanted
        elif _plain(wanted) in by_name:
            found[role] = by_name[_plain(wanted)]
    missing = tuple(role for role in {**dict.fromkeys(needed), **source.mapping} if role not in found)
    free = [name for name in available if name not in found.values()]
    suggestions = {role: near for role in missing if (near := _suggested(role, source.mapping.get(role), free))}
    return Columns(found, missing, suggestions, tuple(available))


def _needed(task: Task) -> tuple[str, ...]:
    return ("text", "entity", "label") if task.type == "entity-classification" else ("text", "label")


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", str(name)).strip().casefold()


def _suggested(role: str, wanted: str | None, free: Sequence[str]) -> str | None:
    plain = {_plain(name): name for name in free}
    for alias in _ALIASES.get(role, ()):
        for name, spelled in plain.items():
            if name == alias or (len(alias) > 1 and alias in name):
                return spelled
    near = difflib.get_close_matches(_plain(wanted or role), list(plain), n=1, cutoff=0.6)
    return plain[near[0]] if near else None


def shown_columns(available: Sequence[str], task: Task) -> list[str]:
    """Column names fit for a tool result. A file without a header names its columns after its first row, which is
    row text: it is hidden where the task's privacy forbids it."""
    is_row = any(name in task.labels or len(name) > _LONGEST_NAME for name in available)
    if is_row and task.constraints.privacy == "on-premise":
        return [quoted(task, name) for name in available]
    return [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…" for name in available]


def unlabelled_way_out(missing: Sequence[str]) -> Text:
    """What else can be done where the label is missing: some sources have none."""
    if "label" not in missing:
        return Text("", "")
    return Text(" If its rows carry no labels yet, set unlabelled: true on the source.",
                "如果這些資料還沒有標籤，請在來源加上 unlabelled: true。")


def missing_columns(columns: Columns, number: int, origin: str, task: Task) -> DataError:
    """The error for a source whose columns do not fit: names those that exist."""
    role = columns.missing[0]
    available = shown_columns(columns.available, task)
    there = ", ".join(available[:_COLUMNS_NAMED]) or "-"
    proposal = ", ".join(f"{name}: {columns.suggestions.get(name, '…')}" for name in columns.missing)
    no_labels = unlabelled_way_out(columns.missing)
    return DataError(
        Text(f"{origin} has no column for {', '.join(columns.missing)}. Its columns are: {there}.",
             f"{origin} 找不到 {'、'.join(columns.missing)} 對應的欄位。現有欄位：{there}。"),
        Text(f"Name them with set_data_source: mapping: {{{proposal}}}.{no_labels.en}",
             f"請用 set_data_source 指定對應：mapping: {{{proposal}}}。{no_labels.zh}"),
        field=f"sources[{number}].mapping.{role}",
        details={"columns": available, "missing": list(columns.missing),
                 "suggestions": columns.suggestions},
    )


@dataclass
class Conversion:
    """Canonical rows, and what was left out or changed on the way."""

    task: Task
    kept: frozenset[str] = frozenset()
    rows: list[Row] = field(default_factory=list)
    unlabelled: list[Row] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    respelled: int = 0

    def __post_init__(self) -> None:
        forms: dict[str, set[str]] = {}
        for label in self.task.labels:
            forms.setdefault(_plain(label), set()).add(label)
        self._labels = {form: next(iter(spelled)) for form, spelled in forms.items() if len(spelled) == 1}

    def add(self, records: Iterable[Record], columns: Columns, source: SourceKind, name: str, raw: str = "") -> None:
        """Convert the records of one source.

        Arguments:
            raw: the first 12 characters of the raw snapshot's hash, for the provenance of rows without a label.
        """
        for line, record in enumerate(records, start=1):
            if source.unlabelled and (apart := self._without_label(record, columns, name)):
                apart["provenance"] = {"raw": raw, "line": line, **{
                    column: record[column] for column in _TRACED if isinstance(record.get(column), str)}}
                self.unlabelled.append(apart)
                continue
            row = self.convert(record, columns, source, name)
            if row is not None:
                self.rows.append(row)

    def _without_label(self, record: Record, columns: Columns, name: str) -> Row | None:
        """The row of a record that has a text but not all that training needs."""
        values = {role: as_text(record.get(column)) for role, column in columns.found.items() if role in ROLES}
        if not values.get("text") or all(values.get(role) for role in _needed(self.task)):
            return None
        entity = values.get("entity") or None
        return {"id": row_id(values["text"], entity), "text": values["text"],
                **({"entity": entity} if entity else {}), "source": name}

    def convert(self, record: Record, columns: Columns, source: SourceKind, name: str) -> Row | None:
        """The canonical row of one record; None where text, label or a needed entity is empty (counted)."""
        values = {role: as_text(record.get(column)) for role, column in columns.found.items() if role in ROLES}
        for role in _needed(self.task):
            if not values.get(role):
                self.left_out[role] += 1
                return None
        label = source.label_values.get(values["label"], values["label"])
        spelled = label if label in self.task.labels else self._labels.get(_plain(label), label)
        self.respelled += spelled != label
        entity = values.get("entity") or None
        row: Row = {"id": row_id(values["text"], entity), "text": values["text"]}
        if entity:
            row["entity"] = entity
        row |= {"label": spelled, "source": name, **({"synthetic": True} if source.synthetic else {})}
        for role, column in columns.found.items():
            if role not in ROLES:
                row[role] = _scalar(record.get(column))
        for column in self.kept:
            if column not in row and column in record:
                row[column] = _scalar(record[column])
        return row

    def notes(self) -> list[Finding]:
        """What validation should mention of this stage."""
        found = [finding(f"left_out_without_{role}", count, Text(
            f"{count} records without {role} were left out.", f"有 {count} 筆沒有 {role}，已略過。"))
            for role, count in sorted(self.left_out.items())]
        if self.respelled:
            found.append(finding("label_respelled", self.respelled, Text(
                f"{self.respelled} labels were written in another case or width and taken as the task's.",
                f"有 {self.respelled} 個標籤只差大小寫或全半形，已視為任務的標籤。")))
        return found


def as_text(value: Any) -> str:
    """A cell as text: trimmed, booleans as JSON writes them, lone surrogates replaced, empty for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().encode("utf-8", "replace").decode("utf-8")


def _scalar(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int) else as_text(value)


def plain_value(value: Any) -> Any:
    """A database's or Parquet's value as JSON can hold it."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, dict):
        return {str(key): plain_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(inner) for inner in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)
