"""Records as a source has them into canonical rows: which column is the text, which the label."""

from __future__ import annotations

import difflib
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...resources.answer import quote_row_text
from ...resources.foundation.errors import DataError
from ...resources.foundation.language import Text, several
from ...resources.task import Task
from ...resources.validation import Finding
from .cells import as_scalar, as_text, unreadable
from .column_names import ALIASES
from .findings import finding
from .layouts import Layout, layout_of, meant_for_another
from .own_split import SPLIT, strictest
from .rows import Record, Row, plain_name, row_id
from .source import SourceKind
from .task_kind import Spelling, TaskKind, Unfit, role_title, task_kind, task_kinds

_TRACED = ("url", "file")  # columns that say where a record stood
_COLUMNS_NAMED = 30
_LONGEST_NAME = 40
_NUMBERED = re.compile(r"column_\d+")
_SENTENCE = re.compile(r"[，。！？；,.!?;]|\w\s+\w+\s+\w+\s+\w")
_FEW = 5  # rows for each value of a column that may be a label


@dataclass(frozen=True)
class Columns:
    """Which column plays which role; what is missing, and what might be meant.

    Where a format was recognised some roles are `made` of several columns, or of parts of one.
    """

    found: dict[str, str]
    missing: tuple[str, ...]
    suggestions: dict[str, str]
    available: tuple[str, ...]
    layout: Layout | None = None
    made: frozenset[str] = frozenset()
    named: Mapping[str, str] = field(default_factory=dict)  # the columns that `mapping` names

    def values(self, record: Record, roles: Iterable[str]) -> Row:
        """Each role's value in a record.

        Raises:
            Unfit: a cell holds nothing that can be read.
        """
        values = {}
        for role in roles:
            if self.layout is None or role not in self.made:
                values[role] = record.get(self.found[role])
            elif not (made := self.layout.roles[role]).within:
                values[role] = made.of(record)
        for value in values.values():
            if isinstance(value, dict) and (why := unreadable(value)):
                raise Unfit(why)
        return values


def find_columns(available: Sequence[str], source: SourceKind, task: Task) -> Columns:
    """Match the roles a task of this type needs with the columns there are.

    A role is the column `mapping` names, else what a format of the community that the columns are makes it of, else the
    column of that very name (in any case). Anything else is only suggested: the person decides.
    """
    by_name = {plain_name(name): name for name in reversed(available)}
    kind = task_kind(task.type)
    needed = ("text",) if source.unlabelled else kind.roles
    found: dict[str, str] = {}
    layout, made = layout_of(kind.name, available), set[str]()
    roles = (*kind.roles, *kind.optional, *kind.context, *(layout.roles if layout else ()))
    for role in {**dict.fromkeys(roles), **source.mapping}:
        wanted = source.mapping.get(role, role)
        if layout and role in layout.roles and (role not in source.mapping or wanted in layout.roles[role].columns):
            found[role] = layout.roles[role].shown
            made.add(role)
        elif wanted in available:
            found[role] = wanted
        elif plain_name(wanted) in by_name:
            found[role] = by_name[plain_name(wanted)]
    missing = tuple(role for role in {**dict.fromkeys(needed), **source.mapping} if role not in found)
    free = [name for name in available if name not in found.values()]
    suggestions = {
        role: near for role in missing if (near := _suggest_column(kind, role, source.mapping.get(role), free))
    }
    return Columns(
        found, missing, suggestions, tuple(available), layout if made else None, frozenset(made), dict(source.mapping)
    )


def _suggest_column(kind: TaskKind, role: str, wanted: str | None, free: Sequence[str]) -> str | None:
    plain = {plain_name(name): name for name in free}
    for alias in (*kind.aliases.get(role, ()), *ALIASES.get(role, ())):
        for name, spelled in plain.items():
            if name == alias or (len(alias) > 1 and alias in name):
                return spelled
    near = difflib.get_close_matches(plain_name(wanted or role), list(plain), n=1, cutoff=0.6)
    return plain[near[0]] if near else None


def suggested_by_content(columns: Columns, records: Sequence[Record], task: Task) -> dict[str, str]:
    """Which columns without names of their own may be meant: the label's holds labels, the text's the longest texts."""
    free = [name for name in columns.available if name not in columns.found.values()]
    if not columns.missing or not all(map(_NUMBERED.fullmatch, free)):
        return {}
    cells = {name: [text for record in records if (text := as_text(record.get(name)))] for name in free}
    found: dict[str, str] = {}
    if "label" in columns.missing:
        known = {plain_name(label) for label in task.labels}
        labels = [
            name
            for name, texts in cells.items()
            if texts
            and ({plain_name(text) for text in texts} <= known if known else len(set(texts)) <= len(texts) / _FEW)
        ]
        found |= {"label": labels[0]} if labels else {}
    rest = {name: sum(map(len, texts)) for name, texts in cells.items() if texts and name not in found.values()}
    if "text" in columns.missing and rest:
        found["text"] = max(rest, key=rest.__getitem__)
    return found


def shown_columns(available: Sequence[str], task: Task) -> list[str]:
    """Column names fit for a tool result. A file without a header names its columns after its first row, which is
    row text: it is hidden where the task's privacy forbids it."""
    is_row = any(name in task.labels or len(name) > _LONGEST_NAME for name in available)
    if is_row and task.constraints.privacy == "on-premise":
        return [quote_row_text(task, name) for name in available]
    return [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…" for name in available]


def lacking_in_words(missing: Sequence[str], named: Mapping[str, str]) -> Text:
    """`text, label (named as “lable”)`: the roles without a column, with what the mapping calls it."""

    def describe_role(role: str, note: str) -> str:
        return f"{role}{note.format(named[role])}" if named.get(role, role) != role else role

    return Text(
        ", ".join(describe_role(role, " (the mapping says {!r})") for role in missing),
        "、".join(describe_role(role, "（mapping 寫的是「{}」）") for role in missing),
    )


def may_be_a_row(columns: Columns) -> Text:
    """What to say where no column is known and a name reads like a sentence: it may be the first row of a file without a
    header."""
    if columns.found or not any(len(name) > 5 and _SENTENCE.search(name) for name in columns.available):
        return Text("", "")
    return Text(
        " If one of them is a row and not a name, set header: 0 on the source; the columns are then called column_1, "
        "column_2, …",
        "如果其中有資料而不是欄名，請在來源設 header: 0，欄位就會依序稱為 column_1、column_2……。",
    )


def unlabelled_way_out(missing: Sequence[str]) -> Text:
    """What else can be done where the answer is missing: some sources have none."""
    answers = {kind.key: role_title(kind.key) for kind in task_kinds().values() if kind.no_proposals is None}
    lacking = next((answers[role] for role in missing if role in answers), None)
    if lacking is None:
        return Text("", "")
    return Text(
        f" If its rows carry no {lacking.en} yet, set unlabelled: true on the source.",
        f"如果這些資料還沒有{lacking.zh}，請在來源加上 unlabelled: true。",
    )


def missing_columns(columns: Columns, number: int, origin: str, task: Task) -> DataError:
    """The error for a source whose columns do not fit: names those that exist."""
    role = columns.missing[0]
    available = shown_columns(columns.available, task)
    there = ", ".join(available[:_COLUMNS_NAMED]) or "-"
    proposal = ", ".join(f"{name}: {columns.suggestions.get(name, '…')}" for name in columns.missing)
    no_labels, other = unlabelled_way_out(columns.missing), meant_for_another(task.type, columns.available)
    lacking, row = lacking_in_words(columns.missing, columns.named), may_be_a_row(columns)
    return DataError(
        Text(
            f"{origin} has no column for {lacking.en}. Its columns are: {there}.",
            f"{origin} 找不到 {lacking.zh} 對應的欄位。現有欄位：{there}。",
        ),
        Text(
            f"Name them with set_data_source: mapping: {{{proposal}}}.{no_labels.en}{other.en}{row.en}",
            f"請用 set_data_source 指定對應：mapping: {{{proposal}}}。{no_labels.zh}{other.zh}{row.zh}",
        ),
        field=f"sources[{number}].mapping.{role}",
        details={"columns": available, "missing": list(columns.missing), "suggestions": columns.suggestions},
    )


@dataclass
class Conversion:
    """Canonical rows, and what was left out or changed on the way.

    `omitted` has for each source, by the reason, the numbers of the records that made no row, counted from 1; `own` the
    split that a source itself says a row belongs to, by the row's id; of `no_split` rows it says what names no split.
    """

    task: Task
    kept: frozenset[str] = frozenset()
    rows: list[Row] = field(default_factory=list)
    unlabelled: list[Row] = field(default_factory=list)
    omitted: list[dict[str, Sequence[int]]] = field(default_factory=list)
    own: dict[str, str] = field(default_factory=dict)
    no_split: int = 0
    respelled: int = 0
    recognised: list[Text] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kind = task_kind(self.task.type)
        self._roles = (*self.kind.roles, *self.kind.optional, *self.kind.context)

    @property
    def left_out(self) -> Counter[str]:
        """How many records made no row, by the reason."""
        counts = Counter[str]()
        for by_reason in self.omitted:
            counts.update({reason: len(records) for reason, records in by_reason.items()})
        return counts

    def reading(self, columns: Columns, spelling: Spelling) -> Callable[[Record], Row]:
        """What makes a record its row's fields; it raises `Unfit` for one that makes none."""
        roles = self._roles_of(columns)
        return lambda record: self.kind.fields(columns.values(record, roles), spelling)

    def _roles_of(self, columns: Columns) -> list[str]:
        return [role for role in columns.found if role in self._roles or role in columns.made]

    def add(
        self,
        records: Iterable[Record],
        columns: Columns,
        source: SourceKind,
        name: str,
        raw: str = "",
        own: Callable[[Record], str | None] | None = None,
    ) -> None:
        """Convert the records of one source.

        Arguments:
            raw: the first 12 characters of the raw snapshot's hash, for the provenance of rows without a label.
            own: the split that the source says a record belongs to, empty where what it says is none.
        """
        spelling = Spelling(self.task.labels, source.label_values)
        if columns.layout and columns.layout.said not in self.recognised:
            self.recognised.append(columns.layout.said)
        fields_of, roles = self.reading(columns, spelling), self._roles_of(columns)
        omitted: dict[str, array[int]] = {}
        more = [(role, column) for role, column in columns.found.items() if role not in roles and role != SPLIT]
        whole = {"source": name, **({"synthetic": True} if source.synthetic else {})}
        for line, record in enumerate(records, start=1):
            if source.unlabelled and (apart := self._without_label(record, columns, name)):
                apart["provenance"] = {
                    "raw": raw,
                    "line": line,
                    **{column: record[column] for column in _TRACED if isinstance(record.get(column), str)},
                }
                self.unlabelled.append(apart)
                continue
            try:
                fields = fields_of(record)
            except Unfit as unfit:
                omitted.setdefault(unfit.code, array("L")).append(line)
                continue
            row: Row = {"id": self.kind.id_of(fields), **fields, **whole}
            for role, column in more:
                row[role] = as_scalar(record.get(column))
            for column in self.kept:
                if column not in row and column in record:
                    row[column] = as_scalar(record[column])
            for column in source.carried:
                if column in record:
                    row[column] = record[column]
            self.rows.append(row)
            if own and (split := own(record)) is not None:
                if split:
                    self.own[row["id"]] = strictest(split, self.own.get(row["id"], split))
                else:
                    self.no_split += 1
        self.omitted.append(dict(omitted))
        self.respelled += spelling.respelled

    def _without_label(self, record: Record, columns: Columns, name: str) -> Row | None:
        """The row of a record that has a text but not all that training needs."""
        try:
            given = columns.values(record, self._roles_of(columns))
        except Unfit:
            return None
        values = {role: as_text(value) for role, value in given.items()}
        if not values.get("text") or all(values.get(role) for role in self.kind.roles):
            return None
        entity = values.get("entity") or None
        return {
            "id": row_id(values["text"], entity),
            "text": values["text"],
            **({"entity": entity} if entity else {}),
            "source": name,
            **{
                column: as_scalar(record[column])
                for column in sorted(self.kept)
                if column in record and column not in self._roles
            },
        }

    def notes(self) -> list[Finding]:
        """What validation should mention of this stage."""
        found = [self._left_out(code, count) for code, count in sorted(self.left_out.items())]
        found += [finding(code, count, message) for code, count, message in self.kind.remarks(self.rows)]
        found += [finding("layout_recognised", 1, said) for said in self.recognised]
        if self.respelled:
            found.append(
                finding(
                    "label_respelled",
                    self.respelled,
                    Text(
                        f"{several(self.respelled, 'label was', 'labels were')} written in another case or width and taken as the "
                        "task's.",
                        f"有 {self.respelled} 個標籤只差大小寫或全半形，已視為任務的標籤。",
                    ),
                )
            )
        return found

    def _left_out(self, code: str, count: int) -> Finding:
        if problem := self.kind.problems.get(code):
            return finding(
                f"left_out_{code}",
                count,
                Text(
                    f"{several(count, 'record was', 'records were')} left out: {problem.en}.",
                    f"有 {count} 筆已略過：{problem.zh}。",
                ),
            )
        title = role_title(code)
        return finding(
            f"left_out_without_{code}",
            count,
            Text(
                f"{several(count, f'record without {title.en} was', f'records without {title.en} were')} left out.",
                f"有 {count} 筆沒有{title.zh}，已略過。",
            ),
        )
