"""What columns are called, and which row of a table names them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .rows import plain_name

ALIASES = {
    "text": (
        "content",
        "sentence",
        "body",
        "message",
        "review",
        "comment",
        "headline",
        "title",
        "news",
        "document",
        "內容",
        "文字",
        "文本",
        "句子",
        "標題",
        "內文",
        "新聞",
        "評論",
        "留言",
    ),
    "entity": (
        "target",
        "aspect",
        "company",
        "organization",
        "subject",
        "ticker",
        "name",
        "對象",
        "實體",
        "公司",
        "目標",
        "面向",
        "股票",
        "名稱",
    ),
    "label": (
        "sentiment",
        "class",
        "category",
        "polarity",
        "tag",
        "target_label",
        "annotation",
        "y",
        "標籤",
        "情感",
        "情緒",
        "類別",
        "分類",
        "標註",
        "極性",
    ),
}
_OTHERS = (
    "id",
    "index",
    "no",
    "no.",
    "#",
    "date",
    "time",
    "url",
    "link",
    "file",
    "source",
    "split",
    "score",
    "rating",
    "stars",
    "author",
    "user",
    "input",
    "output",
    "instruction",
    "system",
    "prompt",
    "completion",
    "response",
    "question",
    "answer",
    "chosen",
    "rejected",
    "messages",
    "spans",
    "group",
    "remarks",
    "note",
    "decision",
    "keep",
    "編號",
    "序號",
    "項次",
    "日期",
    "時間",
    "來源",
    "備註",
    "狀態",
    "姓名",
    "客戶",
    "評分",
    "星等",
    "問題",
    "回答",
    "回覆",
    "輸入",
    "輸出",
)
_KNOWN = frozenset({*ALIASES, *(name for names in ALIASES.values() for name in names), *_OTHERS})
LOOKED_AT = 50  # rows from which is told which of them is the header
_TITLES_AT_MOST = 10
_LONGEST_NAME = 60


def is_column_name(cell: Any) -> bool:
    """Whether a cell holds what columns are commonly called."""
    return isinstance(cell, str) and plain_name(cell) in _KNOWN


def find_header(rows: Sequence[Sequence[Any]]) -> int | None:
    """The place of the row that names the columns, among the first rows of a table; None where there is no such row.

    It is the first row that is as wide as the table and all text; what stands above is a title. A table whose first row
    holds values that its columns hold again has no header.
    """
    filled = [[place for place, cell in enumerate(row) if is_filled(cell)] for row in rows]
    width = Counter(len(places) for places in filled if places).most_common(1)[0][0] if any(filled) else 0
    place = _first_wide(rows, filled, width)
    return None if _recurs(rows, place) else place


def may_be_header(rows: Sequence[Sequence[Any]], place: int) -> bool:
    """Whether that row could name the columns: short texts, of which no column holds one again."""
    return all(map(_may_name, filter(is_filled, rows[place]))) and not _recurs(rows, place)


def is_filled(cell: Any) -> bool:
    return cell is not None and cell != ""


def _first_wide(rows: Sequence[Sequence[Any]], filled: Sequence[Sequence[int]], width: int) -> int:
    """The first row that could be a header; the very first one where none above the table's width is plainly a title."""
    beginning = next((place for place, cells in enumerate(filled) if cells), 0)
    if width < 2:
        return beginning
    for place in range(beginning, min(len(rows), beginning + _TITLES_AT_MOST)):
        cells = [rows[place][at] for at in filled[place]]
        named = any(map(is_column_name, cells))
        if (named and len(cells) > 1) or (named and place == beginning):
            return place
        if len(cells) > width / 2 and len(cells) > 1 and all(map(_may_name, cells)):
            following = rows[place + 1 : beginning + _TITLES_AT_MOST]
            better = any(sum(map(is_column_name, row)) > 1 for row in following)
            if not better:
                return place
    return beginning


def _may_name(cell: Any) -> bool:
    return isinstance(cell, str) and len(cell) <= _LONGEST_NAME


def _recurs(rows: Sequence[Sequence[Any]], place: int) -> bool:
    """Whether a cell of that row stands in its column again and again, as a label does and no column's name."""
    first, following = rows[place] if rows else (), rows[place + 1 :]
    if any(map(is_column_name, first)):
        return False
    whole = [
        row for row in following if list(row) == list(first)
    ]  # a header that is repeated names columns all the same
    others = [row for row in following if list(row) != list(first)]
    needed = 2 if len(others) > 3 else 1
    return not whole and any(
        is_filled(cell) and sum(at < len(row) and row[at] == cell for row in others) >= needed
        for at, cell in enumerate(first)
    )
