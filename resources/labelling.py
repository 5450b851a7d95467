"""`data/labelling/`: what people decided about rows, and what was on the sheets they filled."""

from __future__ import annotations

from pydantic import Field

from .record import Number, Part, Record


class ProposedLabel(Part):
    """What was proposed for a row when somebody decided on it: by whom, asked how (`key` names the file), and how sure."""

    label: str
    by: str
    key: str
    at: str
    confidence: Number | None = None


class EarlierDecision(Part):
    """What stood before."""

    label: str | None = None
    reviewer: str = ""
    at: str = ""


class DecisionLine(Record):
    """A line of `decisions.jsonl`: what one reviewer said of one row. The row's own columns stand beside these fields.

    Arguments:
        label: the label, or the answer in its type's form; null leaves the row out.
        via: `chat`, `bulk` or `sheet:<name>`.
        bulk: it was accepted together with others, unseen.
        settles: it ends a dispute, for all reviewers.
    """

    id: str
    text: str
    entity: str | None = None
    label: str | None
    proposed: ProposedLabel | None = None
    reviewer: str
    at: str
    via: str = ""
    bulk: bool = False
    settles: bool = False
    before: EarlierDecision | None = None


class SheetRow(Part):
    """A row of a sheet."""

    id: str
    text: str
    entity: str | None = None


class Sheet(Record):
    """`sheet.json`: what is on a sheet, and whether reviewers saw the proposals (`blind`: they did not)."""

    sheet: str
    which: str = ""
    blind: bool = False
    created: str = ""
    labels: list[str] = Field(default_factory=list)
    rows: list[SheetRow] = Field(default_factory=list)
