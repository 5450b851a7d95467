"""What the files say about one version, read when it is asked for and no earlier."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, cast

from ....resources.data_source import load_data_source
from ....resources.evaluation import Evaluation, Simplest
from ....resources.foundation.errors import EvaluationError, NlpSkillsError
from ....resources.foundation.files import read_jsonl
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text
from ....resources.model_info import TrainingFigures
from ....resources.task import Task
from ....resources.version import VersionFolder
from ....resources.version_config import VersionConfig
from ...data.adding import arguments_with, file_to_add
from ...data.rows import Row
from ...data.task_kind import Answers
from ..baseline import fitted_title
from ..intervals import wilson
from ..metric import answers_of
from ..record import AnswerLine, evaluated_answers
from ..seen import BetweenSplits, EpochSeen, EvaluationSeen, LabelSuspects, TrainingSeen
from ..verified import latest_results
from .cause import Call, Expectation, NotKnown, ramp
from .standing import Result, headline, higher_is_better, result_of, train_counts

_USUAL_IMBALANCE = 3.0
_LONGEST_LABEL = 40
# Where a simple model that never saw a row is sure of it (chance 0.8 and more), how often the label denies it; and the
# share of asked training rows that the trained model denies with it. Set on seeds 101 and 202 of the planted faults
# (tests/tools/train/faults.py; a quarter of the labels flipped: 0.29-0.30 and 0.19) and on the demonstration's own rows,
# hard and clean, half learnt (0.06-0.11 and 0.08-0.09).
_SOME_DENIED, _MANY_DENIED = 0.13, 0.22
_SOME_DOUBTED, _MANY_DOUBTED = 0.03, 0.1
_SURE_ROWS = 20


class Gap(NamedTuple):
    """The share of rows that are right before and after, how far they are apart, and at least so (95 %; Newcombe 1998)."""

    before: float
    after: float
    apart: float
    least: float


class Case:
    """One version under examination. Properties are None, empty or raise `NotKnown` where the files do not say."""

    def __init__(self, folder: VersionFolder) -> None:
        self.folder = folder
        self.task: Task = folder.task.load()
        known = latest_results(folder)
        self.evaluation = known.record if known else None
        self.result: Result | None = result_of(self.task, folder)
        self.kind: Answers = answers_of(self.task.type)

    # ---- what was trained ---------------------------------------------------------------------------------------

    @cached_property
    def config(self) -> VersionConfig:
        return self.folder.config()

    @cached_property
    def training(self) -> TrainingFigures:
        """The figures of `model_info.json`."""
        return self.folder.model_info().training

    @cached_property
    def seen_in_training(self) -> TrainingSeen:
        return cast(TrainingSeen, self.folder.evidence().training)

    @cached_property
    def seen_in_evaluation(self) -> EvaluationSeen:
        """What the evaluation looked at, where it was of the benchmark of the newest result."""
        found = cast(EvaluationSeen, self.folder.evidence().evaluation)
        mine = self.evaluation is not None and found.get("benchmark") == self.evaluation.benchmark.hash
        return found if mine else {}

    @cached_property
    def failure(self) -> JsonObject:
        """The error a training ended with, empty where it did not fail."""
        failed = None if self.folder.model_info_file.is_file() else self.folder.failure()
        return (failed.error if failed else None) or {}

    @cached_property
    def train_counts(self) -> dict[str, int]:
        return train_counts(self.folder)

    @cached_property
    def _counts(self) -> dict[str, int]:
        return self.folder.data_snapshot().counts

    @property
    def train_rows(self) -> int:
        return int(self._counts.get("train") or sum(self.train_counts.values()))

    @cached_property
    def max_imbalance(self) -> float:
        try:
            return load_data_source(self.folder.task).quality.max_imbalance
        except NlpSkillsError:  # a source file somebody is at work on does not change what was trained
            return _USUAL_IMBALANCE

    @property
    def problems(self) -> dict[str, int]:
        """Rows the label audit found fault with, by problem: also those a training was refused for."""
        refused = (self.failure.get("details") or {}).get("problems") or {}
        return dict((self.seen_in_training.get("audit") or {}).get("problems") or refused)

    @property
    def epochs(self) -> list[EpochSeen]:
        return list(self.seen_in_training.get("epochs") or [])

    @property
    def kept_epoch(self) -> int | None:
        """The epoch (from 1) whose model was kept."""
        steps, epochs, best = self.training.steps, self.training.epochs, self.training.best_step
        return max(1, round(best / (steps / epochs))) if steps and epochs and best else None

    @property
    def learnt(self) -> float | None:
        """The share of training rows the kept model answers rightly; None where an answer need not be word for word."""
        if not self.word_for_word:
            return None
        answers = self.seen_in_training.get("answers") or {}
        return answers["right"] / answers["rows"] if answers.get("rows") else None

    @property
    def rate_ratio(self) -> float | None:
        """The learning rate over what the method would have chosen."""
        rates = self.seen_in_training.get("learning_rate") or {}
        return rates["peak"] / rates["usual"] if rates.get("peak") and rates.get("usual") else None

    @property
    def parent(self) -> VersionFolder | None:
        """The version it was made from, where that is one of this task."""
        name = self.config.parent or ""
        return VersionFolder(self.folder.task, int(name[1:])) if re.fullmatch(r"v\d+", name) else None

    # ---- what was measured --------------------------------------------------------------------------------------

    def newest_result(self) -> tuple[Evaluation, Result]:
        """The newest evaluation and its headline.

        Raises:
            NotKnown: there is none.
        """
        if self.evaluation is None or self.result is None:
            raise NotKnown(Text(f"{self.folder.name} has not been evaluated", f"{self.folder.name} 還沒有評估"))
        return self.evaluation, self.result

    @property
    def word_for_word(self) -> bool:
        """Whether an answer is right only where it is exactly the one wanted."""
        return self.kind in ("label", "spans") or (self.result is not None and self.result.metric == "exact_match")

    @property
    def right_metric(self) -> str:
        """The metric that says which share of rows is answered correctly."""
        return {"label": "accuracy", "pair": "preference_accuracy"}.get(self.kind, "exact_match")

    @property
    def accuracy(self) -> float | None:
        found = headline(self.evaluation, self.right_metric) if self.evaluation else None
        return float(found.value) if found else None

    @property
    def constrained(self) -> float | None:
        """The headline metric where the model may answer with labels only: what its knowledge is worth."""
        other = self.evaluation.other_decoding if self.evaluation else None
        if self.result is None or other is None or other.decoding != "constrained":
            return None
        found = other.metrics.get(self.result.metric)
        return None if found is None or found.value is None else float(found.value)

    @property
    def not_ended(self) -> float | None:
        """The share of free answers the model did not end by itself."""
        seen = self.seen_in_evaluation
        return seen["not_ended"]["found"] / seen["rows"] if seen.get("rows") else None

    @property
    def same_prompt(self) -> bool | None:
        prompt = self.seen_in_evaluation.get("prompt")
        return prompt["same"] if prompt else None

    @cached_property
    def answers(self) -> list[AnswerLine]:
        """The newest evaluation's answers.

        Raises:
            NotKnown: there are none, or they are not the ones that were measured.
        """
        evaluation, _ = self.newest_result()
        try:
            return evaluated_answers(self.folder, evaluation)
        except (EvaluationError, KeyError) as error:
            raise NotKnown(
                Text(
                    f"the answers of {self.folder.name} were changed or are gone; evaluate it again",
                    f"{self.folder.name} 的逐列回答被改過或不見了，請重新評估",
                )
            ) from error

    # ---- what follows from both ---------------------------------------------------------------------------------

    @property
    def suspects(self) -> LabelSuspects:
        """Training rows that a model which never saw them labels otherwise."""
        found = self.seen_in_evaluation.get("label_suspects")
        if not found:
            raise NotKnown(Text("no evaluation has looked for suspect labels yet", "還沒有評估檢查過可疑的標註"))
        return found

    @property
    def between(self) -> BetweenSplits:
        """What lies between the rows learnt from and the benchmark's.

        Raises:
            NotKnown: no evaluation has looked.
        """
        found = self.seen_in_evaluation.get("between")
        if not found:
            raise NotKnown(
                Text(
                    "no evaluation has compared the training rows with the test rows yet",
                    "還沒有評估比對過訓練資料和測試資料",
                )
            )
        return found

    @cached_property
    def valid_right(self) -> float | None:
        """The share of validation rows that the kept model answers rightly."""
        scored = [epoch for epoch in self.epochs if "valid_exact" in epoch]
        if not scored or not self.word_for_word:
            return None
        return float(scored[min(self.kept_epoch or len(scored), len(scored)) - 1]["valid_exact"])

    @cached_property
    def below_validation(self) -> Gap | None:
        """How far the test stays behind the validation rows; None where one of the two is not known."""
        rows = int(self._counts.get("valid") or 0)
        return None if self.valid_right is None else self._gap(self.valid_right, rows)

    @cached_property
    def below_training(self) -> Gap | None:
        """How far the test stays behind the training rows."""
        rows = int((self.seen_in_training.get("answers") or {}).get("rows") or 0)
        return None if self.learnt is None else self._gap(self.learnt, rows)

    def _gap(self, before: float, rows: int) -> Gap | None:
        after, tested = self.accuracy, self.result.rows if self.result else 0
        if after is None or not rows or not tested:
            return None
        least = before - after - math.hypot(before - wilson(before, rows)[0], wilson(after, tested)[1] - after)
        return Gap(before, after, before - after, least)

    @cached_property
    def doubted(self) -> list[str]:
        """Ids of asked training rows whose label both the trained model and a model that never saw them deny."""
        wrong = (self.seen_in_training.get("answers") or {}).get("wrong") or []
        try:
            suspects = set(self.suspects["ids"])
        except NotKnown:
            return []
        return [row for row in wrong if row in suspects]

    @property
    def noise(self) -> float:
        """How surely wrong labels keep it from learning its training rows, 0–1."""
        asked = (self.seen_in_training.get("answers") or {}).get("rows") or 0
        if not asked or not self.doubted:
            return 0.0
        sure = self.suspects.get("sure") or {}
        if sure.get("rows", 0) < _SURE_ROWS:
            return 0.0
        return ramp(sure["denied"] / sure["rows"], _SOME_DENIED, _MANY_DENIED) * ramp(
            len(self.doubted) / asked, _SOME_DOUBTED, _MANY_DOUBTED
        )

    def expects(self, low: float, high: float, because: Text) -> Expectation | None:
        """Where the headline metric should come to stand; None where it was never measured.

        Arguments:
            low, high: in the metric's own units; put into 0–1.
        """
        if self.result is None:
            return None
        edges = sorted(min(1.0, max(0.0, edge)) for edge in (low, high))
        return Expectation(self.result.metric, round(edges[0], 3), round(edges[1], 3), because)

    def learnable(self, because: Text | None = None) -> Expectation | None:
        """What a version that learns the rows should reach, by the simplest method's score; None for written texts, where
        copying the answer of a similar row scores high and tells nothing of what a model learns from them.
        """
        if self.result is None or not higher_is_better(self.result.metric) or self.kind == "text":
            return None
        simple = float(self.result.simplest.value) if self.result.simplest else self.result.value
        value, ceiling = self.result.value, max(simple, self.result.value)
        simplest = self.result.simplest or Simplest(name="tfidf")
        name = fitted_title(simplest.name, simplest.fitted_on)
        said = because or Text(
            "On the same rows {name} reaches {simple:.2f}, so that much can be learnt from them.",
            "在同一批資料上，{name}可以到 {simple:.2f}，至少這些是學得到的。",
        ).format(name=name, simple=simple)
        return self.expects(value + (ceiling - value) / 2, max(ceiling + 0.03, value + (1 - value) / 2), said)

    def train_texts(self, ids: Sequence[str]) -> dict[str, Row]:
        """The training rows of those ids that are on this machine."""
        wanted = set(ids)
        digest = self.folder.data_snapshot().hash if wanted else ""
        file = self.folder.task.snapshots / digest[:12] / "train.jsonl"
        if not digest or not file.is_file():
            return {}
        return {str(row["id"]): row for row in read_jsonl(file) if row["id"] in wanted}

    def answer_rows(self, ids: Sequence[str]) -> list[AnswerLine]:
        wanted = set(ids)
        return [answer for answer in self.answers if answer["id"] in wanted]

    def mistakes(self) -> list[AnswerLine]:
        """The answers that are wrong, in the benchmark's order; none where the answers cannot be read."""
        try:
            return [answer for answer in self.answers if not answer["correct"]]
        except NotKnown:
            return []

    @property
    def labels(self) -> list[str]:
        return list(self.task.labels) or list(self.train_counts)

    @cached_property
    def labels_that_begin_alike(self) -> set[tuple[str, str]]:
        """Pairs of labels of which the first is the beginning of the second."""
        return {(one, other) for one in self.labels for other in self.labels if _begins(other, one)}

    @cached_property
    def taken_for_alike(self) -> list[AnswerLine]:
        """The mistakes between two such labels; an answer that is none counts where it is the beginning of one, or reverse."""
        pairs = self.labels_that_begin_alike
        alike = {label for pair in pairs for label in pair}
        found: list[AnswerLine] = []
        for row in self.mistakes() if pairs else []:
            gold, said, raw = str(row["gold"]), row["predicted"], str(row["raw"] or "").strip()
            if said is None:
                mixed = bool(raw) and gold in alike and (_begins(raw, gold) or _begins(gold, raw))
            else:
                mixed = (gold, said) in pairs or (said, gold) in pairs
            found += [row] if mixed else []
        return found

    @property
    def begin_alike(self) -> float:
        """The share of the mistakes that are between labels that begin alike."""
        return len(self.taken_for_alike) / len(self.mistakes()) if self.taken_for_alike else 0.0

    @staticmethod
    def display_label(label: str) -> str:
        """A label fit for a sentence: on one line, cut."""
        return " ".join(label.split())[:_LONGEST_LABEL]

    def more_rows(self) -> Call:
        """The call that adds a file of rows to the sources that stand, to be filled in by the person."""
        task = self.folder.task
        arguments = arguments_with(task.name, load_data_source(task), file_to_add(task.load()))
        return {"tool": "set_data_source", "arguments": arguments or {"task": task.name}}

    def plan_again(self) -> Call:
        """The call that plans on another base model."""
        return {
            "tool": "plan_training",
            "arguments": {
                "task": self.folder.task.name,
                "parent": self.folder.name,
                "settings": {"base_model": "<another base model>"},
            },
        }


def _begins(longer: str, shorter: str) -> bool:
    return len(shorter) < len(longer) and longer.casefold().startswith(shorter.casefold())
