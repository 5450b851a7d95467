"""A task: what it is for (`task.yaml`) and where its parts stand (`TaskFolder`)."""

from __future__ import annotations

import contextlib
import re
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from .foundation.errors import TaskError
from .foundation.files import dump_yaml, lock, parse_yaml, read_yaml, sha256_bytes, write_atomic
from .foundation.kind_folder import names_below
from .foundation.kinds import added_names, registry
from .foundation.language import Language, Text, as_language
from .foundation.secrets import redact
from .foundation.unknown_fields import unknown_fields
from .foundation.wording import misfit_of, one_of, written_as

if TYPE_CHECKING:
    from .deployment import Deployment

_TYPES = Path(__file__).parents[1] / "tools" / "data" / "types"
TASK_TYPES = tuple(name.replace("_", "-") for name in names_below(_TYPES))  # ours, one file each


def task_types() -> list[str]:
    """Our types of task and those that installed packages and files of the workspace add; nothing of these is loaded."""
    return sorted({*TASK_TYPES, *added_names("types")})


def usual_metric(type: str) -> str:
    """What a goal of a type of task is measured in where the person names no metric."""
    return str(registry("types").describe(type, "type").usual_metric)


def _known_type(value: str) -> str:
    if value not in TASK_TYPES and value not in (known := task_types()):
        raise ValueError(one_of(value, known))
    return value


TaskType = Annotated[str, AfterValidator(_known_type)]
State = Literal["created", "configuring", "training", "evaluating", "deployed", "archived"]
STATES: tuple[State, ...] = ("created", "configuring", "training", "evaluating", "deployed", "archived")
Privacy = Literal["open", "on-premise"]


class _Open(BaseModel):
    """Validated on load, unknown fields kept."""

    model_config = ConfigDict(extra="allow", validate_assignment=True)


class SuccessCriteria(_Open):
    """When the person calls it a success: `metric` (by default that of the task's type) at or above `threshold`;
    `baseline` is what they have today."""

    metric: str | None = None
    threshold: float | None = Field(default=None, ge=0, le=1)
    baseline: float | None = Field(default=None, ge=0, le=1)


class _InWords(_Open):
    """What people say; a bare number is as good an answer as a sentence."""

    model_config = ConfigDict(coerce_numbers_to_str=True)


class Constraints(_InWords):
    """What bounds the work. `privacy: on-premise` keeps row text out of every tool result."""

    hardware: str | None = None
    budget: str | None = None
    privacy: Privacy = "open"
    latency_ms: float | None = Field(default=None, gt=0)
    deadline: str | None = None
    deployment: str | None = None


class Budget(_Open):
    """What may be spent on this task, in figures: nothing that costs starts beyond it, and what passes it is stopped.
    None: no limit, but still nothing starts before the person has agreed to its price."""

    per_task: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    per_job: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    currency: Annotated[str | None, written_as("[A-Z]{3}", Text("USD or TWD", "USD 或 TWD"))] = (
        None  # US dollars where it is not said
    )

    @property
    def money(self) -> str:
        return self.currency or "USD"


class Resources(_InWords):
    """What there is to learn from, as the person says it: how many rows, where, whether new ones keep coming, how
    even the labels are. Once the data is prepared, its own figures count."""

    rows: str | None = None
    source: str | None = None
    renewal: str | None = None
    balance: str | None = None


class Versioning(_InWords):
    """How many versions they mean to try, and which ones to keep."""

    iterations: str | None = None
    retention: str | None = None


class Decision(_Open):
    """One choice and why it was made."""

    what: str
    why: str = ""
    date: str | None = None


class Prompt(_Open):
    """How a row becomes the model's chat; `{text}`, `{entity}` and `{labels}` are filled in."""

    system: str
    user: str


class Task(_Open):
    """The content of `task.yaml`."""

    format: int = 1
    name: str
    title: str = ""
    type: TaskType = "classification"
    language: Language = "en"
    goal: str | None = None
    pain_point: str | None = None
    current_method: str | None = None
    impact: str | None = None
    affected: str | None = None
    example: str | None = None
    labels: list[str] = Field(default_factory=list)
    prompt: Prompt | None = None
    success_criteria: SuccessCriteria = Field(default_factory=SuccessCriteria)
    constraints: Constraints = Field(default_factory=Constraints)
    budget: Budget = Field(default_factory=Budget)
    resources: Resources = Field(default_factory=Resources)
    versioning: Versioning = Field(default_factory=Versioning)
    decisions: list[Decision] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    constrained_decoding: bool = False
    archived: str | None = None
    cloned_from: dict[str, Any] | None = None
    created: str | None = None

    @property
    def metric(self) -> str:
        """What the goal is measured in."""
        return self.success_criteria.metric or usual_metric(self.type)


_REVISIONS_REMEMBERED = 500
VERSION_NAME = re.compile(r"v([1-9][0-9]*)")
MODEL_INFO = "model_info.json"  # what a training commits last: a version that has it is trained
_LANGUAGE = re.compile(r"""(?m)^language:\s*["']?([\w-]+)""")
_told: OrderedDict[str, bytes] = OrderedDict()  # revision → the `task.yaml` it names


def _remember(revision: str, content: bytes) -> None:
    _told[revision] = content
    if len(_told) > _REVISIONS_REMEMBERED:
        _told.popitem(last=False)


class TaskFolder:
    """Where each part of a task stands. Holds paths, never content."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root).resolve()
        self.name = self.root.name
        self.file = self.root / "task.yaml"
        self.data_source_file = self.root / "data_source.yaml"
        self.data = self.root / "data"
        self.raw = self.data / "raw"
        self.snapshots = self.data / "snapshots"
        self.versions = self.root / "versions"
        self.scripts = self.root / "scripts"
        self.configs = self.root / "configs"
        self.models = self.root / "models"
        self.benchmarks = self.root / "benchmarks"
        self.docs = self.root / "docs"
        self.jobs = self.root / "jobs"
        self.spending_file = self.root / "spending.jsonl"
        self.cache = self.root / ".cache"
        self.deployments = self.root / "deployments"

    def load(self) -> Task:
        """The validated `task.yaml`.

        Raises:
            TaskError: the file is missing, not YAML, of a newer format, or a field is wrong.
        """
        return parse_task(self._read(), self.file)

    def _read(self) -> Any:
        try:
            return read_yaml(self.file)
        except FileNotFoundError as error:
            raise TaskError(
                Text(f"{self.root} is not a task: it has no task.yaml.", f"{self.root} 不是任務：裡面沒有 task.yaml。"),
                Text(
                    "Create one with create_task, or name another folder.", "請用 create_task 建立，或指定別的資料夾。"
                ),
                field="task",
            ) from error
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            raise TaskError(
                Text(f"{self.file} cannot be read as YAML: {error}", f"{self.file} 不是有效的 YAML：{error}"),
                Text(
                    "Fix the line it names; the rest of the task is untouched.",
                    "請修正所指的那一行；任務的其他部分不受影響。",
                ),
                field="task.yaml",
            ) from error

    def language(self) -> Language | None:
        """The language that `task.yaml` names, even where something else in it is wrong."""
        try:
            found = _LANGUAGE.search(self.file.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return None
        return as_language(found[1]) if found else "en"

    def schema(self, name: str) -> Path:
        """The task's own copy of the JSON Schema of a file that people write."""
        return self.root / ".schemas" / f"{name}.json"

    def title(self) -> str:
        try:
            return self.load().title
        except TaskError:
            return ""

    def revision(self) -> str:
        """A short hash of `task.yaml`, by which a client says which state it read; see `seen_at`."""
        content = self.file.read_bytes()
        revision = sha256_bytes(content)[:12]
        _remember(revision, content)
        return revision

    def seen_at(self, revision: str) -> Task | None:
        """The task as it was when this process told somebody that revision; None where it did not, or long ago."""
        content = _told.get(revision)
        return parse_task(parse_yaml(content.decode("utf-8")), self.file) if content is not None else None

    def save(self, task: Task) -> str:
        """Write `task.yaml` atomically; groups that say nothing are left out. Returns its revision."""
        fields = task.model_dump(mode="json", exclude_none=True)
        from .schemas import schema_line  # what is written, a server that starts has no need of

        text = dump_yaml({field: value for field, value in fields.items() if value != {}})
        content = (schema_line(self.file, self.schema("task")) + text).encode("utf-8")
        write_atomic(self.file, content)
        revision = sha256_bytes(content)[:12]
        _remember(revision, content)
        return revision

    @contextlib.contextmanager
    def change(self) -> Iterator[Task]:
        """Load the task under its lock, let the block change it, and save it."""
        with lock(self.file):
            task = self.load()
            yield task
            self.save(task)

    def state(self) -> State:
        """Derived from what the folder holds: created → configuring → training → evaluating → deployed → archived."""
        if self.load().archived:
            return "archived"
        if (self.deployments / "current.json").is_file():
            return "deployed"
        versions = [entry for entry in self.versions.glob("v*") if VERSION_NAME.fullmatch(entry.name)]
        if any((entry / MODEL_INFO).is_file() for entry in versions):
            return "evaluating"
        if versions:
            return "training"
        if (self.data / "current.json").is_file() or any(self.configs.glob("*.yaml")) or self._names_a_source():
            return "configuring"
        return "created"

    def _names_a_source(self) -> bool:
        try:
            content = read_yaml(self.data_source_file)
        except FileNotFoundError:
            return False
        except (UnicodeDecodeError, yaml.YAMLError):  # somebody is at work on it
            return True
        return bool(isinstance(content, dict) and content.get("sources"))

    def current_deployment(self) -> Deployment | None:
        """What stands now."""
        from .deployment import Deployment  # loaded when one is read

        path = self.deployments / "current.json"
        return Deployment.read(path) if path.is_file() else None

    def deployed_version(self) -> str | None:
        """The name of the version that is deployed."""
        deployment = self.current_deployment()
        return deployment.version or None if deployment else None


def parse_task(content: Any, path: Path) -> Task:
    """Validate the content of a `task.yaml`.

    Raises:
        TaskError: names the first wrong field and what it may be.
    """
    if not isinstance(content, dict):
        raise TaskError(
            Text(f"{path} holds no fields.", f"{path} 沒有任何欄位。"),
            Text("It needs at least name: and type:.", "至少要有 name: 與 type:。"),
            field="task.yaml",
        )
    if content.get("format", 1) != 1:
        raise TaskError(
            Text(
                f"{path} has format {content['format']}; this version reads format 1.",
                f"{path} 的格式是 {content['format']}，這個版本只讀格式 1。",
            ),
            Text("Install a newer nlp-skills.", "請安裝較新的 nlp-skills。"),
            field="format",
        )
    for unknown in unknown_fields(Task, content):
        if unknown.near:
            raise TaskError(unknown.problem(path.name), unknown.fix(), field=unknown.field)
    try:
        return Task.model_validate({"name": path.parent.name, **content})
    except ValidationError as error:
        raise TaskError(*describe_validation(error, path), field=field_of(error)) from error


def field_of(error: ValidationError) -> str:
    """The first wrong field in the form `success_criteria.threshold` or `sources[0].query`."""
    return misfit_of(error).field


def _format_value(value: Any) -> str:
    plain = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else "null" if value is None else None
    return plain or repr(redact(str(value))[:60])


def describe_validation(error: ValidationError, path: Path) -> tuple[Text, Text]:
    """What a pydantic error means to the person who wrote the file, and what to do."""
    field, said, given, missing, _ = misfit_of(error)
    value = "" if missing else f" ({_format_value(given)})"
    return (
        Text("{path}: {field}{value}: {said}.", "{path} 的 {field}{value}：{said}。").format(
            path=path.name, field=field, value=value, said=said
        ),
        Text(f"Correct that field in {path} and try again.", f"請修正 {path} 的這個欄位後再試一次。"),
    )
