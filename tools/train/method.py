"""One file for each training method; the kind's name is the file's name."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ...resources.foundation.errors import TrainingError
from ...resources.foundation.kind_folder import NameOfFile
from ...resources.foundation.kinds import Registry
from ...resources.foundation.language import Text
from ...resources.foundation.wording import misfit_of, nearest, suggest
from ...resources.model_info import TrainingFigures
from ...resources.task import Prompt, Task, TaskType
from ...resources.version import VersionFolder
from ..compute.jobs.running import RunningJob
from ..data.rows import Row
from ..data.store import Snapshot, load_snapshot
from ..data.task_kind import Answers, task_kind, task_kinds
from .trl_names import OURS
from .trl_owned import owner_of, refuse_owned


@dataclass(frozen=True)
class TrainingContext:
    """What a method's defaults depend on. `parameters` and `context_tokens` are the base model's, None where it is
    not at hand yet; `gpu_bytes` is None without a GPU; `label_counts` are those of the training rows."""

    train_rows: int
    valid_rows: int
    type: TaskType = "classification"
    label_counts: dict[str, int] = field(default_factory=dict)
    parameters: int | None = None
    context_tokens: int | None = None
    gpu_bytes: int | None = None

    @property
    def answers(self) -> Answers:
        return task_kind(self.type).answers


@dataclass(frozen=True)
class ComputeCost:
    """What a method takes beside one pass over each row, for estimates.

    Arguments:
        answers: how many answers of a row are computed.
        forward: forward passes over each token without a gradient.
        copies: further copies of the base model's weights in memory.
        written: tokens the model writes for each row, (low, high).
    """

    answers: int = 1
    forward: int = 0
    copies: int = 0
    written: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class TrainingRun:
    """What a method gets to train with. `rendered` holds `train.jsonl` and `valid.jsonl` of chat rows; this process is
    one of `processes` that share each step's rows, on a `gpu` of its own or on the processors; `shortened` are the rows by
    id whose input was cut."""

    task: Task
    version: VersionFolder
    running: RunningJob
    base_path: Path
    rendered: Path
    labels: list[str]
    prompt: Prompt
    threads: int
    processes: int = 1
    gpu: bool = False
    shortened: dict[str, Row] = field(default_factory=dict)

    @contextmanager
    def first(self) -> Iterator[None]:
        """A block that the first of the processes goes through before the others."""
        if self.processes == 1:
            yield
            return
        from accelerate import PartialState

        with PartialState().main_process_first():
            yield

    @property
    def snapshot(self) -> Snapshot:
        """The canonical rows that the rendered ones were made of."""
        return load_snapshot(self.version.task, self.version.data_snapshot().hash)

    @property
    def checkpoints(self) -> Path:
        return self.version.models / "checkpoints"

    @property
    def cache(self) -> Path:
        return self.version.task.cache / "tokenised"


@dataclass(frozen=True)
class TrainingResult:
    """What came of it: the checkpoint to keep, and figures for `model_info.json` and `environment.json`.

    `kind` is `adapter` or `model`; `history` is the log of the run, oldest first; `evidence` is what a diagnosis needs
    and the files do not say.
    """

    checkpoint: Path
    kind: str
    parameters: dict[str, int]
    training: dict[str, Any]
    audit: dict[str, Any]
    history: list[dict[str, Any]]
    environment: dict[str, Any]
    evidence: dict[str, Any] = field(default_factory=dict)


class Method(BaseModel):
    """A way of training. A subclass is one file here: its docstring is its documentation, its fields its settings
    (None: chosen for the context), `train` does the work in a job. `accepts` are the answers it can train on (see
    `data/types`), and it is the usual method for those of `usual_for`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    # The page of llm-knowledge that the reason of a setting rests on.
    pages: ClassVar[dict[str, str]] = {}
    kind: ClassVar[NameOfFile] = NameOfFile()
    accepts: ClassVar[tuple[Answers, ...]]
    usual_for: ClassVar[tuple[Answers, ...]] = ()
    wants: ClassVar[Text]  # the rows it needs, in words
    configuration: ClassVar[str] = ""  # TRL's class that takes its options, such as SFTConfig

    base_model: str

    @abstractmethod
    def resolve(self, context: TrainingContext) -> tuple[Self, dict[str, Text]]:
        """These settings with every None filled in, and why each main one is what it is."""

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
                f"{self.kind} needs {self.wants.en}; this task is of type {kind} ({title.en}).",
                f"{self.kind} 需要{self.wants.zh}；這個任務的類型是 {kind}（{title.zh}）。",
            ),
            Text(
                f"Use {usual} (settings={{'method': '{usual}'}}), or make a task of type {' or '.join(types)}.",
                f"請改用 {usual}（settings={{'method': '{usual}'}}），或另建 {'、'.join(types)} 類型的任務。",
            ),
            field="method",
        )

    def compute_cost(self) -> ComputeCost:
        """What resolved settings take, for estimates."""
        return ComputeCost()

    @abstractmethod
    def describe_settings(self, rows: int) -> Text:
        """Resolved settings in half a sentence: what is done with so many training rows."""

    @classmethod
    @abstractmethod
    def describe_scores(cls, training: TrainingFigures) -> Text:
        """What the figures of a done training (`TrainingResult.training`) say of the validation rows; empty without any."""

    @abstractmethod
    def rows_per_epoch(self, context: TrainingContext) -> int:
        """How many rows one epoch shows."""

    @abstractmethod
    def warnings(self, context: TrainingContext) -> list[Text]:
        """What a person should know about resolved settings before spending time on them."""

    @classmethod
    @abstractmethod
    def follow_up(cls, inherited: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
        """A parent's settings with `changed` laid over; what depends on a changed one is left out, to be chosen
        again."""

    def shared_by(self, processes: int) -> tuple[int, int] | None:
        """Rows at once and batches to a step for each of so many processes, so that together they take the steps that
        one would; None where they cannot."""
        return None

    @abstractmethod
    def train(self, run: TrainingRun) -> TrainingResult:
        """Train, resuming from the newest whole checkpoint if one stands."""


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


def make_method(kind: str, settings: dict[str, Any]) -> Method:
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
            Text(
                f"The setting {name}{given} cannot be used: {wrong.said.en}.",
                f"設定 {name}{given} 不能用：{wrong.said.zh}。",
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
        why = Text(f"{shown} is not to be set: {owned.why.en}.", f"不能設定 {shown}：{owned.why.zh}。")
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
