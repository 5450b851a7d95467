"""Rows that a language model writes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from ....resources import spending
from ....resources.clock import now
from ....resources.data_source import load_data_source
from ....resources.errors import BudgetError, DataSourceError, SecretError
from ....resources.language import Text
from ....resources.secrets import resolve
from ....resources.spending import Cost
from ....resources.task import Task, TaskFolder
from ..benchmark import held_out_rows
from ..generation.asking import ROWS, Endpoint, KeptAnswers, parsed_rows
from ..generation.checking import RowChecks
from ..generation.cost import cost_of, tokens_of
from ..near_copies import NearCopies
from ..watching import Watch
from . import Record, SourceKind

_USELESS_IN_A_ROW = 3
_SPARE_REQUESTS = 3  # how often over what is needed a label's rows are asked for, where many are rejected
_TOKENS_OF_A_ROW = 75  # where no text tells better: a short text, its label, and what JSON adds


class LlmGeneratedSource(SourceKind):
    """Rows written by a model behind any OpenAI-compatible endpoint (OpenAI, Ollama, vLLM), for training only.

    `{count}`, `{label}` and `{labels}` in the template are filled in; the rows asked for are shared out over the
    task's labels. Every row is checked: its label, its length, its entity; near-copies of each other and of the
    benchmark are rejected. Answers are kept in `data/generation/`, so that nothing is paid for twice; set another
    `round` for fresh ones. The preview makes the first request. A tenth of the rows is put into a sheet for review.
    """

    prompt_template: str = Field(min_length=1, description="What to write; {count}, {label}, {labels} are filled in.")
    model: str = Field(min_length=1)
    count: int = Field(100, gt=0, le=100_000)
    per_label: dict[str, int] | None = Field(None, description="Rows of each label; count shared out otherwise.")
    base_url: str | None = Field(None, description="http://localhost:11434/v1; OpenAI where it is left out.")
    api_key: str | None = Field(None, description="${OPENAI_API_KEY} where it is left out and no base_url is given.")
    rows_per_request: int = Field(20, gt=0, le=200)
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
            raise ValueError("synthetic must stay true: rows a model wrote are never tested on")
        return self

    def batches(self, folder: Path, field: str, watch: Watch | None = None) -> Generator[list[Record], None, None]:
        watch = watch or Watch()
        task = TaskFolder(folder)
        definition = task.load()
        known = NearCopies(self.near_copy)
        for row in held_out_rows(task):
            known.add(row["text"])
        checks, spent = RowChecks(definition, load_data_source(task).quality, known), _Spent(self, watch, task)
        cost = self.estimate(folder, field).get("cost", 0.0)
        if cost and not any((task.data / "generation").glob("*.json")):  # answers kept cost nothing
            spending.require_room(task, Cost(0.0, cost, cost, definition.budget.money), self.model)
        with Endpoint(
            model=self.model, base_url=self.base_url, key=self._key(), temperature=self.temperature,
            timeout=self.timeout_seconds, retries=self.retries, wishes={"response_format": ROWS}, field=field,
        ) as endpoint:
            answers = KeptAnswers(endpoint, task.data / "generation")
            for label, wanted in self.quotas(definition, field).items():
                yield from self._of_label(answers, definition, label, wanted, checks, spent, field)

    def origin(self, folder: Path) -> str:
        return f"{self.model} ({urlsplit(self.base_url or 'https://api.openai.com').netloc})"

    def quotas(self, task: Task, field: str) -> dict[str, int]:
        """How many rows of each label are wanted; of any label under the empty name.

        Raises:
            DataSourceError: a label is none of the task's.
        """
        if self.per_label is not None:
            if strange := [label for label in self.per_label if task.labels and label not in task.labels]:
                raise DataSourceError(
                    Text(f"per_label names {strange[0]!r}, which is none of the task's labels.",
                         f"per_label 的「{strange[0]}」不是任務的標籤。"),
                    Text(f"The labels are: {', '.join(task.labels)}.", f"任務的標籤有：{'、'.join(task.labels)}。"),
                    field=f"{field}.per_label")
            return dict(self.per_label)
        if not task.labels:
            return {"": self.count}
        share, over = divmod(self.count, len(task.labels))
        return {label: share + (place < over) for place, label in enumerate(task.labels)}

    def estimate(self, folder: Path, field: str) -> dict[str, Any]:
        """Requests and tokens if no row is rejected, and the cost where prices are set. An estimate: a Chinese
        character is counted as one token, four other characters as one."""
        task = TaskFolder(folder).load()
        quotas = self.quotas(task, field)
        requests = sum(math.ceil(wanted / self.rows_per_request) for wanted in quotas.values())
        asked = sum(tokens_of(message["content"]) for message in self._messages(task, next(iter(quotas), ""), 0))
        tokens = {"input_tokens": requests * asked, "output_tokens": sum(quotas.values()) * _TOKENS_OF_A_ROW}
        cost = self._cost(tokens["input_tokens"], tokens["output_tokens"])
        return {"requests": requests, **tokens, **({} if cost is None else {"cost": cost})}

    def _cost(self, asked: int, written: int) -> float | None:
        return cost_of(asked, written, self.price_per_million_input, self.price_per_million_output)

    def _key(self) -> str:
        if self.api_key is not None:
            return resolve(self.api_key)
        try:
            return resolve("${OPENAI_API_KEY}") if self.base_url is None else "none"
        except SecretError as error:
            error.fix = Text(f"{error.fix.en} Or name a local endpoint as base_url; or let the model in this chat write "
                             "the rows.",
                             f"{error.fix.zh}也可以把 base_url 設為本機端點，或請這個對話的模型寫。")
            raise

    def _of_label(
        self, answers: KeptAnswers, task: Task, label: str, wanted: int, checks: RowChecks, spent: _Spent, field: str
    ) -> Iterator[list[Record]]:
        have = useless = 0
        for number in range(_SPARE_REQUESTS * math.ceil(wanted / self.rows_per_request)):
            if have >= wanted:
                return
            spent.check(field)
            said = answers.ask(self._messages(task, label, number), number)
            spent.add(said.prompt_tokens, said.completion_tokens, said.kept)
            rows = [row for given in parsed_rows(said.text) if (row := spent.counted(checks.checked(given, label)))]
            useless = 0 if rows else useless + 1
            if useless >= _USELESS_IN_A_ROW:
                raise DataSourceError(
                    Text(f"{self.model} gave {_USELESS_IN_A_ROW} answers in a row without a usable row "
                         f"({spent.reasons()}).",
                         f"{self.model} 連續 {_USELESS_IN_A_ROW} 次回答都沒有可用的資料（{spent.reasons()}）。"),
                    Text("Say in prompt_template what a row looks like, or use a larger model; the answers are in "
                         "data/generation.",
                         "請在 prompt_template 說明一筆資料的樣子，或改用較大的模型；回答保存在 data/generation。"),
                    field=f"{field}.prompt_template")
            kept = rows[:wanted - have]
            have += len(kept)
            yield kept
        if have < wanted:
            spent.watch.warn(Text(f"{label or self.model}: {have} of {wanted} rows; the others were rejected "
                                  f"({spent.reasons()}).",
                                  f"{label or self.model}：只得到 {wanted} 列中的 {have} 列，其餘被剔除（{spent.reasons()}）。"))

    def _messages(self, task: Task, label: str, number: int) -> list[dict[str, str]]:
        rows = self.rows_per_request
        template = self.prompt_template
        for name, value in (("count", str(rows)), ("label", label), ("labels", ", ".join(task.labels))):
            template = template.replace(f"{{{name}}}", value)
        entity = task.type == "entity-classification"
        shape = '{"rows": [{"text": "…", ' + ('"entity": "…", ' if entity else "") + '"label": "…"}]}'
        chinese = task.language == "zh-TW"
        rules = [
            f"只回答 JSON：{shape}。" if chinese else f"Answer with JSON alone: {shape}.",
            (f"寫 {rows} 筆，label 一律是「{label}」。" if chinese else f"Write {rows} rows, each with the label {label!r}.")
            if label else (f"寫 {rows} 筆。" if chinese else f"Write {rows} rows."),
            *([("entity 是 text 裡出現的對象。" if chinese else "entity is what the text is about, as it stands in it.")]
              if entity else []),
            "使用臺灣繁體中文，每筆的情境、長短與用詞都要不同。" if chinese
            else "Vary situation, length and wording from row to row.",
            f"（第 {self.round}-{number + 1} 批）" if chinese else f"(Batch {self.round}-{number + 1}.)",
        ]
        return [{"role": "system", "content": "\n".join(rules)}, {"role": "user", "content": template}]


class _Spent:
    """What a run took so far, told in the provenance."""

    def __init__(self, source: LlmGeneratedSource, watch: Watch, task: TaskFolder) -> None:
        self._source, self.watch, self._task = source, watch, task
        self._run = f"generate-{now()}"
        self._broke = False
        self.rejected: Counter[str] = Counter()
        self._new = self._asked = self._written = 0

    def check(self, field: str) -> None:
        """Raise `DataSourceError` where the tokens, and `BudgetError` where the task's budget is used up."""
        self.watch.check()
        if self._broke:
            spent, money = spending.amount(spending.spent(self._task, self._run)), self._task.load().budget.money
            raise BudgetError(
                Text(f"This run has cost {spent} {money}, and the budget of {self._task.name} allows no more. Answers received "
                     "are kept.",
                     f"這次執行花了 {spent} {money}，{self._task.name} 的預算不允許再花。已收到的回答都會保留。"),
                spending.raise_it(self._task), field="budget")
        if self._new >= self._source.max_total_tokens:
            raise DataSourceError(
                Text(f"{self._new} tokens were used, the most this run may use is {self._source.max_total_tokens}.",
                     f"已用掉 {self._new} 個 token，這次執行的上限是 {self._source.max_total_tokens}。"),
                Text("Answers received are kept: raise max_total_tokens, or ask for fewer rows, and run it again.",
                     "已收到的回答會保留：請調高 max_total_tokens 或減少 count，再執行一次。"),
                field=f"{field}.max_total_tokens")

    def add(self, asked: int, written: int, kept: bool) -> None:
        self._asked, self._written = self._asked + asked, self._written + written
        self.watch.count("answers_kept" if kept else "requests")
        self._new += 0 if kept else asked + written
        if not kept and (price := self._source._cost(asked, written)):
            spending.paid(self._task, self._run, self._source.model, price, self._task.load().budget.money)
            self._broke = spending.left(self._task, self._run) == 0.0
        cost = self._source._cost(self._asked, self._written)
        self.watch.provenance |= {"input_tokens": self._asked, "output_tokens": self._written,
                                  "rejected": self.rejected, **({} if cost is None else {"cost": cost})}

    def counted(self, checked: Record | str) -> Record | None:
        """The row that was let through; None, its reason counted, where it was refused."""
        if isinstance(checked, str):
            self.rejected[checked] += 1
            return None
        return checked

    def reasons(self) -> str:
        return ", ".join(f"{reason} {count}" for reason, count in self.rejected.most_common(4)) or "no JSON"
