"""Answers that are no labels, for the browser of mistakes: what was wanted beside what was written, differences marked."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import TypedDict

from ....resources.foundation.language import Text
from ....resources.pages.markup import Content, html, tag
from ..metric import parts_of
from ..record import AnswerLine
from .material import Material

Segments = list[tuple[str, bool]]  # text, and whether it stands on this side alone

COLUMNS = {
    "label": (Text("label", "正解"), Text("answer", "回答")),
    "spans": (Text("parts wanted", "應擷取的片段"), Text("parts named", "擷取的片段")),
    "text": (Text("wanted", "標準答案"), Text("answer", "回答")),
    "pair": (Text("preferred answer", "較佳的回答"), Text("rejected answer", "較差的回答")),
}
MARKS = {
    "spans": Text(
        "Marked on the left: parts it missed; on the right: parts that are wrong.",
        "左欄標記的是漏掉的片段，右欄標記的是多出或錯誤的片段。",
    ),
    "text": Text(
        "Marked on the left: what the answer lacks; on the right: what was not wanted.",
        "左欄標記的是回答缺少的部分，右欄標記的是多出的部分。",
    ),
    "pair": Text(
        "The figure says by how much the preferred answer is rated more likely (mean log-likelihood per token); below "
        "0 it is wrong.",
        "數字是模型認為較佳回答更有可能的程度（每個 token 的平均對數機率差）；小於 0 就是判斷錯誤。",
    ),
}
_LONGEST = 2_000
_TOKEN = re.compile(r"[A-Za-z0-9]+|\s+|.", re.DOTALL)


class Embedded(TypedDict):
    """The answers as the page's script reads them; `none` is the place of "no label" among the answers, -1 for none."""

    labels: list[str]
    none: int
    page: int
    rows: Sequence[Mapping[str, object]]


def written_rows(material: Material, page: int, most_characters: int, longest_text: int) -> tuple[Embedded, int]:
    """The rows for the page's script, wrong ones first where not all fit; and how many did not."""
    earlier = next((one for one in material.compared if one.answers), None)
    rows, characters, left = [], 0, 0
    for number, answer in sorted(enumerate(material.answers), key=lambda one: (one[1]["correct"], one[0])):
        wanted, said = sides(material, answer)
        text = str(answer["text"])
        characters += sum(len(part) for part, _ in (*wanted, *said)) + min(len(text), longest_text)
        if characters > most_characters:
            left += 1
            continue
        row: dict[str, object] = {
            "n": number + 1,
            "id": str(answer["id"]),
            "t": text[:longest_text],
            "ok": bool(answer["correct"]),
            "G": wanted,
            "P": said,
        }
        if len(text) > longest_text:
            row["l"] = len(text)
        if earlier is not None:
            row["b"] = str(answer["id"]) in earlier.right
        rows.append(row)
    rows.sort(key=lambda row: int(str(row["n"])))
    return Embedded(labels=[], none=-1, page=page, rows=rows), left


def cells(material: Material, answer: AnswerLine) -> tuple[Content, Content]:
    """What was wanted and what was written, for a reader without scripts."""
    wanted, said = sides(material, answer)
    return _draw_segments(wanted, "missing"), _draw_segments(said, "extra")


def sides(material: Material, answer: AnswerLine) -> tuple[Segments, Segments]:
    """What was wanted, and what was written, in pieces of which those that differ are marked."""
    kind = material.record.answers
    if kind == "pair":
        margin = answer.get("margin")
        shown = "" if margin is None else f"\n({margin:+.3f})"
        return [(_cut_text(answer["gold"]), False)], [(_cut_text(answer.get("rejected") or "") + shown, False)]
    if answer["predicted"] is None:
        wanted = _parts(answer["gold"], set()) if kind == "spans" else [(_cut_text(answer["gold"]), False)]
        return wanted, [(_cut_text(answer.get("raw") or ""), True)]
    if kind == "spans":
        return (
            _parts(answer["gold"], parts_of(answer["predicted"])),
            _parts(answer["predicted"], parts_of(answer["gold"])),
        )
    return _differences(_cut_text(answer["gold"]), _cut_text(answer["predicted"]))


def _parts(answer: str, others: set[tuple[str, str]]) -> Segments:
    """One part a line, with its type."""
    found = sorted(parts_of(answer))
    return [(f"{kind}: {part}\n", (kind, part) not in others) for kind, part in found] or [("–", False)]


def _differences(wanted: str, said: str) -> tuple[Segments, Segments]:
    first, second = _TOKEN.findall(wanted), _TOKEN.findall(said)
    left: Segments = []
    right: Segments = []
    for change, a, b, c, d in difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        left += [("".join(first[a:b]), change != "equal")] if b > a else []
        right += [("".join(second[c:d]), change != "equal")] if d > c else []
    return left, right


def _cut_text(text: object) -> str:
    shown = str(text).strip()
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _draw_segments(segments: Segments, class_: str) -> Content:
    return html([tag("mark", text, class_=class_) if marked else text for text, marked in segments])
