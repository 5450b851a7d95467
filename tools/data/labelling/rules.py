"""Rules that propose a label: words or patterns, from `data_source.yaml` (`labelling.rules`) or given in the call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ....resources.errors import DataError
from ....resources.language import Text
from ....resources.task import TaskFolder
from ....resources.wording import problem_in_words
from ..rows import Row, normalised
from ..types import Answers
from .pool import Pool
from .proposals import Proposer

_LONGEST_TEXT = 20_000  # characters a pattern looks at


class Rule(BaseModel):
    """`label` is proposed where a keyword stands in the text (upper and lower case alike), or the pattern is found; where
    spans are proposed, each place is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    keywords: tuple[str, ...] = ()
    pattern: str | None = Field(None, description="a regular expression, upper and lower case alike")

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        if not any(word.strip() for word in self.keywords) and not self.pattern:
            raise ValueError(Text("give keywords or a pattern", "請給 keywords 或 pattern"))
        if self.pattern:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(Text(f"the pattern cannot be read: {error}", f"pattern 不是有效的正規表示式：{error}")) from None
        return self

    def fits(self, text: str) -> bool:
        """Whether it speaks about `text`, which is normalised and case-folded."""
        if any(normalised(word).casefold() in text for word in self.keywords if word.strip()):
            return True
        return bool(self.pattern and re.search(self.pattern, text[:_LONGEST_TEXT], re.IGNORECASE))


    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Where in `text` it finds something, as (start, end)."""
        found = [re.escape(word.strip()) for word in self.keywords if word.strip()]
        for pattern in [*found, *([self.pattern] if self.pattern else [])]:
            yield from (match.span() for match in re.finditer(pattern, text[:_LONGEST_TEXT], re.IGNORECASE))


def read_rules(given: Any, labels: Sequence[str], field: str) -> list[Rule]:
    """The rules as given in a call or a file.

    Raises:
        DataError: there is none, one cannot be read, or its label is not the task's; names the field.
    """
    if not isinstance(given, list) or not given:
        raise DataError(
            Text("No rules are given.", "沒有給任何規則。"),
            Text("Give settings={rules: [{label, keywords: [...]}, {label, pattern: '…'}]}, or write them under "
                 "labelling: rules: in data_source.yaml.",
                 "請給 settings={rules: [{label, keywords: [...]}, {label, pattern: '…'}]}，或寫在 data_source.yaml 的 "
                 "labelling: rules:。"), field=field)
    rules = []
    for number, content in enumerate(given):
        try:
            rule = Rule.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join([f"{field}[{number}]", *map(str, first["loc"])])
            said = problem_in_words(first)
            raise DataError(
                Text(f"{place}: {said.en}.", f"{place}：{said.zh}。"),
                Text("A rule is {label, keywords: [...]} or {label, pattern: 'regular expression'}.",
                     "規則的寫法是 {label, keywords: [...]} 或 {label, pattern: '正規表示式'}。"), field=place) from None
        if rule.label not in labels:
            raise DataError(
                Text(f"{field}[{number}] names {rule.label!r}, which is none of the task's labels.",
                     f"{field}[{number}] 的「{rule.label}」不是任務的標籤。"),
                Text(f"The labels are: {', '.join(labels)}.", f"任務的標籤有：{'、'.join(labels)}。"),
                field=f"{field}[{number}].label")
        rules.append(rule)
    return rules


def require_rules(pool: Pool) -> None:
    """Raise `DataError` where rules cannot propose an answer of the task's type."""
    if pool.kind.answers not in _PROPOSE:
        raise DataError(
            Text(f"Rules cannot write the {pool.kind.key} of a row.", f"規則寫不出一列的 {pool.kind.key}。"),
            Text("Let the model in this chat (by='chat'), an endpoint (by='endpoint') or a version (by='v1') propose.",
                 "請改由這個對話的模型（by='chat'）、端點（by='endpoint'）或版本（by='v1'）提案。"), field="by")


def propose_by_rules(task: TaskFolder, pool: Pool, rows: Sequence[Row], rules: Sequence[Rule]) -> tuple[int, int]:
    """Propose for the rows these rules have not looked at yet.

    Returns:
        how many rows got a proposal, and how many no rule spoke about or rules spoke differently about.
    """
    propose = _PROPOSE[pool.kind.answers]
    proposer = Proposer(task, "rules", {"rules": [rule.model_dump(mode="json") for rule in rules]})
    known = proposer.answered()
    lines = [propose(row, rules, pool) for row in rows
             if row["id"] not in known and (row.get("entity") or not pool.needs_entity)]
    if lines:
        proposer.add(lines)
    labels = [line["label"] for line in [*lines, *(known[row["id"]] for row in rows if row["id"] in known)]]
    return sum(label is not None for label in labels), sum(label is None for label in labels)


def _spans(row: Row, rules: Sequence[Rule], pool: Pool) -> dict[str, Any]:
    """What the rules find in the text; where two overlap the longer one counts. None where they find nothing: that says
    little."""
    places = sorted({(end - start, -start, rule.label) for rule in rules for start, end in rule.places(row["text"])
                     if end > start}, reverse=True)
    spans: list[dict[str, Any]] = []
    for length, start, label in places:
        if all(-start >= span["end"] or length - start <= span["start"] for span in spans):
            spans.append({"type": label, "text": row["text"][-start:length - start], "start": -start, "end": length - start})
    return {"id": row["id"], "label": pool.kind.taken(row["text"], spans, pool.task.labels) if spans else None}


def _label(row: Row, rules: Sequence[Rule], _pool: Pool) -> dict[str, Any]:
    """The label most rules speak for, and their share; none where two labels have as many."""
    text = normalised(row["text"]).casefold()
    votes: dict[str, int] = {}
    for rule in rules:
        if rule.fits(text):
            votes[rule.label] = votes.get(rule.label, 0) + 1
    if not votes:
        return {"id": row["id"], "label": None}
    ranked = sorted(votes.items(), key=lambda vote: -vote[1])
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        return {"id": row["id"], "label": None, "why": "tie"}
    return {"id": row["id"], "label": ranked[0][0], "confidence": round(ranked[0][1] / sum(votes.values()), 4)}


_PROPOSE: Mapping[Answers, Callable[[Row, Sequence[Rule], Pool], dict[str, Any]]] = {"label": _label, "spans": _spans}
