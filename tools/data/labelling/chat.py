"""Rows as they are shown in the chat, and what the model in the chat proposes for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ....resources.foundation.language import Text
from ..cells import as_text
from ..rows import normalise
from ..task_kind import Unfit
from .answer import ProposalShown, RefusedRow, ShownRow
from .proposals import ProposedLine, Proposer
from .review import row_of
from .standing import Labelling

_TEXT_CHARACTERS, _BATCH_CHARACTERS = 600, 4_000


def batch(here: Labelling, ids: Sequence[str], count: int, proposals: bool = False) -> list[ShownRow]:
    """The first rows of `ids`, as many as fit into an answer, long texts cut."""
    rows: list[ShownRow] = []
    left = _BATCH_CHARACTERS
    for number in ids[:count]:
        row = row_of(here, number)
        if row is None:
            continue
        text = row["text"]
        shown = text if len(text) <= _TEXT_CHARACTERS else f"{text[:_TEXT_CHARACTERS]}…"
        if rows and len(shown) > left:
            break
        left -= len(shown)
        one: ShownRow = {"id": number, "text": shown}
        if row.get("entity"):
            one["entity"] = row["entity"]
        rows.append({**one, **_beside(here, number)} if proposals else one)
    return rows


def _beside(here: Labelling, number: str) -> ProposalShown:
    """What is proposed for a row, and what reviewers said who do not agree."""
    found: ProposalShown = {}
    if proposal := here.proposals.get(number):
        kind = here.pool.kind
        found = {"proposed": kind.display_answer(proposal.label), "by": proposal.by}
        if proposal.confidence is not None:
            found["confidence"] = proposal.confidence
        if proposal.rivals:
            found["rivals"] = list(map(kind.display_answer, proposal.rivals))
        if proposal.entity:
            found["proposed_entity"] = proposal.entity
    if (decided := here.decided.get(number)) and decided.standing == "disputed":
        found["said"] = {
            who: line.label and here.pool.kind.display_answer(line.label) for who, line in decided.latest.items()
        }
    return found


def record_proposals(here: Labelling, given: Sequence[Mapping[str, Any]]) -> tuple[int, list[RefusedRow]]:
    """Keep what the model in the chat proposes: `{id, label (or spans, output), confidence?, entity?}` each.

    Returns:
        how many were kept, and of each refused one its place (counted from 1) and why.
    """
    lines: list[ProposedLine] = []
    refused: list[RefusedRow] = []
    for place, one in enumerate(given, start=1):
        label = _label(here, one)
        if isinstance(label, Text):
            refused.append({"example": place, "id": as_text(one.get("id"))[:24], "why": str(label)})
            continue
        confidence = one.get("confidence")
        entity = as_text(one.get("entity"))
        line: ProposedLine = {"id": one["id"], "label": label}
        if confidence is not None:
            line["confidence"] = round(float(confidence), 4)
        if entity and not here.pool.rows[one["id"]].get("entity"):
            line["entity"] = entity
        lines.append(line)
    if lines:
        Proposer(here.folder, "chat", {"labels": list(here.pool.task.labels)}).add(lines)
    return len(lines), refused


def _label(here: Labelling, one: Mapping[str, Any]) -> str | Text:
    """The proposed answer as it is kept, or what is wrong with it."""
    kind, labels = here.pool.kind, here.pool.task.labels
    row = here.pool.rows.get(as_text(one.get("id")))
    if row is None:
        return Text("no open row has this id", "沒有這個編號的待標列")
    try:
        label = kind.accept_answer(row["text"], one.get(kind.key), labels)
    except Unfit as unfit:
        if unfit.code in ("unknown_label", "label"):
            return Text(f"the label is not one of: {', '.join(labels)}", f"標籤必須是：{'、'.join(labels)}")
        return kind.wrong(unfit.code)
    confidence = one.get("confidence")
    if confidence is not None and not (isinstance(confidence, int | float) and 0 <= confidence <= 1):
        return Text("confidence is a number between 0 and 1", "confidence 要介於 0 與 1")
    entity = as_text(one.get("entity"))
    if (
        here.pool.needs_entity
        and not row.get("entity")
        and (not entity or normalise(entity).casefold() not in normalise(row["text"]).casefold())
    ):
        return Text("the row needs an entity that appears in its text", "這一列需要 entity，而且要出現在文字裡")
    return label
