"""Rows that a language model writes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field, model_validator

from ....resources.data_source import load_data_source
from ....resources.foundation.access import Need
from ....resources.foundation.clock import now
from ....resources.foundation.errors import DataSourceError, SecretError
from ....resources.foundation.language import Text
from ....resources.spending import amount
from ....resources.task import Task, TaskFolder
from ..benchmark import held_out_rows
from ..expense import Expense, Prices, SpendTracker, host_of, require_yes, tokens_of
from ..generation.asking import Endpoint, KeptAnswers, Said, key_for, missing_permissions, parsed_rows
from ..generation.checking import Refused, RowChecks
from ..generation.shape import record_of, response_format, shape
from ..near_copies import NearCopies
from ..rows import Row
from ..source import Record, SourceKind
from ..task_kind import fill_template, task_kind
from ..watching import Watch

_USELESS_IN_A_ROW = 3
_SPARE_REQUESTS = 3  # how often over what is needed a label's rows are asked for, where many are rejected


class LlmGeneratedSource(SourceKind):
    """Rows written by a model behind any OpenAI-compatible endpoint (OpenAI, Ollama, vLLM), for training only.

    The rows are of the task's type: labels, spans, outputs, conversations or pairs. `{count}`, `{label}` and `{labels}`
    in the template are filled in; where a row carries one label, the rows asked for are shared out over the task's
    labels. Every row is checked as a source's would be, and its length and labels too; near-copies of each other and of
    the benchmark are rejected. Answers are kept in `data/generation/`, so that nothing is paid for twice; set another
    `round` for fresh ones. What costs something is asked for only after a yes to its price, and never past the sum agreed
    to; the preview makes the first request. A tenth of the rows is put into a sheet for review.
    """

    prompt_template: str = Field(min_length=1, description="What to write; {count}, {label}, {labels} are filled in.")
    model: str = Field(min_length=1)
    count: int = Field(100, gt=0, le=100_000)
    per_label: dict[str, int] | None = Field(None, description="Rows of each label; count shared out otherwise.")
    base_url: str | None = Field(None, description="http://localhost:11434/v1; OpenAI where it is left out.")
    api_key: str | None = Field(None, description="${OPENAI_API_KEY} where it is left out and no base_url is given.")
    rows_per_request: int = Field(20, gt=0, le=200, description="At most; never more than are still needed.")
    temperature: float = Field(1.0, ge=0, le=2)
    round: int = Field(1, ge=1, description="Another number asks for fresh rows.")
    near_copy: float = Field(0.8, gt=0, le=1, description="Similarity from which a row counts as a copy.")
    max_total_tokens: int = Field(1_000_000, gt=0, description="Stop before more is used in one run.")
    price_per_million_input: float | None = Field(None, ge=0, description="To tell the cost, in your currency.")
    price_per_million_output: float | None = Field(None, ge=0)
    timeout_seconds: float = Field(120, gt=0)
    retries: int = Field(4, ge=0, le=20)
    synthetic: bool = Field(True, description="Always: rows a model wrote only ever train.")

    secret_fields: ClassVar[tuple[str, ...]] = ("api_key",)
    previewed: ClassVar[int] = 1  # the first answer

    @model_validator(mode="after")
    def _trains_only(self) -> LlmGeneratedSource:
        if not self.synthetic:
            raise ValueError(
                Text(
                    "synthetic must stay true: rows a model wrote are never tested on",
                    "synthetic 必須是 true：模型寫的資料不會拿來測試",
                )
            )
        return self

    def batches(self, folder: Path, field: str, watch: Watch | None = None) -> Generator[list[Record], None, None]:
        watch = watch or Watch()
        task = TaskFolder(folder)
        definition = task.load()
        checks = self._checks(task, definition)
        with Endpoint(
            model=self.model,
            base_url=self.base_url,
            key=self._key(),
            temperature=self.temperature,
            timeout=self.timeout_seconds,
            retries=self.retries,
            field=field,
            wishes={"response_format": response_format(task_kind(definition.type))},
        ) as endpoint:
            run = _Run(self, watch, task, endpoint, field)
            quotas = self.quotas(definition, field)
            watch.expected = sum(quotas.values())
            for label, wanted in quotas.items():
                yield from self._of_label(run, definition, label, wanted, checks)
            run.notice_short(quotas)

    def origin(self, folder: Path) -> str:
        return f"{self.model} ({host_of(self.base_url)})"

    def quotas(self, task: Task, field: str) -> dict[str, int]:
        """How many rows of each label are wanted; of any label under the empty name.

        Raises:
            DataSourceError: a label is none of the task's, or its rows carry none.
        """
        kind = task_kind(task.type)
        if self.per_label is not None:
            if not kind.needs_labels:
                raise DataSourceError(
                    Text(
                        f"Rows of a task of type {task.type} carry no labels to share out.",
                        f"{task.type} 類型的資料沒有標籤可以分配。",
                    ),
                    Text(
                        "Leave per_label out; count says how many rows are wanted.",
                        "請拿掉 per_label；列數由 count 決定。",
                    ),
                    field=f"{field}.per_label",
                )
            if strange := [label for label in self.per_label if task.labels and label not in task.labels]:
                raise DataSourceError(
                    Text(
                        f"per_label names {strange[0]!r}, which is none of the task's labels.",
                        f"per_label 的「{strange[0]}」不是任務的標籤。",
                    ),
                    Text(f"The labels are: {', '.join(task.labels)}.", f"任務的標籤有：{'、'.join(task.labels)}。"),
                    field=f"{field}.per_label",
                )
            return dict(self.per_label)
        if not kind.one_label or not task.labels:
            return {"": self.count}
        share, over = divmod(self.count, len(task.labels))
        return {label: share + (place < over) for place, label in enumerate(task.labels)}

    def expense(self, folder: Path, field: str, *, look: bool = False) -> Expense:
        """What is still to be asked if no more rows are rejected; answers that are kept cost nothing, and what is
        rejected of them is asked for again. An estimate, by what the answers kept took; without any, a Chinese character
        is counted as one token, four other characters as one."""
        folder_of_task = TaskFolder(folder)
        task = folder_of_task.load()
        answers, checks = self.answers(folder_of_task), self._checks(folder_of_task, task)
        asked, rows, seen = list[list[dict[str, str]]](), 0, _Seen()
        for label, wanted in self.quotas(task, field).items():
            share = _Share(wanted, self.rows_per_request)
            while size := share.next_size():
                messages = self._messages(task, label, share.number, size)
                if kept := answers.find_answer(messages, share.number):
                    given = parsed_rows(kept.text, task_kind(task.type).sample)
                    seen.add(kept, messages, size)
                    share.took(sum(not isinstance(checks.check_row(row, label), Refused) for row in given))
                else:
                    asked.append(messages)
                    rows += size
                    share.took(size)
                if look:
                    return self.expense_of(task, asked, rows, seen)
        return self.expense_of(task, asked, rows, seen)

    def expense_of(self, task: Task, asked: Sequence[list[dict[str, str]]], rows: int, seen: _Seen) -> Expense:
        """What these requests for so many rows will take, by what the answers seen took."""
        tokens = sum(map(_asked_tokens, asked))
        if seen.rows:
            tokens = math.ceil(tokens * seen.asked / seen.reckoned)
        a_row = seen.written / seen.rows if seen.rows else task_kind(task.type).row_tokens
        return Expense.of(
            self.model,
            self.prices,
            rows=rows,
            requests=len(asked),
            asked=tokens,
            written=math.ceil(rows * a_row),
            most=self.max_total_tokens,
            currency=task.budget.money,
        )

    @property
    def prices(self) -> Prices:
        return Prices(self.base_url, self.price_per_million_input, self.price_per_million_output)

    def _checks(self, task: TaskFolder, definition: Task) -> RowChecks:
        known = NearCopies(self.near_copy)
        for row in held_out_rows(task):
            known.add(row["text"])
        return RowChecks(definition, load_data_source(task).quality, known)

    def answers(self, task: TaskFolder) -> KeptAnswers:
        return KeptAnswers(task.data / "generation", self.model, self.base_url, self.temperature)

    def needs(self, folder: Path, field: str) -> list[Need]:
        return missing_permissions(self.base_url, self.api_key, field)

    def _key(self) -> str:
        try:
            return key_for(self.base_url, self.api_key)
        except SecretError as error:
            if self.api_key is not None:
                raise
            error.fix = Text(
                f"{error.fix.en} Or name a local endpoint as base_url; or let the model in this chat write the rows.",
                f"{error.fix.zh}也可以把 base_url 設為本機端點，或請這個對話的模型寫。",
            )
            raise

    def _of_label(self, run: _Run, task: Task, label: str, wanted: int, checks: RowChecks) -> Iterator[list[Record]]:
        kind, share = task_kind(task.type), _Share(wanted, self.rows_per_request)
        while size := share.next_size():
            said = run.answer(self._messages(task, label, share.number, size), share.number, size)
            if said is None:
                return
            rows = [
                row
                for given in parsed_rows(said.text, kind.sample)
                if (row := run.count_row(checks.check_row(given, label), label))
            ]
            kept = rows[: wanted - share.have]
            share.took(len(rows))
            run.have[label] += len(kept)
            yield [record_of(kind, row) for row in kept]
        if not share.hopeless or run.filled or (share.have and wanted - share.have < self.rows_per_request):
            run.filled |= share.have >= wanted
            return  # a few rows that do not come, or one label of several, are a shortfall
        of = Text(f" for {label}", f"寫「{label}」時") if label else Text("", "")
        raise DataSourceError(
            Text(
                f"{self.model} gave {_USELESS_IN_A_ROW} answers in a row without a usable row{of.en} ({run.reasons().en}).",
                f"{self.model} {of.zh}連續 {_USELESS_IN_A_ROW} 次回答都沒有可用的資料（{run.reasons().zh}）。",
            ),
            Text(
                "Say in prompt_template what a row looks like, or use a larger model; the answers are in "
                "data/generation.",
                "請在 prompt_template 說明一筆資料的樣子，或改用較大的模型；回答保存在 data/generation。",
            ),
            field=f"{run.field}.prompt_template",
        )

    def _messages(self, task: Task, label: str, number: int, rows: int) -> list[dict[str, str]]:
        template = self.prompt_template
        for name, value in (("count", str(rows)), ("label", label), ("labels", ", ".join(task.labels))):
            template = template.replace(f"{{{name}}}", value)
        kind, chinese = task_kind(task.type), task.language == "zh-TW"

        def in_language(text: Text) -> str:
            return text.zh if chinese else text.en

        rules = [
            in_language(Text(f"Answer with JSON alone: {shape(kind)}.", f"只回答 JSON：{shape(kind)}。")),
            in_language(kind.describe_request(rows, label)),
            *(fill_template(in_language(hint), {"text": ""}, task.labels) for hint in kind.hints),
            in_language(
                Text(
                    "Vary situation, length and wording from row to row.",
                    "使用臺灣繁體中文，每筆的情境、長短與用詞都要不同。",
                )
            ),
            in_language(Text(f"(Batch {self.round}-{number + 1}.)", f"（第 {self.round}-{number + 1} 批）")),
        ]
        return [{"role": "system", "content": "\n".join(rules)}, {"role": "user", "content": template}]


def _asked_tokens(messages: list[dict[str, str]]) -> int:
    return sum(tokens_of(message["content"]) for message in messages)


@dataclass
class _Seen:
    """What answers took, in tokens, for so many rows; and what their requests had been reckoned to take."""

    rows: int = 0
    written: int = 0
    asked: int = 0
    reckoned: int = 0

    def add(self, said: Said, messages: list[dict[str, str]], rows: int) -> None:
        self.rows, self.written = self.rows + rows, self.written + said.completion_tokens
        self.asked, self.reckoned = self.asked + said.prompt_tokens, self.reckoned + _asked_tokens(messages)


class _Share:
    """One label's rows: how many came, and how many to ask for next."""

    def __init__(self, wanted: int, at_once: int) -> None:
        self._wanted, self._at_once = wanted, at_once
        self.have = self.number = self._useless = 0

    @property
    def hopeless(self) -> bool:
        return self._useless >= _USELESS_IN_A_ROW

    def next_size(self) -> int:
        """Rows to ask for next, never more than are still needed; 0 where no more is asked."""
        most = _SPARE_REQUESTS * math.ceil(self._wanted / self._at_once)
        return 0 if self.hopeless or self.number >= most else min(self._at_once, self._wanted - self.have)

    def took(self, usable: int) -> None:
        """An answer gave so many usable rows."""
        self.number += 1
        self.have = min(self._wanted, self.have + usable)
        self._useless = 0 if usable else self._useless + 1


class _Run:
    """One reading: what is asked, what it took so far, and what the provenance says of it."""

    def __init__(
        self, source: LlmGeneratedSource, watch: Watch, task: TaskFolder, endpoint: Endpoint, field: str
    ) -> None:
        self._source, self.watch, self._task, self._endpoint, self.field = source, watch, task, endpoint, field
        self._answers = source.answers(task)
        self._tracker = SpendTracker(task, watch.allowance.job or f"generate-{now()}", source.model, source.prices)
        self._rejected: Counter[str] = Counter()
        self._rejected_by_label: dict[str, Counter[str]] = {}
        self._why: dict[str, Text] = {}
        self.have: Counter[str] = Counter()  # rows of each label
        self.filled = False  # a label has all its rows, so that the model can write them
        self._stopped = False
        self._seen = _Seen()
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
                    f"{self._new} tokens were used, the most this run may use is {source.max_total_tokens}.",
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
                f" Asking ended as more would pass the {most} {money} agreed to ({spent} {money} spent); the answers are kept, "
                "so that preparing again asks only for the rest.",
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
        return Text(f", rejected: {said.en}", f"，剔除：{said.zh}") if found else said

    def reasons(self) -> Text:
        """Why rows were rejected, the commonest first."""
        return self._in_words(self._rejected) if self._rejected else Text("no JSON", "不是 JSON")

    def _in_words(self, rejected: Counter[str]) -> Text:
        common = [(self._why[code], count) for code, count in rejected.most_common(4)]
        return Text(
            "; ".join(f"{count} because {why.en}" for why, count in common),
            "、".join(f"{count} 列{why.zh}" for why, count in common),
        )
