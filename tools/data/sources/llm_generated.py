"""Rows that a language model writes."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field, model_validator

from ....resources.data_source import load_data_source
from ....resources.foundation.access import Need
from ....resources.foundation.errors import DataSourceError, SecretError
from ....resources.foundation.language import Text
from ....resources.task import Task, TaskFolder
from ..benchmark import held_out_rows
from ..expense import Expense, Prices, host_of
from ..generation.asking import Endpoint, KeptAnswers, key_for, missing_permissions, parsed_rows
from ..generation.checking import Refused, RowChecks
from ..generation.shape import record_of, response_format, shape
from ..generation.writing import USELESS_IN_A_ROW, AnswersSeen, LabelShare, Writing, asked_tokens
from ..near_copies import NearCopies
from ..source import Record, SourceKind
from ..task_kind import fill_template, task_kind
from ..watching import Watch


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
    base_url: str | None = Field(None, description="http://localhost:11434/v1; OpenAI if left out.")
    api_key: str | None = Field(None, description="${OPENAI_API_KEY} if left out and no base_url is given.")
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
            run = Writing(self, watch, task, endpoint, field)
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
                        f"Rows of a task of type {task.type} have no labels to share out.",
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
                        f"per_label names {strange[0]!r}, which is not one of the task's labels.",
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
        asked, rows, seen = list[list[dict[str, str]]](), 0, AnswersSeen()
        for label, wanted in self.quotas(task, field).items():
            share = LabelShare(wanted, self.rows_per_request)
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

    def expense_of(self, task: Task, asked: Sequence[list[dict[str, str]]], rows: int, seen: AnswersSeen) -> Expense:
        """What these requests for so many rows will take, by what the answers seen took."""
        tokens = sum(map(asked_tokens, asked))
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
                "{fix} Or name a local endpoint as base_url; or let the model in this chat write the rows.",
                "{fix}也可以把 base_url 設為本機端點，或請這個對話的模型寫。",
            ).format(fix=error.fix)
            raise

    def _of_label(self, run: Writing, task: Task, label: str, wanted: int, checks: RowChecks) -> Iterator[list[Record]]:
        kind, share = task_kind(task.type), LabelShare(wanted, self.rows_per_request)
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
                "{model} gave {useless_in_a_row} answers in a row without a usable row{of} ({reasons}).",
                "{model} {of}連續 {useless_in_a_row} 次回答都沒有可用的資料（{reasons}）。",
            ).format(model=self.model, useless_in_a_row=USELESS_IN_A_ROW, of=of, reasons=run.reasons()),
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
