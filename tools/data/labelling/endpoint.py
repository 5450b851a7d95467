"""Labels proposed by a model behind an OpenAI-compatible endpoint, as a job: each answer is parsed as the task's own
model's would be, kept at once, and paid for once.

    python -m nlp_skills.tools.data.labelling.endpoint TASK SETTINGS_AS_JSON
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ....resources.foundation.access import refusal, require
from ....resources.foundation.errors import DataError
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text, several
from ....resources.foundation.wording import misfit_of
from ....resources.spending import amount
from ....resources.task import Task, TaskFolder
from ...compute.jobs.running import RunningJob, run_job
from ..expense import Expense, Prices, SpendTracker, is_here, require_room, tokens_of
from ..generation.asking import OPENAI_URL, Endpoint, Said, key_for, missing_permissions
from ..prompting import task_prompt
from ..reach import needs_to_leave
from ..rows import Row
from ..task_kind import role_title, task_kind
from .pool import Pool
from .proposals import ProposedLine, Proposer
from .standing import Labelling, load_labelling, next_call

MODULE = "nlp_skills.tools.data.labelling.endpoint"
KIND = "label"
_USELESS_IN_A_ROW = 12
_MOST_TOKENS = 1024  # room for a model that thinks aloud before it answers


class EndpointSettings(BaseModel):
    """How a model is asked for labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1)
    base_url: str | None = None
    api_key: str | None = None
    limit: int | None = Field(None, gt=0, description="rows of this call")
    up_to: int | None = Field(
        None, gt=0, description="answers there should be in all, so that a resumed job knows its end"
    )
    price_per_million_input: float | None = Field(None, ge=0)
    price_per_million_output: float | None = Field(None, ge=0)
    max_total_tokens: int = Field(1_000_000, gt=0)
    parallel: int = Field(4, ge=1, le=16)
    timeout_seconds: float = Field(60, gt=0)
    retries: int = Field(4, ge=0, le=20)

    @property
    def prices(self) -> Prices:
        return Prices(self.base_url, self.price_per_million_input, self.price_per_million_output)

    @property
    def leaves(self) -> bool:
        """Whether texts are sent to another machine."""
        return self.base_url is None or not is_here(self.base_url)


def read_settings(given: JsonObject, task: Task) -> EndpointSettings:
    """The settings, checked.

    Raises:
        AccessError: nobody has allowed reaching that host, or sending the key or the rows there.
        DataError: a field is wrong.
    """
    try:
        settings = EndpointSettings.model_validate(given)
    except ValidationError as error:
        place, said, *_ = misfit_of(error, "settings")
        raise DataError(
            Text("{place}: {said}.", "{place}：{said}。").format(place=place, said=said),
            Text(
                f"settings of an endpoint: {', '.join(EndpointSettings.model_fields)}.",
                f"端點的 settings 有：{'、'.join(EndpointSettings.model_fields)}。",
            ),
            field=place,
        ) from None
    address = settings.base_url or OPENAI_URL
    if needs := [*missing_permissions(settings.base_url, settings.api_key, "settings"), *needs_to_leave(task, address)]:
        require(refusal(needs, "settings.base_url"))
    return settings


def proposer_of(task: TaskFolder, definition: Task, settings: EndpointSettings) -> Proposer:
    """Who proposes: the model, its address, and the prompt and labels it is asked with."""
    return Proposer(
        task,
        settings.model,
        {
            "model": settings.model,
            "base_url": settings.base_url,
            "labels": list(definition.labels),
            "prompt": task_prompt(definition).model_dump(mode="json"),
        },
    )


def to_ask(here: Labelling, settings: EndpointSettings) -> list[Row]:
    """The rows this model has not answered about yet."""
    known = proposer_of(here.folder, here.pool.task, settings).read_answers()
    rows = [
        here.pool.rows[number]
        for number in here.open
        if number not in known and (here.pool.rows[number].get("entity") or not here.pool.needs_entity)
    ]
    return rows if settings.up_to is None else rows[: max(0, settings.up_to - len(known))]


def with_end(here: Labelling, settings: EndpointSettings) -> EndpointSettings:
    """The settings of a job that asks at most `limit` more rows, however often it is resumed."""
    if settings.limit is None:
        return settings
    known = proposer_of(here.folder, here.pool.task, settings).read_answers()
    return settings.model_copy(update={"up_to": len(known) + settings.limit})


def expense(here: Labelling, settings: EndpointSettings) -> Expense:
    """What asking about the rows that are left will take; an estimate, counted when it is done."""
    task, rows = here.pool.task, to_ask(here, settings)
    prompt = task_prompt(task)
    kind = here.pool.kind
    asked = sum(tokens_of(message["content"]) for row in rows for message in kind.messages(row, prompt, task.labels))
    written = len(rows) * (2 + max(tokens_of(label) for label in task.labels) if kind.one_label else kind.row_tokens)
    return Expense.of(
        settings.model,
        settings.prices,
        rows=len(rows),
        requests=len(rows),
        asked=asked,
        written=written,
        most=settings.max_total_tokens,
        currency=task.budget.money,
    )


def main(arguments: list[str]) -> int:
    """Propose as a job."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("settings", help="how the endpoint is asked, as JSON")
    options = parser.parse_args(arguments)
    folder = TaskFolder(options.task)

    def work(job: RunningJob) -> dict[str, Any]:
        return propose(folder, job, read_settings(json.loads(options.settings), folder.load()))

    return run_job(KIND, work, entry=["-m", MODULE], arguments=arguments, task=options.task, resumable=True)


def propose(task: TaskFolder, job: RunningJob, settings: EndpointSettings) -> dict[str, Any]:
    """Ask about every row this model was not asked about; answers are kept in small batches as they come.

    Raises:
        DataError: the tokens are used up, or the answers are no labels.
        BudgetError: the task's budget does not allow it, or is used up.
        DataSourceError: the endpoint cannot be reached, refuses the key or the model, or keeps failing.
    """
    here = load_labelling(task)
    definition, prompt = here.pool.task, task_prompt(here.pool.task)
    proposer, rows = proposer_of(task, definition, settings), to_ask(here, settings)
    require_room(task, [expense(here, settings)])
    tracker = SpendTracker(task, job.folder.id, settings.model, settings.prices)
    used = useless = 0
    wishes = {"max_tokens": _MOST_TOKENS, "logprobs": True}
    key = key_for(settings.base_url, settings.api_key)
    with (
        Endpoint(
            model=settings.model,
            base_url=settings.base_url,
            key=key,
            temperature=0,
            timeout=settings.timeout_seconds,
            retries=settings.retries,
            wishes=wishes,
            field="settings",
        ) as endpoint,
        ThreadPoolExecutor(settings.parallel) as pool,
    ):
        for begin in range(0, len(rows), settings.parallel):
            job.progress(begin, len(rows), Text(f"asking {settings.model}", f"詢問 {settings.model}"))
            tracker.check()
            if used >= settings.max_total_tokens:
                raise _used_up(used, settings)
            batch = rows[begin : begin + settings.parallel]
            lines, failure = _answers(
                endpoint,
                pool,
                batch,
                [here.pool.kind.messages(row, prompt, definition.labels) for row in batch],
                here.pool,
            )
            if lines:
                proposer.add(lines)
                tracker.pay(*(sum(line["tokens"][side] for line in lines) for side in (0, 1)))
            if failure:
                raise failure
            used += sum(line["tokens"][0] + line["tokens"][1] for line in lines)
            for line in lines:
                useless = 0 if line["label"] is not None else useless + 1
            if useless >= _USELESS_IN_A_ROW:
                raise _no_labels(settings, lines[-1]["raw"], definition)
    job.progress(len(rows), len(rows))
    return _build_result(task, proposer, settings)


def _answers(
    endpoint: Endpoint, pool: ThreadPoolExecutor, rows: Sequence[Row], asked: Sequence[list[dict[str, str]]], of: Pool
) -> tuple[list[ProposedLine], Exception | None]:
    """What was answered, and the first failure: answers beside a failed one were paid for and are kept."""
    lines, failure = [], None
    futures = [pool.submit(endpoint.ask, messages) for messages in asked]
    for row, future in zip(rows, futures, strict=True):
        if error := future.exception():
            failure = failure or (error if isinstance(error, Exception) else None)
            continue
        lines.append(_line(row, future.result(), of))
    return lines, failure


def _line(row: Row, said: Said, of: Pool) -> ProposedLine:
    label = of.kind.parse_proposal(row["text"], said.text, of.task.labels)
    line: ProposedLine = {"id": row["id"], "label": label}
    if said.confidence is not None:
        line["confidence"] = said.confidence
    if label is None:
        line["raw"] = said.text[:200]
    line["tokens"] = said.prompt_tokens, said.completion_tokens
    return line


def _build_result(task: TaskFolder, proposer: Proposer, settings: EndpointSettings) -> dict[str, Any]:
    lines = list(proposer.read_answers().values())
    asked, written = (sum(line["tokens"][side] for line in lines) for side in (0, 1))
    cost, money = settings.prices.cost(asked, written), task.load().budget.money
    labelled = sum(line["label"] is not None for line in lines)
    spent = {
        "requests": len(lines),
        "input_tokens": asked,
        "output_tokens": written,
        **({} if cost is None else {"cost": cost}),
    }
    paid = f", {amount(cost)} {money}" if cost else ""
    say, tool, arguments = next_call(load_labelling(task))
    return {
        "proposed": labelled,
        "no_label": len(lines) - labelled,
        "spent": spent,
        "proposals": proposer.key,
        "message": Text(
            f"{settings.model} proposed {several(labelled, 'answer')}; {len(lines) - labelled} of its replies could "
            f"not be used. Counted: {several(asked, 'token')} asked, {written} written{paid}.",
            f"{settings.model} 提出 {labelled} 個答案，另有 {len(lines) - labelled} 個回答無法採用。實際用量："
            f"輸入 {asked}、輸出 {written} 個 token{paid}。",
        )._asdict(),
        "next_step": {"tool": tool, "arguments": arguments, "say": say._asdict()},
    }


def _used_up(used: int, settings: EndpointSettings) -> DataError:
    return DataError(
        Text(
            f"{used} tokens were used; this run may use at most {settings.max_total_tokens}.",
            f"已用掉 {used} 個 token，這次執行的上限是 {settings.max_total_tokens}。",
        ),
        Text(
            "What was answered is kept: raise settings.max_total_tokens, or review what there is.",
            "已得到的回答會保留：請調高 settings.max_total_tokens，或先審閱現有的提案。",
        ),
        field="settings.max_total_tokens",
    )


def _no_labels(settings: EndpointSettings, raw: str, task: Task) -> DataError:
    kind = task_kind(task.type)
    shown = "" if task.constraints.privacy == "on-premise" else raw[:80]
    return DataError(
        Text(
            "{count} answers of {model} in a row were no {wanted}{such}.",
            "{model} 連續 {count} 個回答都不是{wanted}{such}。",
        ).format(
            count=_USELESS_IN_A_ROW,
            model=settings.model,
            wanted=Text(kind.key, role_title(kind.key).zh),
            such=Text(f", such as {shown!r}", f"，例如「{shown}」") if shown else "",
        ),
        Text(
            "Use a larger model, or make the task's prompt clearer (update_task prompt.system).",
            "請改用較大的模型，或把任務的提示詞寫清楚（update_task prompt.system）。",
        ),
        field="settings.model",
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
