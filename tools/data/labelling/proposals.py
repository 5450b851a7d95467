"""What was proposed: one file for each proposer and way of asking, so that no row is proposed, or paid for, twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Required, TypedDict, cast

from ....resources.foundation.clock import now
from ....resources.foundation.files import (
    describing_disk_errors,
    dump_jsonl,
    lock,
    read_json,
    read_jsonl,
    sha256_bytes,
    write_json,
)
from ....resources.task import TaskFolder
from ...compute.jobs.events import close_torn_line
from ..task_kind import task_kind


@dataclass(frozen=True)
class Proposal:
    """One proposed answer.

    Arguments:
        label: the label; for other types of task the answer as the model should give it.
        by: who proposed it, as people speak of it (`rules`, `gpt-4o-mini`, `v2`, …).
        key: the file it stands in, which says how it was asked.
        confidence: between 0 and 1 where the proposer has one.
        rivals: what other proposers propose instead.
    """

    id: str
    label: str
    by: str
    key: str
    at: str
    confidence: float | None = None
    entity: str | None = None
    rivals: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """What a decision keeps of it."""
        return {
            "label": self.label,
            "by": self.by,
            "key": self.key,
            "at": self.at,
            **({} if self.confidence is None else {"confidence": self.confidence}),
        }

    @property
    def doubt(self) -> float:
        """How much it should be looked at first: rivals above all, then low confidence, then none told."""
        if self.rivals:
            return 2.0
        return 0.5 if self.confidence is None else 1.0 - self.confidence


class ProposedLine(TypedDict, total=False):
    """A line of a proposer's file.

    Arguments:
        label: null where it proposes nothing.
        tokens: how many were asked and written.
        raw: what was answered instead of a label.
        why: `tie`, where rules disagree.
    """

    id: Required[str]
    label: Required[str | None]
    confidence: float
    entity: str
    tokens: tuple[int, int]
    raw: str
    why: str
    at: str


class Proposer:
    """Where one proposer's proposals stand.

    Arguments:
        by: how people speak of it.
        asked: all that decides what it proposes (rules; model, address and prompt; a version's files); no secrets.
    """

    def __init__(self, task: TaskFolder, by: str, asked: Mapping[str, Any]) -> None:
        content = {"by": by, "asked": dict(asked)}
        self.by = by
        self.key = sha256_bytes(json.dumps(content, sort_keys=True, ensure_ascii=False).encode())[:12]
        self._folder = _folder(task)
        self.file = self._folder / f"{self.key}.jsonl"
        self._content = content

    def read_answers(self) -> dict[str, ProposedLine]:
        """Its lines so far by row id, the newest where there are several."""
        return {line["id"]: cast(ProposedLine, line) for line in read_jsonl(self.file)} if self.file.is_file() else {}

    def add(self, lines: Iterable[ProposedLine]) -> None:
        """Append lines in one write; `label` is None where it proposes nothing.

        Raises:
            WorkspaceError: the disk is full.
        """
        moment = now()
        content = dump_jsonl({**line, "at": moment} for line in lines)
        self._folder.mkdir(parents=True, exist_ok=True)
        with lock(self.file), describing_disk_errors(self.file):
            header = self._folder / f"{self.key}.json"
            if not header.is_file():
                write_json(header, {"format": 1, **self._content, "created": moment})
            close_torn_line(self.file)
            with self.file.open("ab", buffering=0) as file:
                file.write(content)


def current_proposals(task: TaskFolder, labels: Sequence[str]) -> dict[str, Proposal]:
    """The newest proposal for each row; proposals of labels the task no longer has do not count."""
    kind = task_kind(task.load().type)
    newest: dict[str, list[Proposal]] = {}
    for file in sorted(_folder(task).glob("*.jsonl")):
        by = str(read_json(file.with_suffix(".json"))["by"])
        own: dict[str, Proposal] = {}
        for line in read_jsonl(file):
            own.pop(line["id"], None)
            if line["label"] is not None and kind.holds(line["label"], labels):
                own[line["id"]] = Proposal(
                    line["id"], line["label"], by, file.stem, line["at"], line.get("confidence"), line.get("entity")
                )
        for proposal in own.values():
            newest.setdefault(proposal.id, []).append(proposal)
    return {number: _leading(found) for number, found in newest.items()}


def _leading(found: list[Proposal]) -> Proposal:
    first = max(found, key=lambda proposal: proposal.at)
    rivals = tuple(sorted({other.label for other in found} - {first.label}))
    return Proposal(first.id, first.label, first.by, first.key, first.at, first.confidence, first.entity, rivals)


def proposers(task: TaskFolder) -> dict[str, dict[str, Any]]:
    """Who proposed so far, by key."""
    return {file.stem: read_json(file) for file in sorted(_folder(task).glob("*.json"))}


def _folder(task: TaskFolder) -> Path:
    return task.data / "labelling" / "proposals"
