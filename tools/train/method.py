"""What a training method is: its settings, what they are where nobody says, and the trainer that it builds of them. One
file in `methods/` for each; the kind's name is the file's name."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ...resources.foundation.errors import TrainingError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.kind_folder import NameOfFile
from ...resources.foundation.kinds import Registry
from ...resources.foundation.language import Text, several
from ...resources.foundation.wording import misfit_of, nearest, suggest
from ...resources.model_info import TrainingFigures
from ...resources.task import Task, TaskType
from ..data.rows import Row
from ..data.task_kind import Answers, task_kind, task_kinds
from .checkpoints import Log, LogEntry
from .evidence import MethodEvidence
from .fitting import LongRows
from .tokenise import TokenisedRow
from .training_context import ComputeCost, TrainingContext
from .training_run import TrainerParts, TrainingRun
from .trl_names import OURS
from .trl_owned import owner_of, refuse_owned


class Method(BaseModel):
    """A way of training a causal language model, with LoRA beside the frozen weights or of every weight. A subclass is
    one file here: its docstring is its documentation, its fields its settings (None: chosen for the context). `accepts`
    are the answers it can train on (see `data/types`), and it is the usual method for those of `usual_for`.

    It gives its defaults (`default_settings.py` resolves them) and its trainer (`run_training.py` runs it)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    # The page of llm-knowledge that the reason of a setting rests on.
    pages: ClassVar[dict[str, str]] = {
        "base_model": "base-models",
        "lora_r": "lora",
        "lora_alpha": "lora",
        "learning_rate": "hyperparameters",
        "epochs": "hyperparameters",
        "batch_size": "hyperparameters",
        "gradient_accumulation": "hyperparameters",
        "max_length": "trouble-truncation",
        "keep_best": "trouble-overfitting",
        "load_in_4bit": "quantization",
        "activation_checkpointing": "memory-time-cost",
    }
    kind: ClassVar[NameOfFile] = NameOfFile()
    accepts: ClassVar[tuple[Answers, ...]]
    usual_for: ClassVar[tuple[Answers, ...]] = ()
    wants: ClassVar[Text]  # the rows it needs, in words
    configuration: ClassVar[str] = ""  # TRL's class that takes its options, such as SFTConfig
    eval_metric: ClassVar[str]  # what an evaluation's entry in the trainer's log holds, and no other entry
    measured_before: ClassVar[bool] = False  # the validation rows are asked before the first step too
    # Whether it trains on the rows' own answers, so that they must come after the very prompt that is asked.
    trains_on_answers: ClassVar[bool] = True
    # The trainer's name of each figure that is told while it trains, and ours.
    logged: ClassVar[dict[str, str]] = {}
    validated: ClassVar[dict[str, str]] = {}

    base_model: str = Field(
        description="A folder with a causal language model, a hub id such as Qwen/Qwen3-4B, or a "
        "version to go on from: v1, or v1 of another task as TASK/v1.",
        min_length=1,
    )
    lora_r: int | None = Field(None, ge=0, le=1024, description="Rank of the LoRA matrices; 0 trains every weight.")
    lora_alpha: int | None = Field(None, ge=1, le=4096, description="Scale of LoRA; twice the rank if left out.")
    target_modules: str | list[str] = Field("all-linear", description="Which layers LoRA sits beside.")
    load_in_4bit: bool = Field(
        False, description="QLoRA: the frozen weights in 4 bits (NF4), a quarter of the memory; needs bitsandbytes."
    )
    epochs: int | None = Field(None, ge=1, le=100, description="How often every row is seen.")
    learning_rate: float | None = Field(None, gt=0, le=0.1, description="Peak step size of AdamW.")
    batch_size: int | None = Field(None, ge=1, le=1024, description="Rows computed at once.")
    gradient_accumulation: int | None = Field(None, ge=1, le=1024, description="Batches summed up before each step.")
    max_length: int | None = Field(
        None, ge=16, le=1_048_576, description="Longest row in tokens; long_rows says what happens to a longer one."
    )
    long_rows: LongRows | None = Field(
        None,
        description="Rows longer than max_length: drop leaves them out, cut shortens "
        "their input from the middle; without it they stop the plan.",
    )
    warmup: float = Field(0.05, ge=0, description="Share of the steps (below 1) or number of steps to warm up.")
    weight_decay: float = Field(0.0, ge=0, le=1, description="AdamW's weight decay.")
    scheduler: Literal[
        "linear", "cosine", "cosine_with_restarts", "polynomial", "inverse_sqrt", "constant", "constant_with_warmup"
    ] = Field("linear", description="How the learning rate falls after warm-up.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients longer than this are scaled down.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of initial LoRA weights, dropout and row order.")
    early_stopping: int = Field(0, ge=0, le=100, description="Stop after so many epochs without a better one; 0 never.")
    save_every: int | None = Field(None, ge=1, description="Steps between checkpoints.")
    activation_checkpointing: bool | None = Field(None, description="Recompute activations: less memory, slower.")
    threads: int | None = Field(None, ge=1, le=256, description="CPU threads; chosen by free cores if left out.")
    trl: dict[str, JsonValue] | None = Field(
        None,
        description="Further options of TRL's configuration, such as neftune_noise_alpha or optim, as TRL names them.",
    )

    # ---- what it is by default -----------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def default_learning_rate(cls, lora: bool, tiny: bool) -> tuple[float, Text]:
        """The learning rate that works, and why."""

    @classmethod
    @abstractmethod
    def default_epochs(cls, rows: int, tiny: bool) -> tuple[int, Text]:
        """How often to show so many rows, and why."""

    @classmethod
    @abstractmethod
    def default_batch(cls, context: TrainingContext, tiny: bool) -> tuple[int, int, Text]:
        """Rows at once, rows to a step, and why."""

    @classmethod
    def default_rank(cls, rows: int) -> tuple[int, Text]:
        return 16 if rows < 5000 else 32, Text(
            f"{several(rows, 'row needs', 'rows need')} little capacity: small LoRA matrices beside the frozen weights "
            f"are enough, and need little memory.",
            f"{rows} 列不需要太大的容量：在凍結的權重旁訓練小型 LoRA 矩陣就夠，也省記憶體。",
        )

    def own_defaults(self, context: TrainingContext) -> dict[str, tuple[Any, Text]]:
        """Of the settings that only this method has and that are None: what each is, and why."""
        return {}

    def own_reasons(self, context: TrainingContext) -> dict[str, Text]:
        """Why other settings of this method are what they are, where that is worth a word; asked of resolved ones."""
        return {}

    def check_settings(self, context: TrainingContext) -> None:
        """Refuse resolved settings that exclude each other or do not suit the task.

        Raises:
            TrainingError: one of them is named.
        """

    # ---- what is said and checked before a training --------------------------------------------------------------

    def check_task(self, kind: TaskType, labels: Sequence[str]) -> None:
        """Refuse a task whose rows it cannot train on.

        Raises:
            TrainingError: names the methods and types of task that fit.
        """
        if task_kind(kind).answers in self.accepts:
            return
        usual = default_method(kind)
        types = [name for name, known in task_kinds().items() if known.answers in self.accepts]
        title = task_kind(kind).title
        raise TrainingError(
            Text(
                "{method} needs {wanted}; this task is of type {kind} ({title}).",
                "{method} 需要{wanted}；這個任務的類型是 {kind}（{title}）。",
            ).format(method=self.kind, wanted=self.wants, kind=kind, title=title),
            Text(
                f"Use {usual} (settings={{'method': '{usual}'}}), or make a task of type {' or '.join(types)}.",
                f"請改用 {usual}（settings={{'method': '{usual}'}}），或另建 {'、'.join(types)} 類型的任務。",
            ),
            field="method",
        )

    def unfit_error(self, task: Task, answer_tokens: Mapping[str, int], rows: Iterable[Row]) -> TrainingError | None:
        """Why this method cannot train on a row; None where it can on all.

        Arguments:
            answer_tokens: of each row's answer, by id.
            rows: canonical, as they are asked.
        """
        return None

    def warnings(self, context: TrainingContext) -> list[Text]:
        """What a person should know about resolved settings that only this method has."""
        return []

    def compute_cost(self) -> ComputeCost:
        """What resolved settings take, for estimates."""
        return ComputeCost()

    def rows_per_epoch(self, context: TrainingContext) -> int:
        """How many rows one epoch shows."""
        return context.train_rows

    @property
    def processes_asked(self) -> int | None:
        """How many processes the person wants to share the steps; None where nobody said."""
        return None

    def shared_by(self, processes: int) -> tuple[int, int] | None:
        """Rows at once and batches to a step for each of so many processes, so that together they take the steps that
        one would; None where they cannot."""
        return None

    @abstractmethod
    def describe_settings(self, rows: int) -> Text:
        """Resolved settings in half a sentence: what is done with so many training rows."""

    def describe_method(self) -> Text:
        """What is trained, in a few words."""
        if not self.lora_r:
            return Text("every weight", "全參數")
        kind = "QLoRA" if self.load_in_4bit else "LoRA"
        return Text(f"{kind} rank {self.lora_r}", f"{kind} rank {self.lora_r}")

    # ---- the work, in a job -------------------------------------------------------------------------------------

    @abstractmethod
    def build_dataset(self, train: list[TokenisedRow]) -> list[Any]:
        """What one epoch shows, made of the audited training rows."""

    @abstractmethod
    def build_trainer(self, run: TrainingRun, parts: TrainerParts) -> Any:
        """TRL's trainer with its configuration, a `SealedTrainer`."""

    def steps_per_epoch(self, rows: int) -> int:
        return math.ceil(math.ceil(rows / (self.batch_size or 1)) / (self.gradient_accumulation or 1))

    @abstractmethod
    def checkpoint_score(self, entry: LogEntry) -> tuple[float, ...] | None:
        """How good the model of an evaluation is, to be compared; None where the last one is kept whatever they say."""

    def best_step(self, history: Log) -> int | None:
        """The step whose model is the best so far, by the evaluations in a log history; None to keep the last."""
        judged = [
            (good, entry)
            for entry in history
            if self.eval_metric in entry and entry["step"] and (good := self.checkpoint_score(entry)) is not None
        ]
        return int(max(judged, key=lambda pair: pair[0])[1]["step"]) if judged else None

    def stops_early(self, history: Log) -> bool:
        """Whether the last `early_stopping` evaluations brought nothing better."""
        best = self.best_step(history)
        later = [entry for entry in history if self.eval_metric in entry and entry["step"] > (best or 0)]
        return bool(self.early_stopping and best is not None and len(later) >= self.early_stopping)

    def saves_at(self, step: int, steps_per_epoch: int) -> bool:
        """Whether a checkpoint is due after that step."""
        return step % (self.save_every or steps_per_epoch) == 0

    def out_of_memory_error(self) -> TrainingError:
        return TrainingError(
            Text(
                f"Out of memory with batches of {several(self.batch_size or 1, 'row')}.",
                f"記憶體不足以一次計算 {self.batch_size} 列。",
            ),
            Text(
                f"Plan again with batch_size {max(1, (self.batch_size or 1) // 2)} (accumulation makes up for it), "
                "activation_checkpointing: true, or a smaller base model.",
                f"請重新規劃：batch_size 改為 {max(1, (self.batch_size or 1) // 2)}（其餘由累積補足）、"
                "activation_checkpointing: true，或換小一點的基礎模型。",
            ),
            field="batch_size",
        )

    # ---- what came of it ----------------------------------------------------------------------------------------

    @abstractmethod
    def final_metrics(self, history: Log, chosen: LogEntry) -> dict[str, float | None]:
        """What came of it for `model_info.json`: from the log, and from the evaluation of the kept step."""

    @abstractmethod
    def collect_evidence(self, trainer: Any, train: Sequence[TokenisedRow], history: Log, kept: Path) -> MethodEvidence:
        """What only this method leaves for a diagnosis."""

    @abstractmethod
    def count_tokens(self, trainer: Any, shown: list[Any], epochs: float) -> int:
        """How many tokens it read."""

    @classmethod
    @abstractmethod
    def describe_scores(cls, training: TrainingFigures) -> Text:
        """What the figures of a done training say of the validation rows; empty without any."""


METHODS = Registry(
    f"{__package__}.methods",
    Method,
    Text("training method", "種訓練方法"),
    TrainingError,
    group="methods",
    named="kind",
)


def methods() -> dict[str, type[Method]]:
    """Every method by kind, in alphabetical order."""
    return METHODS.classes()


def default_method(kind: TaskType) -> str:
    """The method that a task of that type is trained with where nobody names one."""
    answers = task_kind(kind).answers
    return next(name for name, method in METHODS.own().items() if answers in method.usual_for)


def method_class(kind: str) -> type[Method]:
    """The method of that kind.

    Raises:
        TrainingError: there is none; the nearest name is offered.
    """
    return METHODS.get(kind, "method")


def make_method(kind: str, settings: JsonObject) -> Method:
    """A method from its settings.

    Raises:
        TrainingError: a setting is unknown (the nearest is offered) or out of range.
    """
    cls = method_class(kind)
    refuse_owned(settings.get("trl"))
    for name in settings:
        if name not in cls.model_fields:
            raise _unknown_setting(cls, name)
    try:
        return cls.model_validate(settings)
    except ValidationError as error:
        wrong = misfit_of(error)
        name, given = wrong.field, "" if wrong.missing else f" = {str(wrong.value)[:60]!r}"
        raise TrainingError(
            Text("The setting {given} cannot be used: {why}.", "設定 {given} 不能用：{why}。").format(
                given=f"{name}{given}", why=wrong.said
            ),
            Text(
                f"Give {name} another value, or leave it out: the default suits the data.",
                f"請把 {name} 改成別的值，或省略它：預設值會依資料決定。",
            ),
            field=name,
        ) from error


def _unknown_setting(method: type[Method], name: str) -> TrainingError:
    """What to say of a setting that the method does not have: perhaps TRL's name of one, or an option of TRL's."""
    kind, shown = method.kind, name[:40]
    problem = Text(f"{kind} has no setting {shown!r}.", f"{kind} 沒有「{shown}」這個設定。")
    known = [*sorted(method.model_fields), *(trl for trl, ours in OURS.items() if ours in method.model_fields)]
    if owned := owner_of(name):
        why = Text("{option} cannot be set: {why}.", "不能設定 {option}：{why}。").format(option=shown, why=owned.why)
        return TrainingError(why, owned.instead, field=shown)
    if nearest(name, known):
        return TrainingError(problem, suggest(name, known), field=shown)
    listed = sorted(method.model_fields)
    return TrainingError(
        problem,
        Text(
            f"If it is an option of TRL's, give it as trl: {{{shown}: …}}. Settings of {kind}: {', '.join(listed)}.",
            f"如果是 TRL 的選項，請寫成 trl: {{{shown}: …}}。{kind} 的設定：{'、'.join(listed)}。",
        ),
        field=shown,
    )
