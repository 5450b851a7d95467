"""One reading of rows that a model writes: what is asked for, what it has taken so far, what was rejected."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ....resources.foundation.clock import now
from ....resources.foundation.errors import DataSourceError
from ....resources.foundation.language import Text
from ....resources.spending import amount
from ....resources.task import Task, TaskFolder
from ..expense import Expense, Prices, SpendTracker, require_yes, tokens_of
from ..rows import Row
from ..watching import Watch
from .asking import Endpoint, KeptAnswers, Said
from .checking import Refused

USELESS_IN_A_ROW = 3
_SPARE_REQUESTS = 3  # how often over what is needed a label's rows are asked for, where many are rejected


class WritingSource(Protocol):
    """The source whose rows are written."""

    @property
    def model(self) -> str: ...

    @property
    def max_total_tokens(self) -> int: ...

    @property
    def prices(self) -> Prices: ...

    def answers(self, task: TaskFolder) -> KeptAnswers: ...

    def expense(self, folder: Path, field: str) -> Expense: ...

    def expense_of(
        self, task: Task, asked: Sequence[list[dict[str, str]]], rows: int, seen: AnswersSeen
    ) -> Expense: ...


def asked_tokens(messages: list[dict[str, str]]) -> int:
    return sum(tokens_of(message["content"]) for message in messages)


@dataclass
class AnswersSeen:
    """What answers took, in tokens, for so many rows; and what their requests had been reckoned to take."""

    rows: int = 0
    written: int = 0
    asked: int = 0
    reckoned: int = 0

    def add(self, said: Said, messages: list[dict[str, str]], rows: int) -> None:
        self.rows, self.written = self.rows + rows, self.written + said.completion_tokens
        self.asked, self.reckoned = self.asked + said.prompt_tokens, self.reckoned + asked_tokens(messages)


class LabelShare:
    """One label's rows: how many came, and how many to ask for next."""

    def __init__(self, wanted: int, at_once: int) -> None:
        self._wanted, self._at_once = wanted, at_once
        self.have = self.number = self._useless = 0

    @property
    def hopeless(self) -> bool:
        return self._useless >= USELESS_IN_A_ROW

    def next_size(self) -> int:
        """Rows to ask for next, never more than are still needed; 0 where no more is asked."""
        most = _SPARE_REQUESTS * math.ceil(self._wanted / self._at_once)
        return 0 if self.hopeless or self.number >= most else min(self._at_once, self._wanted - self.have)

    def took(self, usable: int) -> None:
        """An answer gave so many usable rows."""
        self.number += 1
        self.have = min(self._wanted, self.have + usable)
        self._useless = 0 if usable else self._useless + 1


class Writing:
    """One reading: what is asked, what it took so far, and what the provenance says of it."""

    def __init__(self, source: WritingSource, watch: Watch, task: TaskFolder, endpoint: Endpoint, field: str) -> None:
        self._source, self.watch, self._task, self._endpoint, self.field = source, watch, task, endpoint, field
        self._answers = source.answers(task)
        self._tracker = SpendTracker(task, watch.allowance.job or f"generate-{now()}", source.model, source.prices)
        self._rejected: Counter[str] = Counter()
        self._rejected_by_label: dict[str, Counter[str]] = {}
        self._why: dict[str, Text] = {}
        self.have: Counter[str] = Counter()  # rows of each label
        self.filled = False  # a label has all its rows, so that the model can write them
        self._stopped = False
        self._seen = AnswersSeen()
        self._new = self._asked = self._written = 0

    def answer(self, messages: list[dict[str, str]], number: int, rows: int) -> Said | None:
        """The answer with about so many rows, kept or asked for now; None where asking would pass the agreed sum.

        Raises:
            DataSourceError: it would cost something and nobody said yes, the tokens are used up, or as `Endpoint.ask`.
            BudgetError: the task's budget is used up.
        """
        self.watch.check()
        said = self._answers.find_answer(messages, number)
        if said is None:
            more = self._source.expense_of(self._task.load(), [messages], rows, self._seen)
            self._check()
            if not self.watch.allowance.bears(more.cost):
                self._stopped = True
                return None
            said = self._answers.ask(self._endpoint, messages, number, self._most_written(more))
            self._new += said.prompt_tokens + said.completion_tokens
            self.watch.allowance.spent += self._tracker.pay(said.prompt_tokens, said.completion_tokens)
        self._seen.add(said, messages, rows)
        self.watch.count("answers_kept" if said.kept else "requests")
        self._asked, self._written = self._asked + said.prompt_tokens, self._written + said.completion_tokens
        cost = self._source.prices.cost(self._asked, self._written)
        self.watch.provenance |= {
            "input_tokens": self._asked,
            "output_tokens": self._written,
            "rejected": self._rejected,
            "rejected_by_label": self._rejected_by_label,
            **({} if cost is None else {"cost": cost}),
        }
        return said

    def _most_written(self, more: Expense) -> int | None:
        """The tokens that what is left of the agreed sum pays for, so that no answer passes it; None: any number."""
        price = self._source.prices.written
        left = self.watch.allowance.most - self.watch.allowance.spent
        if more.cost is None or not price or left == math.inf:
            return None
        return max(1, int((left * 1e6 - more.input_tokens * (self._source.prices.asked or 0.0)) / price))

    def _check(self) -> None:
        source = self._source
        if not self._new and not source.prices.free:
            more = source.expense(self._task.root, self.field)
            agreed = math.inf if self.watch.agreed else 0.0
            require_yes(self._task, [more], agreed, f"prepare_data(task={self._task.name!r}")
        self._tracker.check()
        if self._new >= source.max_total_tokens:
            raise DataSourceError(
                Text(
                    f"{self._new} tokens were used; this run may use at most {source.max_total_tokens}.",
                    f"已用掉 {self._new} 個 token，這次執行的上限是 {source.max_total_tokens}。",
                ),
                Text(
                    "Answers received are kept: raise max_total_tokens, or ask for fewer rows, and run it again.",
                    "已收到的回答會保留：請調高 max_total_tokens 或減少 count，再執行一次。",
                ),
                field=f"{self.field}.max_total_tokens",
            )

    def count_row(self, checked: Row | Refused, label: str) -> Row | None:
        """The row that was let through; None, its reason counted, where it was refused."""
        if isinstance(checked, Refused):
            self._rejected[checked.code] += 1
            self._why[checked.code] = checked.why
            if label:
                self._rejected_by_label.setdefault(label, Counter())[checked.code] += 1
            return None
        return checked

    def notice_short(self, quotas: dict[str, int]) -> None:
        """Say which labels have fewer rows than wanted, what was rejected of each, and where the agreed sum ended it.

        Raises:
            DataSourceError: the agreed sum does not suffice for a single row.
        """
        short = [label for label, wanted in quotas.items() if self.have[label] < wanted]
        if not short:
            return
        model, whole, have = self._source.model, sum(quotas.values()), sum(self.have.values())
        lacks = {label: quotas[label] - self.have[label] for label in short if label}
        said = [
            f"{label}: {self.have[label]} of {quotas[label]}, {lack} missing{self._of(label).en}"
            for label, lack in lacks.items()
        ]
        said_zh = [
            f"{label} {quotas[label]} 列只有 {self.have[label]} 列，缺 {lack} 列{self._of(label).zh}"
            for label, lack in lacks.items()
        ]
        why, why_zh = (
            ("; ".join(said), "；".join(said_zh))
            if said
            else (f"rejected: {self.reasons().en}", f"剔除：{self.reasons().zh}")
        )
        ended = Text("", "")
        if self._stopped:
            spent, most = amount(self.watch.allowance.spent), amount(self.watch.allowance.most)
            money = self._task.load().budget.money
            ended = Text(
                f" It stopped because more would exceed the {most} {money} agreed to ({spent} {money} spent); the "
                f"answers are kept, so preparing again asks only for the rest.",
                f"再問就會超過同意的 {most} {money}（已花 {spent} {money}），因此停止；回答都已保留，再準備一次只會問其餘的。",
            )
        told = Text(
            f"{model} wrote {have} of {whole} rows ({why}).{ended.en}",
            f"{model} 應寫 {whole} 列，得到 {have} 列（{why_zh}）。{ended.zh}",
        )
        if self._stopped and not have:
            raise DataSourceError(
                told, Text("Agree to more, or ask for fewer rows.", "請同意較高的金額，或減少列數。"), field="confirm"
            )
        self.watch.incomplete(told)

    def _of(self, label: str) -> Text:
        """What was rejected of a label, and why; empty where nothing was."""
        found = self._rejected_by_label.get(label)
        said = self._in_words(found) if found else Text("", "")
        return Text(", rejected: {said}", "，剔除：{said}").format(said=said) if found else said

    def reasons(self) -> Text:
        """Why rows were rejected, the commonest first."""
        return self._in_words(self._rejected) if self._rejected else Text("no JSON", "不是 JSON")

    def _in_words(self, rejected: Counter[str]) -> Text:
        common = [(self._why[code], count) for code, count in rejected.most_common(4)]
        return Text(
            "; ".join(f"{count} because {why.en}" for why, count in common),
            "、".join(f"{count} 列{why.zh}" for why, count in common),
        )
