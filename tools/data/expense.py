"""What asking a paid endpoint will cost, and the person's yes without which it is not asked."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ...resources import spending
from ...resources.foundation.errors import BudgetError, DataSourceError
from ...resources.foundation.language import Text, several
from ...resources.spending import Cost, amount
from ...resources.task import TaskFolder

UNKNOWN = "unknown"  # as `--confirm-cost` names a price that nobody can tell
_MARGIN = 1.25  # an estimate counts characters: the agreed sum leaves it this much room, and is never passed
_OPENAI = "https://api.openai.com/v1"


class Prices(NamedTuple):
    """What a million tokens cost at an address; None where nobody said so."""

    base_url: str | None
    asked: float | None
    written: float | None

    @property
    def free(self) -> bool:
        """Whether asking costs nothing: both prices are 0, or none is set for a model of this machine."""
        if self.asked is None and self.written is None:
            return is_here(self.base_url or _OPENAI)
        return self.asked == 0 and self.written == 0

    def cost(self, asked: int, written: int) -> float | None:
        """The cost of so many tokens; None where a price is not set."""
        if self.asked is None or self.written is None:
            return None
        return round((asked * self.asked + written * self.written) / 1e6, 6)


def is_here(url: str) -> bool:
    """Whether an address names this very machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(base_url: str | None) -> str:
    """The host of an address, for people: without a password that stands in it."""
    url = base_url or _OPENAI
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or url
    except ValueError:
        return url


def tokens_of(text: str) -> int:
    """About how many tokens `text` is: a Chinese character counts as one, four other characters as one."""
    wide = sum(character >= "\u2e80" for character in text)
    return wide + math.ceil((len(text) - wide) / 4)


class Expense(NamedTuple):
    """What is still to be asked of a model, as estimated.

    Arguments:
        cost: None where it is paid and no price is set; 0 where it is not paid.
        most_tokens: the tokens at which it stops.
    """

    model: str
    where: str
    rows: int
    requests: int
    input_tokens: int
    output_tokens: int
    most_tokens: int
    cost: float | None
    currency: str

    @classmethod
    def of(
        cls, model: str, prices: Prices, *, rows: int, requests: int, asked: int, written: int, most: int, currency: str
    ) -> Expense:
        """The estimate for so many requests, tokens asked and tokens written."""
        cost = 0.0 if prices.free else prices.cost(asked, written)
        return cls(model, host_of(prices.base_url), rows, requests, asked, written, most, cost, currency)

    @property
    def paid(self) -> bool:
        return self.requests > 0 and self.cost != 0

    def figures(self) -> dict[str, Any]:
        """The estimate as results show it."""
        shown = self._asdict()
        if not self.cost:
            del shown["cost"], shown["currency"]
        return shown

    def in_words(self) -> Text:
        """`gpt-4o (api.openai.com) for 500 rows: about …, about 0.42 USD`."""
        price = price_in_words(self.cost, self.currency) if self.paid else Text("free of charge", "免費")
        return Text(
            f"{self.model} ({self.where}) for {several(self.rows, 'row')}: about {several(self.requests, 'request')}, "
            f"{several(self.input_tokens, 'token')} asked and {self.output_tokens} written (never more than "
            f"{self.most_tokens}), {price.en}",
            f"{self.model}（{self.where}）{self.rows} 列：約 {self.requests} 次請求、輸入 {self.input_tokens} 個 token、"
            f"輸出 {self.output_tokens} 個 token（最多 {self.most_tokens} 個），{price.zh}",
        )


def price_in_words(cost: float | None, currency: str) -> Text:
    if cost is None:
        return Text(
            "billed at a price that is not known here (price_per_million_input and price_per_million_output are not "
            "set)",
            "會計費，但價格不明（沒有設定 price_per_million_input 與 price_per_million_output）",
        )
    return Text(f"about {amount(cost)} {currency}", f"約 {amount(cost)} {currency}")


def total(expenses: Sequence[Expense]) -> float | None:
    """The whole cost; None where one of them is not known."""
    costs = [one.cost for one in expenses]
    return None if None in costs else round(sum(cost or 0.0 for cost in costs), 6)


def most_of(expenses: Sequence[Expense]) -> float | None:
    """The sum that is asked for, at which asking ends; None where it cannot be known."""
    whole = total(expenses)
    return None if whole is None else round(whole * _MARGIN, 6)


def agreed_as(expenses: Sequence[Expense]) -> str:
    """The sum as `--confirm-cost` takes it."""
    most = most_of(expenses)
    return UNKNOWN if most is None else f"{most:.6f}".rstrip("0").rstrip(".")


@dataclass
class Allowance:
    """The sum that was agreed to for a job, and what of it is spent; one for all sources that are fetched together."""

    most: float = math.inf
    spent: float = 0.0
    job: str = ""

    @classmethod
    def of(cls, task: TaskFolder, job: str, most: float) -> Allowance:
        """What is left of it where the job was begun before."""
        return cls(most, spending.total_spent(task, job), job)

    def bears(self, cost: float | None) -> bool:
        """Whether what will cost about so much may still be asked; what has no price cannot be weighed."""
        return cost is None or self.spent + cost <= self.most + 1e-9


def read_agreed(given: str | None) -> float:
    """What was agreed to: 0 for nothing, infinity for a price that nobody can tell.

    Raises:
        DataSourceError: it is not a price.
    """
    if given is None or given == UNKNOWN:
        return 0.0 if given is None else math.inf
    try:
        price = float(given)
    except ValueError:
        price = -1.0
    if not 0 <= price < math.inf:
        raise DataSourceError(
            Text(f"{given[:40]!r} is not a price.", f"「{given[:40]}」不是價格。"),
            Text(
                f"Repeat the price that was named, such as 0.42, or {UNKNOWN}.",
                f"請填問到的價格，例如 0.42；價格不明時填 {UNKNOWN}。",
            ),
            field="confirm-cost",
        )
    return price


def require_yes(task: TaskFolder, expenses: Sequence[Expense], agreed: float, call: str) -> None:
    """Nothing, where the person has agreed to as much.

    Arguments:
        expenses: what is paid for.
        agreed: the price that was agreed to; infinity for whatever it is.
        call: the call that starts it, without the yes: `prepare_data(task='x'`.

    Raises:
        DataSourceError: the question, which repeats the price; its field is `confirm`.
        BudgetError: the task's budget does not allow it.
    """
    require_room(task, expenses)
    whole = total(expenses)
    if expenses and agreed < (math.inf if whole is None else whole):
        raise question(task, expenses, call)


def require_room(task: TaskFolder, expenses: Sequence[Expense]) -> None:
    """Nothing, where the task's budget allows as much; what has no price it cannot weigh.

    Raises:
        BudgetError: it does not, or is in another currency.
    """
    if whole := total(expenses):
        spending.require_room(task, Cost(0.0, whole, whole, expenses[0].currency), expenses[0].model)


def question(task: TaskFolder, expenses: Sequence[Expense], call: str) -> DataSourceError:
    """Whether so much may be paid."""
    said = [one.in_words() for one in expenses]
    budget = task.load().budget
    unbounded = total(expenses) is None and (budget.per_task, budget.per_job) != (None, None)
    also = (
        Text(" The task's budget cannot limit what has no price.", "沒有價格，任務的預算就擋不住這筆花費。")
        if unbounded
        else Text("", "")
    )
    whole = price_in_words(total(expenses), expenses[0].currency)
    together = Text(f" Together {whole.en}.", f"合計{whole.zh}。") if len(said) > 1 else Text("", "")
    most = most_of(expenses)
    ends = (
        Text("", "")
        if most is None
        else Text(
            f" It stops before more than {amount(most)} {expenses[0].currency} is spent.",
            f"最多花 {amount(most)} {expenses[0].currency}，快超過就停止。",
        )
    )
    return DataSourceError(
        Text(
            f"This costs money: {'; '.join(one.en for one in said)}.{together.en}{ends.en}{also.en}",
            f"這會產生費用：{'；'.join(one.zh for one in said)}。{together.zh}{ends.zh}{also.zh}",
        ),
        Text(
            f"If the person agrees, call {call}, confirm=True), or run the script with --confirm-cost "
            f"{agreed_as(expenses)}. Otherwise: ask for fewer rows, use a model on this machine (base_url), or let the model "
            "in this chat write them.",
            f"使用者同意的話，請呼叫 {call}, confirm=True)，或執行腳本時加上 --confirm-cost {agreed_as(expenses)}。"
            "不同意的話：減少列數、改用這台機器上的模型（base_url），或請這個對話的模型寫。",
        ),
        field="confirm",
        details={"expenses": [one.figures() for one in expenses]},
    )


class SpendTracker:
    """What a run pays, line by line into the task's spending, and whether it may go on.

    Arguments:
        run: what the lines name as the job.
    """

    def __init__(self, task: TaskFolder, run: str, model: str, prices: Prices) -> None:
        self._task, self._run, self._model, self._prices = task, run, model, prices
        self._empty = False

    def pay(self, asked: int, written: int) -> float:
        """Say that so many tokens were paid for; returns their price, 0 where none is known."""
        if price := self._prices.cost(asked, written):
            spending.record_payment(self._task, self._run, self._model, price, self._task.load().budget.money)
            self._empty = spending.budget_left(self._task, self._run) == 0.0
        return price or 0.0

    def check(self) -> None:
        """Raise `BudgetError` where the task's budget is used up."""
        if not self._empty:
            return
        spent, money = amount(spending.total_spent(self._task, self._run)), self._task.load().budget.money
        raise BudgetError(
            Text(
                f"This run has cost {spent} {money}, and the budget of {self._task.name} allows no more. Answers received "
                "are kept.",
                f"這次執行花了 {spent} {money}，{self._task.name} 的預算不允許再花。已收到的回答都會保留。",
            ),
            spending.raise_it(self._task),
            field="budget",
        )
