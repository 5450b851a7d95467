"""One file for each reward of grpo, named after it: how good an answer to a row is, as a program can tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ...resources.foundation.errors import TrainingError
from ...resources.foundation.kind_folder import NameOfFile
from ...resources.foundation.kinds import Registry
from ...resources.foundation.language import Text
from ...resources.task import TaskType
from ..data.task_kind import Answers, task_kind


class Reward(ABC):
    """A way of judging answers. A subclass is one file here; its docstring is its documentation, `answers` are those it
    can judge (see `data/types`), and it is a usual reward for those of `usual_for`, where it is one of ours."""

    name: ClassVar[NameOfFile] = NameOfFile()
    title: ClassVar[Text]
    answers: ClassVar[tuple[Answers, ...]]
    usual_for: ClassVar[tuple[Answers, ...]] = ()

    @abstractmethod
    def score(self, row: Mapping[str, Any], answer: str, labels: Sequence[str]) -> float:
        """How good `answer` to the canonical row is, 0–1."""

    def unfit(self, row: Mapping[str, Any]) -> Text | None:
        """Why answers to this row cannot be judged; None where they can."""
        return None


REWARDS = Registry(
    f"{__package__}.rewards", Reward, Text("reward", "種獎勵"), TrainingError, group="rewards", named="name"
)


def rewards() -> dict[str, Reward]:
    """Every reward by name."""
    return REWARDS.instances()


def default_rewards(kind: TaskType) -> list[str]:
    """The rewards of a task of that type where nobody names any."""
    answers = task_kind(kind).answers
    return [name for name, reward in REWARDS.own().items() if answers in reward.usual_for]


def chosen_rewards(names: Iterable[str], kind: TaskType) -> list[Reward]:
    """The rewards of those names, for a task of that type.

    Raises:
        TrainingError: there is no such reward (the nearest is offered), or it cannot judge answers of that type.
    """
    known = rewards()
    fitting = [name for name, reward in known.items() if task_kind(kind).answers in reward.answers]
    found = []
    for name in names:
        if name not in known and name not in REWARDS.faults():
            raise REWARDS.unknown(name, "rewards", among=fitting)
        REWARDS.get(name, "rewards")  # says why one from outside cannot be used, and asks where nobody has agreed to it
        if name not in fitting:
            title = task_kind(kind).title
            raise TrainingError(
                Text(
                    "The reward {name} ({reward}) cannot judge the answers of a {kind} task ({task}).",
                    "獎勵 {name}（{reward}）無法評判 {kind} 任務（{task}）的回答。",
                ).format(name=name, reward=known[name].title, kind=kind, task=title),
                Text(f"Use: {', '.join(fitting)}.", f"可用的獎勵：{'、'.join(fitting)}。"),
                field="rewards",
            )
        found.append(known[name])
    return found
