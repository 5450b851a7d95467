"""How many tokens each row has for a base model, and what the label audit says of it: told when a training is planned.

    python -m nlp_skills.tools.train.counting < request.json

The tokenizer's libraries stand in the worker environment alone; the server reads the counts that this leaves.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel

from ...resources.foundation.errors import NlpSkillsError, TrainingError
from ...resources.foundation.files import lock, read_json, read_jsonl, sha256_bytes, sha256_file, write_json
from ...resources.foundation.language import Language, speaking, spoken_language
from ...resources.task import Prompt, TaskFolder
from ..compute.environments.libraries import settle_libraries
from ..compute.jobs.job_control import error_of
from ..data.convert import RENDERED_SPLITS, render_snapshot
from ..data.snapshot import Snapshot, load_snapshot
from ..data.task_kind import kind_of
from .audit import Finding, audit
from .tokenise import TokenisedRow, end_ids_of, load_tokenizer, tokenise, tokenizer_hash
from .worker_request import run_in_worker

MODULE = "nlp_skills.tools.train.counting"
_FORM = 1  # counts up when what is stored changes
_WORTH_CUTTING = 256  # tokens; the least that a shorter row could be cut to is not looked for
_UNLIMITED = 2**31
_QUOTED = 400  # characters


@dataclass(frozen=True)
class CountedRow:
    """One row: its tokens with the longest of its answers, those of that answer, and the fewest that cutting its input
    leaves. `all_tokens` are those of every answer together."""

    id: str
    split: str
    tokens: int
    answer: int
    least: int
    all_tokens: int


@dataclass(frozen=True)
class Counted:
    """Every row of train and valid; `problems` are what the label audit refuses, whatever the length; `error` is why a row
    could not be read at all."""

    rows: list[CountedRow]
    problems: list[Finding] = field(default_factory=list)
    error: NlpSkillsError | None = None

    def of(self, split: str) -> list[CountedRow]:
        return [row for row in self.rows if row.split == split]

    def longer_than(self, tokens: int) -> list[CountedRow]:
        """The longest first."""
        return sorted((row for row in self.rows if row.tokens > tokens), key=lambda row: (-row.tokens, row.id))


class CountRequest(BaseModel):
    """What the worker is asked: the rows by their snapshot, the prompt, and the base model whose tokens are counted."""

    task: Path
    snapshot: str
    prompt: Prompt
    labels: list[str]
    base: Path
    language: Language


class Request:
    """The rows, the prompt and the base model whose tokens are counted."""

    def __init__(self, task: TaskFolder, snapshot: Snapshot, prompt: Prompt, labels: Sequence[str], base: Path) -> None:
        self.task, self.snapshot, self.prompt, self.labels, self.base = task, snapshot, prompt, list(labels), base

    @classmethod
    def read(cls, content: CountRequest) -> Request:
        task = TaskFolder(content.task)
        return cls(task, load_snapshot(task, content.snapshot), content.prompt, content.labels, content.base)

    def content(self) -> CountRequest:
        return CountRequest(
            task=self.task.root,
            snapshot=self.snapshot.hash,
            prompt=self.prompt,
            labels=self.labels,
            base=self.base,
            language=spoken_language(),
        )

    @cached_property
    def file(self) -> Path:
        """Where the counts of exactly this stand, or will."""
        rows = render_snapshot(self.task, self.snapshot, self.prompt, self.labels)
        key = {
            "form": _FORM,
            "tokenizer": tokenizer_hash(self.base),
            **{split: sha256_file(rows / f"{split}.jsonl") for split in RENDERED_SPLITS},
        }
        return self.task.cache / "counted" / f"{sha256_bytes(json.dumps(key, sort_keys=True).encode())[:12]}.json"


def load_counts(request: Request) -> Counted | None:
    """The counts, where they have been made before. Light."""
    file = request.file
    if not file.is_file():
        return None
    content = read_json(file)
    if told := content.get("error"):
        return Counted([], error=error_of(told))
    return Counted([CountedRow(*row) for row in content["rows"]], [Finding(**one) for one in content["problems"]])


def count_here(request: Request) -> None:
    """Count in this process, which has the tokenizer's libraries."""
    request.file.parent.mkdir(parents=True, exist_ok=True)
    with lock(request.file):
        if request.file.is_file():
            return
        try:
            found = _count(request)
        except TrainingError as error:
            write_json(request.file, {"format": 1, "error": error.to_dict()})
            return
        rows, problems = [list(astuple(row)) for row in found.rows], [asdict(one) for one in found.problems]
        write_json(request.file, {"format": 1, "rows": rows, "problems": problems})


def _count(request: Request) -> Counted:
    """Every row's tokens, with the problems of the label audit.

    Raises:
        TrainingError: the chat template does not take a row.
    """
    tokenizer = load_tokenizer(request.base)
    tokenizer.model_max_length = _UNLIMITED  # it would warn of every longer row
    end_ids = end_ids_of(request.base, tokenizer)
    place = render_snapshot(request.task, request.snapshot, request.prompt, request.labels)
    rows: list[CountedRow] = []
    problems: list[Finding] = []
    for split in RENDERED_SPLITS:
        tokens = tokenise(list(read_jsonl(place / f"{split}.jsonl")), tokenizer, end_ids)
        problems += [
            replace(one, answer=one.answer[:_QUOTED], trained=one.trained[:_QUOTED])
            for one in audit({split: tokens}, tokenizer, end_ids, _UNLIMITED).findings
        ]
        canonical = {str(row["id"]): row for row in request.snapshot.rows(split)}
        by_id: dict[str, list[TokenisedRow]] = {}
        for one in tokens:
            by_id.setdefault(one.id, []).append(one)
        for row_id, answered in by_id.items():
            longest = max(answered, key=lambda one: len(one.input_ids))
            least = size = len(longest.input_ids)
            if size > _WORTH_CUTTING:
                bare = kind_of(canonical[row_id]).shorten_row(canonical[row_id], 0)
                told = {"id": row_id, **kind_of(bare).render_row(bare, request.prompt, request.labels)}
                least = max(len(one.input_ids) for one in tokenise([told], tokenizer, end_ids))
            every = sum(len(one.input_ids) for one in answered)
            rows.append(CountedRow(row_id, split, size, len(longest.trained), least, every))
    return Counted(rows, problems)


def count_in_worker(request: Request, python: Path, seconds: float) -> bool:
    """Have the worker count, and wait for it at most so many seconds. Whether it is still at it."""
    if request.file.is_file():
        return False
    return run_in_worker(MODULE, request.content(), python, seconds)


def main() -> int:
    content = CountRequest.model_validate_json(sys.stdin.read())
    settle_libraries()
    # Tokenizers need no PyTorch, and to import it takes longer than the counting: as if it were not installed.
    sys.modules["torch"] = None  # type: ignore[assignment]
    with speaking(content.language):
        count_here(Request.read(content))
    return 0


if __name__ == "__main__":
    sys.exit(main())
