from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypedDict

from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Language, Text, several
from ....resources.task import Prompt
from ..cells import as_structure, as_text
from ..reading_answers import parse_json
from ..rows import Row, normalise
from ..task_kind import Answers, Spelling, TaskKind, Unfit

_TYPE_NAMES = ("type", "label", "entity", "entity_group", "tag", "labels", "entity_type", "category", "tag_name")
_TEXT_NAMES = ("text", "word", "span", "value")
_START_NAMES = ("start", "start_offset", "start_char", "begin", "offset", "startOffset")
_END_NAMES = ("end", "stop", "end_offset", "end_char", "endOffset")


class Extraction(TaskKind):
    """The parts of a text that are of the given types: `{text, spans: [{type, text, start?, end?}]}`.

    A source may write spans as a list of objects with `start` and `end` (characters) or the `text` itself, as triples
    `[start, end, type]`, the way doccano, Label Studio and Argilla write them, or as one object of lists by type,
    `{"公司": ["台積電"]}`; also as JSON in a CSV or database cell. The model answers with such
    an object, `{}` where there is nothing; the same part named twice counts once.
    """

    title: ClassVar[Text] = Text("the parts of a text that have given types", "從文字裡擷取指定種類的片段")
    roles: ClassVar[tuple[str, ...]] = ("text", "spans")
    aliases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "spans": ("entities", "ner", "label", "labels", "annotations", "marks", "slots", "實體", "標註", "擷取", "欄位")
    }
    answers: ClassVar[Answers] = "spans"
    usual_metric: ClassVar[str] = "entity_f1"
    key: ClassVar[str] = "spans"
    needs_labels: ClassVar[bool] = True
    sample: ClassVar[Mapping[str, Any]] = {"text": "…", "spans": [{"type": "…", "text": "…"}]}
    hints: ClassVar[tuple[Text, ...]] = (
        Text(
            "spans names every part of text that is one of these types, copied letter by letter: {labels}; [] where there "
            "is none.",
            "spans 列出 text 裡屬於這些種類的每個片段，逐字照抄：{labels}；沒有就是 []。",
        ),
    )
    row_tokens: ClassVar[int] = 120
    prompts: ClassVar[Mapping[Language, Prompt]] = {
        "en": Prompt(
            system="Copy from the text every part that is one of these types: {labels}\nAnswer with a JSON object of "
            'lists by type, such as {"type": ["part"]}; {} where there is none.',
            user="Text: {text}",
        ),
        "zh-TW": Prompt(
            system="請從文字裡逐字擷取屬於這些種類的片段：{labels}\n"
            '以 JSON 物件回答，依種類列出，例如 {"種類": ["片段"]}；沒有就回答 {}。',
            user="文字：{text}",
        ),
    }
    problems: ClassVar[Mapping[str, Text]] = {
        "spans_unreadable": Text(
            "spans is not a JSON list or object of spans", "spans 不是由片段組成的 JSON 陣列或物件"
        ),
        "spans_not_in_text": Text(
            "spans names a part that the text does not contain (or positions outside of it)",
            "spans 標出的片段不在文字裡（或位置超出範圍）",
        ),
    }

    def fields(self, values: Mapping[str, Any], spelling: Spelling) -> Row:
        text = self.require_text(values, "text")
        raw = values.get("spans")
        found = as_structure(raw) if as_text(raw) else None
        if found is None:
            raise Unfit("spans_unreadable" if as_text(raw) else "spans")
        # Positions count in the cell as it was, the row's text is trimmed.
        whole = str(values.get("text"))
        spans = [_locate_span(span, text, len(whole) - len(whole.lstrip()), spelling) for span in _list_spans(found)]
        return {"text": text, "spans": sorted(spans, key=lambda span: (span["start"], span["end"], span["type"]))}

    def accept_answer(self, text: str, said: Any, labels: Sequence[str]) -> str:
        row = self.fields({"text": text, "spans": said}, Spelling(labels, {}))
        if code := self.fault(row, labels):
            raise Unfit(code)
        # The same parts are the same answer, wherever else they stand in the text too.
        return self.answer(self.fields({"text": text, "spans": self.answer(row)}, Spelling(labels, {})))

    def parse_proposal(self, text: str, answer: str, labels: Sequence[str]) -> str | None:
        found = parse_json(answer)
        try:
            return self.accept_answer(text, found, labels) if isinstance(found, dict) else None
        except Unfit:
            return None

    def holds(self, answer: str, labels: Sequence[str]) -> bool:
        return set(self.display_answer(answer)) <= set(labels)

    def display_answer(self, answer: str) -> Any:
        return json.loads(answer)

    def describe_request(self, rows: int, label: str) -> Text:
        if not label:
            return super().describe_request(rows, label)
        return Text(
            f"Write {several(rows, 'row')}, each with at least one part of the type {label!r}.",
            f"寫 {rows} 筆，每筆至少有一個「{label}」的片段。",
        )

    def answerable(self, row: Mapping[str, Any]) -> bool:
        return all(span["text"] in row["text"] for span in row["spans"])

    def unknown_answer(self, text: str) -> Row:
        return {"spans": []}

    def answer(self, row: Mapping[str, Any]) -> str:
        by_type: dict[str, list[str]] = {}
        for span in row["spans"]:
            parts = by_type.setdefault(span["type"], [])
            if span["text"] not in parts:
                parts.append(span["text"])
        return json.dumps(by_type, ensure_ascii=False)

    def gold(self, row: Mapping[str, Any]) -> str:
        return comparable_pairs((span["type"], span["text"]) for span in row["spans"])

    def read(self, answer: str, labels: Sequence[str]) -> str | None:
        found = parse_json(answer)
        if not isinstance(found, dict):
            return None
        pairs = []
        for kind, parts in found.items():
            for part in parts if isinstance(parts, list) else [parts]:
                if not isinstance(part, str):
                    return None
                pairs.append((str(kind), part))
        return comparable_pairs(pairs)

    def labels_of(self, row: Mapping[str, Any]) -> list[str]:
        return list(dict.fromkeys(str(span["type"]) for span in row.get("spans") or ()))

    def lacking(self, row: Mapping[str, Any]) -> list[str]:
        return [role for role in self.roles if not row.get(role) and row.get(role) != []]


class LocatedSpan(TypedDict):
    """A span of a canonical row: what it is, and where it stands in the row's text."""

    type: str
    text: str
    start: int
    end: int


def _list_spans(found: Any) -> list[JsonObject]:
    """Spans written as one object by type, or as a list of objects, as the latter."""
    if isinstance(found, dict) and isinstance(found.get("entities"), list):
        found = found["entities"]
    if isinstance(found, dict):
        return [
            {"type": kind, "text": part}
            for kind, parts in found.items()
            for part in (parts if isinstance(parts, list) else [parts])
        ]
    return [_name_parts(span) for span in found]


def _name_parts(span: Any) -> JsonObject:
    """A span with its parts by name: an object, one whose parts stand under `value`, or a triple with the type first or last.

    Raises:
        Unfit: it is none of these.
    """
    if isinstance(span, dict):
        return dict(span["value"]) if isinstance(span.get("value"), dict) else span
    if isinstance(span, list) and len(span) >= 3:
        numbers = [part for part in span if isinstance(part, int) and not isinstance(part, bool)]
        names = [part for part in span if isinstance(part, str)]
        if len(numbers) >= 2 and names:
            return {"start": numbers[0], "end": numbers[1], "type": names[0]}
    raise Unfit("spans_unreadable")


def _locate_span(span: Mapping[str, Any], text: str, shift: int, spelling: Spelling) -> LocatedSpan:
    given = next((span[name] for name in _TYPE_NAMES if span.get(name)), None)
    kind = as_text(given[0] if isinstance(given, list) and len(given) == 1 else given)
    if not kind or (isinstance(given, list) and len(given) > 1):
        raise Unfit("spans_unreadable")
    part = as_text(next((span[name] for name in _TEXT_NAMES if span.get(name)), None))
    start, end = _positions(span, shift)
    if part and text[start:end] != part:  # where both are given, the part itself counts
        start = text.find(part)
        end = start + len(part)
    if not 0 <= start < end <= len(text):
        raise Unfit("spans_not_in_text")
    return {"type": spelling.of(kind), "text": text[start:end], "start": start, "end": end}


def _positions(span: Mapping[str, Any], shift: int) -> tuple[int, int]:
    """Where a span stands in the trimmed text, as far as it says so; (-1, -1) where it does not."""
    start, end = (
        next((span[name] for name in names if span.get(name) is not None), None) for names in (_START_NAMES, _END_NAMES)
    )
    if isinstance(start, int) and end is None and isinstance(length := span.get("length"), int):
        end = start + length
    return (start - shift, end - shift) if isinstance(start, int) and isinstance(end, int) else (-1, -1)


def comparable_pairs(pairs: Iterable[tuple[str, str]]) -> str:
    """(type, part) in the form answers are compared in: each once, in one order, width and white space made alike."""
    by_type: dict[str, set[str]] = {}
    for kind, part in pairs:
        by_type.setdefault(kind, set()).add(normalise(part))
    return json.dumps({kind: sorted(by_type[kind]) for kind in sorted(by_type)}, ensure_ascii=False)
