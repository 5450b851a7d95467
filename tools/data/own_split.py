"""The split that the data itself names: a column `split`, `train.csv` beside `test.csv`, the splits of a hub data set."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from ...resources.foundation.language import Text, several
from ...resources.validation import Finding
from .cells import as_text
from .findings import finding
from .rows import Row, plain_name
from .source import Record, SourceKind
from .split import SPLITS

if TYPE_CHECKING:
    from .fetch import RawSnapshot

SPLIT = "split"
_COLUMNS = (
    "split",
    "subset",
    "partition",
    "data_split",
    "dataset_split",
    "切分",
    "資料集",
    "資料切分",
    "set",
    "data_set",
    "dataset",
    "fold",
    "part",
    "phase",
    "usage",
    "分割",
    "用途",
)  # the first that names one counts
_NAMES = {
    "train": ("train", "training", "trn", "訓練", "訓練集", "訓練資料"),
    "valid": ("valid", "validation", "val", "dev", "devel", "development", "驗證", "驗證集", "驗證資料"),
    "test": ("test", "testing", "tst", "holdout", "測試", "測試集", "測試資料"),
}
_SPLIT_OF = {name: split for split, names in _NAMES.items() for name in names}
_HAN_NAMES = {name: split for name, split in _SPLIT_OF.items() if not name.isascii()}
_WORD = re.compile("[a-z]+")
_KNOWN = 0.9  # of the rows of which a column says something, those for which that is a split's name
_STRICT = {name: number for number, name in enumerate(("train", "valid", "test"))}

Saying = Callable[[Record], str | None]


def strictest(one: str, other: str) -> str:
    """Of two splits the one that a row must not be learnt from, if either is."""
    return max(one, other, key=_STRICT.__getitem__)


def split_called(value: Any) -> str | None:
    """The split that a cell or a word names; None where it names none."""
    return _SPLIT_OF.get(plain_name(as_text(value)))


@cache
def split_of_file(name: str) -> str | None:
    """The split that the words of a path name, such as `data/test-00000.csv` or `測試集.xlsx`; None where not just one."""
    plain = plain_name(name)
    found = {_SPLIT_OF[word] for word in _WORD.findall(plain) if word in _SPLIT_OF}
    found |= {split for word, split in _HAN_NAMES.items() if word in plain}
    return found.pop() if len(found) == 1 else None


def sayings_of(kinds: Sequence[SourceKind], raws: Sequence[RawSnapshot | None]) -> list[Saying | None]:
    """For each source what tells which split its record belongs to, by the source's own word; None where it says
    nothing, as most do."""
    whole = [_of_the_source(kind) for kind in kinds]
    held_apart = _is_split(whole)  # one source to train on, another to test on
    found: list[Saying | None] = []
    for kind, raw, name in zip(kinds, raws, whole, strict=True):
        if raw is None:
            found.append(None)
        elif columns := columns_of_split(kind, raw.columns):
            found.append(_of_columns(columns))
        elif "file" in raw.columns and _is_split(map(split_of_file, raw.places().files)):
            found.append(split_in_file)
        else:
            found.append(_always(name) if held_apart and name else None)
    return found


def _is_split(names: Iterable[str | None]) -> bool:
    """Whether there is something to train on, and something held apart."""
    return {"train"} < {name for name in names if name}


def _of_columns(columns: Sequence[str]) -> Saying:
    def read_split(record: Record) -> str | None:
        values = [value for column in columns if (value := as_text(record.get(column)))]
        return next(filter(None, map(split_called, values)), "" if values else None)

    return read_split


def _always(name: str) -> Saying:
    return lambda record: name


def split_in_file(record: Record) -> str | None:
    """The split that the name of a record's file says."""
    return split_of_file(as_text(record.get("file")))


def unread_tests(folder: Path, kinds: Sequence[SourceKind], provenance: Sequence[Mapping[str, Any]]) -> list[Text]:
    """What to say of rows to test on that stand beside those that are read: `test.csv` beside `train.csv`, the test split
    of a hub data set.

    Arguments:
        folder: the task's.
        provenance: of each source's reading.
    """
    fields = [kind.model_dump() for kind in kinds]
    paths = {
        folder / PurePath(str(one.get("path"))) for kind, one in zip(kinds, fields, strict=True) if kind.type == "file"
    }
    said = [
        Text(
            f"{path.name} is next to {train.name} and is not read: add it as a source, and its rows stay the test set.",
            f"{train.name} 旁邊有 {path.name}，但沒有讀取：把它也加進來源，它的資料就會維持當測試集。",
        )
        for train in sorted(paths)
        if (path := _test_beside(train)) and path not in paths
    ]
    for kind, one, noted in zip(kinds, fields, provenance, strict=True):
        read = {
            part
            for other in fields
            if other.get("dataset") == one.get("dataset")
            for part in str(other.get("split")).split("+")
        }
        if kind.type == "huggingface" and (
            names := [name for name in noted.get("unread_splits", ()) if name not in read]
        ):
            whole = "+".join([str(one.get("split")), names[0]])
            said.append(
                Text(
                    f"{one['dataset']} has a test split of its own ({', '.join(names)}) that is not read: with split: "
                    f"{whole} its rows stay the test set.",
                    f"{one['dataset']} 有自己的測試切分（{'、'.join(names)}），但沒有讀取：設成 split: {whole}，它的資料就會維持當測試集。",
                )
            )
    return said


def _test_beside(train: Path) -> Path | None:
    """The file whose name says test where that one's says train."""
    if split_of_file(train.name) != "train":
        return None
    for word in (name for name in _NAMES["train"] if name in train.name.casefold()):
        for other in _NAMES["test"]:
            beside = train.with_name(re.sub(re.escape(word), other, train.name, flags=re.IGNORECASE))
            if beside.is_file():
                return beside
    return None


def columns_of_split(kind: SourceKind, columns: Sequence[str]) -> list[str]:
    """The columns whose cells may name splits: the one `mapping` says, else those of a usual name."""
    wanted = (kind.mapping[SPLIT],) if SPLIT in kind.mapping else _COLUMNS
    return [column for name in wanted for column in columns if plain_name(column) == plain_name(name)]


def _of_the_source(kind: SourceKind) -> str | None:
    fields = kind.model_dump()
    if kind.type == "file":
        return split_of_file(PurePath(str(fields.get("path"))).name)
    if kind.type == "huggingface" and fields.get("split"):
        return split_called(fields["split"])
    return None


class OwnSplit(NamedTuple):
    """What the data says: row id → split; empty where it says nothing that can be kept."""

    assignment: Mapping[str, str]

    @classmethod
    def of(cls, said: Mapping[str, str], others: int) -> OwnSplit:
        """What was said, if it is a split, and not of too many other rows something that names none."""
        whole = _is_split(said.values()) and len(said) >= _KNOWN * (len(said) + others)
        return cls(said if whole else {})

    def find_moved(self, splits: Mapping[str, Sequence[Row]]) -> list[tuple[str, Row]]:
        """The rows that stand elsewhere than the data says; a split that it does not name is dealt from its train."""
        named = set(self.assignment.values())
        return [
            (name, row)
            for name, rows in splits.items()
            for row in rows
            if (said := self.assignment.get(row["id"], name)) != name and not (said == "train" and name not in named)
        ]

    def counts(self) -> dict[str, int]:
        found = Counter(self.assignment.values())
        return {name: found[name] for name in SPLITS if found[name]}


def without_overlap(
    rows: Sequence[Row], keys: Sequence[str], own: Mapping[str, str]
) -> tuple[list[Row], list[tuple[str, Row]]]:
    """The rows without those that the data says to learn from while one of their group is held apart; and those.

    Arguments:
        keys: each row's group.
    """
    held: dict[str, str] = {}
    for row, key in zip(rows, keys, strict=True):
        if row["id"] in own:
            held[key] = strictest(own[row["id"]], held.get(key, "train"))
    kept, apart = list[Row](), list[tuple[str, Row]]()
    for row, key in zip(rows, keys, strict=True):
        said = own.get(row["id"])
        if said is not None and said != held[key]:
            apart.append((said, row))
        else:
            kept.append(row)
    return kept, apart


def notes_of(own: OwnSplit, moved: Sequence[tuple[str, Row]], apart: Sequence[tuple[str, Row]]) -> list[Finding]:
    """What the report says of it.

    Arguments:
        moved: rows that stand in another split than the data says, as they did before it was looked at.
        apart: rows that were left out, as one of their group is held apart.
    """
    if not own.assignment:
        return []
    said = ", ".join(f"{name} {count}" for name, count in own.counts().items())
    found = (
        [
            finding(
                "own_split_kept",
                len(own.assignment),
                Text(f"The data's own split is kept ({said}).", f"沿用資料本身的切分（{said}）。"),
            )
        ]
        if not moved
        else []
    )
    if moved:
        found.append(
            finding(
                "own_split_not_followed",
                len(moved),
                Text(
                    f"The data names a split of its own ({said}); {several(len(moved), 'row appears', 'rows appear')} "
                    f"elsewhere, where "
                    "earlier data had them. set_data_source(split={own: true}) assigns them as the data says.",
                    f"資料本身有切分（{said}），但有 {len(moved)} 列維持先前所在的切分。要照資料的切分重新分配，"
                    "請用 set_data_source(split={own: true})。",
                ),
                moved,
            )
        )
    if apart:
        found.append(
            finding(
                "own_split_overlap",
                len(apart),
                Text(
                    f"{several(len(apart), 'row was', 'rows were')} left out of train and valid: the data's own split "
                    f"sets the same text, or one of the same group, aside for testing.",
                    f"有 {len(apart)} 列沒有放進 train 和 valid：資料本身的切分把相同的文字（或同一組）留作測試。",
                ),
                apart,
            )
        )
    return found
