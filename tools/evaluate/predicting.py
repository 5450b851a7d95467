"""The second step of an evaluation: every row is asked of the version, and of what stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...resources.foundation.errors import EvaluationError, MissingRequirement, TrainingError
from ...resources.foundation.language import Text
from ..compute.jobs.device_queue import acquire_gpu
from ..compute.jobs.stopwatch import Stopwatch
from ..data.rows import Row
from .asked import Asked, as_asked, asking_limit
from .baseline import BASE_MODEL, cached_answers, simple_answers
from .evidence import same_prompt
from .loading import EvaluationInput
from .metric import Answered
from .model import LoadedModel, load_for_inference, verified_base
from .predict import Prediction, margins, predict


@dataclass(frozen=True)
class Predictions:
    """The answers to the benchmark's rows.

    Arguments:
        asked: the rows as they were asked, cut to `limit` tokens where the plan cuts.
        headline: the version's, decoded as it will be deployed; `other` the other way where there is one.
        beside: those of each baseline.
        same_prompt: whether the prompt is the trained one, token for token; None where nobody can tell.
        clock: how long it has taken, this job's earlier runs included.
    """

    given: EvaluationInput
    asked: Asked
    limit: int | None
    headline: list[Prediction]
    other: list[Prediction] | None
    beside: dict[str, list[Answered]]
    same_prompt: bool | None
    clock: Stopwatch

    @property
    def free(self) -> list[Prediction]:
        """The version's answers as it writes them, not limited to the labels."""
        return self.other if self.other is not None and self.given.constrained else self.headline


def predict_benchmark(given: EvaluationInput, *, baselines: bool = True) -> Predictions:
    """Ask the version every row, both ways of decoding where it answers with labels; then the baselines.

    Arguments:
        baselines: whether to ask the methods to compare with.
    """
    limit = asking_limit(given.folder)
    with acquire_gpu(given.job), Stopwatch(given.kept / "clock.json").running() as clock:
        loaded = _load(given, given.paths.base, given.paths.adapter)
        asked = as_asked(loaded, given.rows, given.prompt, given.labels, limit)
        train = given.snapshot.rows("train") if given.snapshot else []
        mark = given.folder.evidence().training.get("prompt")
        same = same_prompt(loaded, mark, train, given.prompt, given.labels)
        headline, other = _ask_version(given, loaded, asked.rows)
        beside = _ask_baselines(given, asked) if baselines else {}
    return Predictions(given, asked, limit, headline, other, beside, same, clock)


def _ask_version(
    given: EvaluationInput, loaded: LoadedModel, rows: Sequence[Row]
) -> tuple[list[Prediction], list[Prediction] | None]:
    """The version's answers, decoded as it will be deployed, and the other way where there is one."""
    free = _ask(given, loaded, rows, False, "free", Text("asking the model", "詢問模型"))
    if given.answers != "label":
        return free, None
    doing = Text("asking it again, limited to the labels", "再問一次，限定只能回答標籤")
    constrained = _ask(given, loaded, rows, True, "constrained", doing)
    return (constrained, free) if given.constrained else (free, constrained)


def _ask_baselines(given: EvaluationInput, asked: Asked) -> dict[str, list[Answered]]:
    """For each baseline its answer to every row; those that cannot be had are left out with a warning."""
    found: dict[str, list[Answered]] = {}
    if given.snapshot is None:
        given.job.warn(
            Text(
                "The data this version was trained on is not on this machine, so the simple baselines are left out.",
                "這台機器上沒有這個版本的訓練資料，因此略過簡單的比較基準。",
            )
        )
    else:
        given.progress.say(Text("asking the simple methods", "計算簡單方法的結果"))
        found |= simple_answers(
            given.folder.task.cache, given.answers, given.snapshot, given.benchmark, given.rows, given.task.language
        )
    if base := _ask_base_model(given, asked):
        found[BASE_MODEL] = base
    return found


def _ask_base_model(given: EvaluationInput, asked: Asked) -> list[Answered] | None:
    """The untuned base model's answers, decoded as the headline is."""
    key = {
        "base": given.info.base_model.hash or given.info.base_model.name,
        "benchmark": given.benchmark.hash,
        "prompt": given.prompt.model_dump(mode="json"),
        "labels": given.labels,
        "constrained": given.constrained,
        **({"cut": asked.cut} if asked.cut else {}),
    }

    def ask() -> list[Answered]:
        loaded = _load(given, verified_base(given.folder, "kept" if given.info.adapter else "afresh"), None)
        doing = Text("asking the untuned base model", "詢問未微調的基礎模型")
        return [answer.answered for answer in _ask(given, loaded, asked.rows, given.constrained, "base", doing)]

    try:
        return cached_answers(given.folder.task.cache, BASE_MODEL, key, given.rows, ask)
    except (EvaluationError, MissingRequirement, TrainingError) as error:
        given.job.warn(
            Text("The untuned base model is left out: {problem}", "略過未微調的基礎模型：{problem}").format(
                problem=error.problem
            )
        )
        return None


def _load(given: EvaluationInput, base: Path, adapter: Path | None) -> LoadedModel:
    given.progress.say(Text("loading the model", "載入模型"))
    return load_for_inference(base, adapter, given.folder.environment().threads)  # as it was trained


def _ask(
    given: EvaluationInput, loaded: LoadedModel, rows: Sequence[Row], constrained: bool, name: str, doing: Text
) -> list[Prediction]:
    progress = given.progress
    before = progress.done

    def report(done: int, _total: int) -> None:
        progress.done = before + done
        progress.say(doing)

    kept = given.kept / f"{name}.jsonl"
    found = predict(loaded, rows, given.prompt, given.labels, constrained, kept=kept, report=report)
    if given.answers != "pair":
        return found
    before = progress.done
    kept = given.kept / f"{name}-pairs.jsonl"
    preferred = margins(loaded, rows, given.prompt, given.labels, kept=kept, report=report)
    return [replace(one, margin=margin) for one, margin in zip(found, preferred, strict=True)]
