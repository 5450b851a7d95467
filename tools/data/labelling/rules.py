"""Rules that propose a label: words or patterns, from `data_source.yaml` (`labelling.rules`) or given in the call."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ....resources.foundation.errors import DataError
from ....resources.foundation.language import Text
from ....resources.foundation.wording import misfit_of
from ....resources.task import TaskFolder
from ..rows import Row, normalise
from ..task_kind import Answers
from .patterns import LONGEST_PATTERN, LONGEST_TEXT, PatternProblem, Patterns, Span
from .pool import Pool
from .proposals import ProposedLine, Proposer

_LONGEST_KEYWORD = 200  # characters


class Rule(BaseModel):
    """`label` is proposed where a keyword stands in the text (upper and lower case alike), or the pattern is found; where
    spans are proposed, each place is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    keywords: tuple[Annotated[str, Field(max_length=_LONGEST_KEYWORD)], ...] = ()
    pattern: str | None = Field(
        None, max_length=LONGEST_PATTERN, description="a regular expression, upper and lower case alike"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        if not any(word.strip() for word in self.keywords) and not self.pattern:
            raise ValueError(Text("give keywords or a pattern", "請給 keywords 或 pattern"))
        return self

    def fits(self, texts: Sequence[str], patterns: Patterns) -> list[bool]:
        """Whether it speaks about each of `texts`, which are normalised and case-folded."""
        words = [normalise(word).casefold() for word in self.keywords if word.strip()]
        named = [any(word in text for word in words) for text in texts]
        if not self.pattern:
            return named
        found = patterns.places(self.pattern, texts)
        return [name or bool(places) for name, places in zip(named, found, strict=True)]

    def places(self, texts: Sequence[str], patterns: Patterns) -> list[list[Span]]:
        """Where in each of `texts` it finds something, as (start, end)."""
        words = [re.compile(re.escape(word.strip()), re.IGNORECASE) for word in self.keywords if word.strip()]
        found = [[match.span() for word in words for match in word.finditer(text[:LONGEST_TEXT])] for text in texts]
        if self.pattern:
            for spans, more in zip(found, patterns.places(self.pattern, texts), strict=True):
                spans += more
        return found


def read_rules(given: Any, labels: Sequence[str], field: str) -> list[Rule]:
    """The rules as given in a call or a file.

    Raises:
        DataError: there is none, one cannot be read, or its label is not the task's; names the field.
    """
    if not isinstance(given, list) or not given:
        raise DataError(
            Text("No rules are given.", "沒有給任何規則。"),
            Text(
                "Give settings={rules: [{label, keywords: [...]}, {label, pattern: '…'}]}, or write them under "
                "labelling: rules: in data_source.yaml.",
                "請給 settings={rules: [{label, keywords: [...]}, {label, pattern: '…'}]}，或寫在 data_source.yaml 的 "
                "labelling: rules:。",
            ),
            field=field,
        )
    rules = []
    for number, content in enumerate(given):
        try:
            rule = Rule.model_validate(content)
        except ValidationError as error:
            place, said, *_ = misfit_of(error, f"{field}[{number}]")
            raise DataError(
                Text("{place}: {said}.", "{place}：{said}。").format(place=place, said=said),
                Text(
                    "A rule is {label, keywords: [...]} or {label, pattern: 'regular expression'}.",
                    "規則的寫法是 {label, keywords: [...]} 或 {label, pattern: '正規表示式'}。",
                ),
                field=place,
            ) from None
        if rule.label not in labels:
            raise DataError(
                Text(
                    f"{field}[{number}] names {rule.label!r}, which is not one of the task's labels.",
                    f"{field}[{number}] 的「{rule.label}」不是任務的標籤。",
                ),
                Text(f"The labels are: {', '.join(labels)}.", f"任務的標籤有：{'、'.join(labels)}。"),
                field=f"{field}[{number}].label",
            )
        rules.append(rule)
    with Patterns() as patterns:
        for number, rule in enumerate(rules):
            if rule.pattern:
                with _name_field(f"{field}[{number}]"):
                    patterns.check(rule.pattern)
    return rules


def require_rules(pool: Pool) -> None:
    """Raise `DataError` where rules cannot propose an answer of the task's type."""
    if pool.kind.answers not in _PROPOSE:
        raise DataError(
            Text(f"Rules cannot write the {pool.kind.key} of a row.", f"規則寫不出一列的 {pool.kind.key}。"),
            Text(
                "Let the model in this chat (by='chat'), an endpoint (by='endpoint') or a version (by='v1') propose.",
                "請改由這個對話的模型（by='chat'）、端點（by='endpoint'）或版本（by='v1'）提案。",
            ),
            field="by",
        )


def propose_by_rules(task: TaskFolder, pool: Pool, rows: Sequence[Row], rules: Sequence[Rule]) -> tuple[int, int]:
    """Propose for the rows these rules have not looked at yet.

    Returns:
        how many rows got a proposal, and how many no rule spoke about or rules spoke differently about.
    """
    proposer = Proposer(task, "rules", {"rules": [rule.model_dump(mode="json") for rule in rules]})
    known = proposer.read_answers()
    asked = [row for row in rows if row["id"] not in known and (row.get("entity") or not pool.needs_entity)]
    with Patterns() as patterns, _name_field("rules"):
        lines = _PROPOSE[pool.kind.answers](asked, rules, pool, patterns)
    if lines:
        proposer.add(lines)
    labels = [line["label"] for line in [*lines, *(known[row["id"]] for row in rows if row["id"] in known)]]
    return sum(label is not None for label in labels), sum(label is None for label in labels)


@contextmanager
def _name_field(field: str) -> Iterator[None]:
    """Turn what is wrong with a pattern into the error of `field`."""
    try:
        yield
    except PatternProblem as problem:
        raise DataError(
            Text("{field}: {said}.", "{field}：{said}。").format(field=field, said=problem.said),
            Text(
                "A rule is {label, keywords: [...]} or {label, pattern: 'regular expression'}.",
                "規則的寫法是 {label, keywords: [...]} 或 {label, pattern: '正規表示式'}。",
            ),
            field=field,
        ) from None


class FoundSpan(TypedDict):
    """What a rule found: of which type, and where in the text, in characters."""

    type: str
    text: str
    start: int
    end: int


def _spans(rows: Sequence[Row], rules: Sequence[Rule], pool: Pool, patterns: Patterns) -> list[ProposedLine]:
    """What the rules find in the texts; where two overlap the longer one counts. None where they find nothing: that says
    little."""
    texts = [row["text"] for row in rows]
    found = [rule.places(texts, patterns) for rule in rules]
    lines: list[ProposedLine] = []
    for number, row in enumerate(rows):
        places = sorted(
            {
                (end - start, -start, rule.label)
                for rule, spans in zip(rules, found, strict=True)
                for start, end in spans[number]
                if end > start
            },
            reverse=True,
        )
        spans = _apart(row["text"], places)
        lines.append(
            {"id": row["id"], "label": pool.kind.accept_answer(row["text"], spans, pool.task.labels) if spans else None}
        )
    return lines


def _apart(text: str, places: Sequence[tuple[int, int, str]]) -> list[FoundSpan]:
    spans, taken = list[FoundSpan](), bytearray(len(text))
    for length, before, label in places:
        start, end = -before, length - before
        if taken.find(1, start, end) < 0:
            taken[start:end] = b"\1" * length
            spans.append({"type": label, "text": text[start:end], "start": start, "end": end})
    return spans


def _labels(rows: Sequence[Row], rules: Sequence[Rule], _pool: Pool, patterns: Patterns) -> list[ProposedLine]:
    """For each row the label most rules speak for, and their share; none where two labels have as many."""
    texts = [normalise(row["text"]).casefold() for row in rows]
    spoken = [(rule.label, rule.fits(texts, patterns)) for rule in rules]
    return [
        _label(row["id"], Counter(label for label, fits in spoken if fits[number])) for number, row in enumerate(rows)
    ]


def _label(row_id: str, votes: Counter[str]) -> ProposedLine:
    if not votes:
        return {"id": row_id, "label": None}
    ranked = votes.most_common(2)
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        return {"id": row_id, "label": None, "why": "tie"}
    return {"id": row_id, "label": ranked[0][0], "confidence": round(ranked[0][1] / votes.total(), 4)}


_PROPOSE: Mapping[Answers, Callable[[Sequence[Row], Sequence[Rule], Pool, Patterns], list[ProposedLine]]] = {
    "label": _labels,
    "spans": _spans,
}
