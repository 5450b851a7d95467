"""What people decided about rows: one line each in `decisions.jsonl`, never rewritten; what stands follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ....resources.foundation.clock import now
from ....resources.foundation.files import describing_disk_errors, dump_jsonl, lock, read_jsonl
from ....resources.labelling import DecisionLine
from ....resources.task import TaskFolder
from ...compute.jobs.events import close_torn_line
from ..rows import Record, Row, row_id
from ..task_kind import task_kind
from .proposals import Proposal

ReviewStatus = Literal["accepted", "rejected", "disputed"]


@dataclass
class Decided:
    """Where one row stands.

    Arguments:
        lines: every decision about it, oldest first.
        latest: each reviewer's last line.
    """

    lines: list[DecisionLine] = field(default_factory=list)
    latest: dict[str, DecisionLine] = field(default_factory=dict)

    def take(self, line: DecisionLine) -> None:
        self.lines.append(line)
        if line.settles:
            self.latest = {}  # who settles a dispute decides for all
        self.latest[line.reviewer] = line

    @property
    def standing(self) -> ReviewStatus:
        wanted = {(line.label, line.entity) for line in self.latest.values()}
        if len(wanted) > 1:
            return "disputed"
        return "accepted" if next(iter(wanted))[0] is not None else "rejected"

    @property
    def label(self) -> str | None:
        """The label that stands; None where the row is rejected or disputed."""
        return None if self.standing == "disputed" else self.lines[-1].label


def decided_rows(task: TaskFolder) -> dict[str, Decided]:
    """Every row somebody decided on, by its id in the pool."""
    found: dict[str, Decided] = {}
    for line in _lines(task):
        found.setdefault(line.id, Decided()).take(line)
    return found


@dataclass(frozen=True)
class Decision:
    """What one reviewer says of one row: its label, or the answer in its type's form; None leaves it out."""

    row: Row
    label: str | None
    entity: str | None = None


def record(
    task: TaskFolder,
    decisions: Sequence[Decision],
    reviewer: str,
    via: str,
    shown: dict[str, Proposal],
    *,
    settling: bool = False,
    in_bulk: bool = False,
) -> None:
    """Append the decisions in one write.

    Arguments:
        via: `chat`, `bulk` or `sheet:<id>`.
        shown: the proposals that stood, kept beside what was decided.
        settling: they decide rows whose reviewers disagree, for all of them.
        in_bulk: accepted together, unseen one by one.
    """
    path, moment = log_file(task), now()
    with lock(path), describing_disk_errors(path):
        standing = decided_rows(task)
        lines = []
        for decision in decisions:
            before = standing.get(decision.row["id"])
            proposal = shown.get(decision.row["id"])
            origin = {key: decision.row[key] for key in decision.row if key not in ("id", "text", "entity", "label")}
            lines.append(
                {
                    "id": decision.row["id"],
                    "text": decision.row["text"],
                    **({"entity": entity} if (entity := decision.entity or decision.row.get("entity")) else {}),
                    **origin,
                    "label": decision.label,
                    "proposed": proposal.record() if proposal else None,
                    "reviewer": reviewer,
                    "at": moment,
                    "via": via,
                    **({"bulk": True} if in_bulk else {}),
                    **({"settles": True} if settling and before and before.standing == "disputed" else {}),
                    **(
                        {"before": {key: getattr(before.lines[-1], key) for key in ("label", "reviewer", "at")}}
                        if before
                        else {}
                    ),
                }
            )
        close_torn_line(path)
        with path.open("ab", buffering=0) as file:
            file.write(dump_jsonl(lines))


def accepted_records(task: TaskFolder) -> list[Record]:
    """The rows that may train, `{text, entity?, label (or the answer in its type's column), labelled: {…}, …}`, ordered by
    their id."""
    kind, found = task_kind(task.load().type), {}
    for decided in decided_rows(task).values():
        if decided.standing != "accepted":
            continue
        last = decided.lines[-1]
        own = {key: value for key, value in last.to_dict().items() if key not in _BOOKKEEPING}
        found[row_id(last.text, last.entity)] = {**own, kind.key: last.label, "labelled": _label_record(decided)}
    return [found[number] for number in sorted(found)]


_BOOKKEEPING = ("id", "label", "proposed", "reviewer", "at", "via", "bulk", "settles", "before", "source", "provenance")


def _label_record(decided: Decided) -> Record:
    """Who proposed, with what, when; who accepted; what it was before; where the text came from."""
    last = decided.lines[-1]
    proposed, columns = last.proposed, last.model_extra or {}
    how = (
        "bulk"
        if last.bulk
        else "labelled"
        if proposed is None
        else ("accepted" if proposed.label == last.label else "changed")
    )
    return {
        "how": how,
        "by": sorted(decided.latest),
        "at": last.at,
        "via": last.via,
        "proposed": proposed.to_dict() if proposed else None,
        **({"before": last.before.to_dict()} if last.before else {}),
        **({"settled": True} if last.settles else {}),
        "from": {"source": columns.get("source"), **(columns.get("provenance") or {})},
    }


def any_accepted(task: TaskFolder) -> bool:
    return log_file(task).is_file() and any(one.standing == "accepted" for one in decided_rows(task).values())


def log_file(task: TaskFolder) -> Path:
    return task.data / "labelling" / "decisions.jsonl"


def _lines(task: TaskFolder) -> Iterator[DecisionLine]:
    path = log_file(task)
    return (DecisionLine.parse(line, path) for line in read_jsonl(path)) if path.is_file() else iter(())
