"""`model_info.json`: the trained commit of a version."""

from __future__ import annotations

from pydantic import Field

from .record import Number, Part, Record
from .task import Prompt


class BaseVersion(Part):
    """The version whose merged model was the base, and the files of its own model by their hashes."""

    task: str = ""
    version: str = ""
    files: dict[str, str] = Field(default_factory=dict)


class BaseModelInfo(Part):
    """The base model: what it is called in the plan, where it stood, the hash of its content and of each file.
    `version` names the one it was merged from, where it is no base model of elsewhere; `file_hash` is the SHA-256 of the
    GGUF file it was made of, where it was made of one."""

    name: str = ""
    path: str = ""
    hash: str | None = None
    files: dict[str, str] = Field(default_factory=dict)
    file_hash: str | None = None
    version: BaseVersion | None = None


class ParameterCount(Part):
    """Weights that were trained, and all of them."""

    trainable: int | None = None
    total: int | None = None


class TrainingFigures(Part):
    """What the training came to: steps, epochs, seconds of all its runs, tokens that are not padding, and the step whose
    model was kept; beside them the measures that its method takes."""

    steps: int | None = None
    epochs: Number | None = None
    seconds: Number | None = None
    tokens: int | None = None
    tokens_per_second: Number | None = None
    best_step: int | None = None
    train_loss: Number | None = None
    valid_loss: Number | None = None
    valid_exact: Number | None = None
    valid_recall: Number | None = None
    preference_loss: Number | None = None
    valid_preference_loss: Number | None = None
    valid_accuracy: Number | None = None
    rewards_chosen: Number | None = None
    rewards_rejected: Number | None = None
    first_reward: Number | None = None
    reward: Number | None = None
    valid_reward: Number | None = None
    valid_reward_before: Number | None = None
    groups_alike: Number | None = None
    completion_length: Number | None = None


class FittedRows(Part):
    """Rows longer than `max_length` tokens: ids of those left out and of those cut, and how many they are."""

    choice: str | None = None
    max_length: int = 0
    left_out: list[str] = Field(default_factory=list)
    left_out_count: int = 0
    cut: list[str] = Field(default_factory=list)
    cut_count: int = 0


class LabelAudit(Part):
    """What the label audit read: rows, tokens, those trained on, the longest row's, each distinct text that is trained on
    with the number of its rows, and the ids of rows in which control tokens were read as plain letters."""

    rows: int = 0
    tokens: int | None = None
    trained_tokens: int | None = None
    longest: int | None = None
    trained_texts: dict[str, int] = Field(default_factory=dict)
    problems: int = 0
    neutralised: list[str] = Field(default_factory=list)
    long_rows: FittedRows | None = None


class ModelInfo(Record):
    """The content of `model_info.json`. One of `adapter` and `model` is a path below the task; `files` are the hashes of
    what stands there."""

    created: str | None = None
    base_model: BaseModelInfo = Field(default_factory=BaseModelInfo)
    method: str | None = None
    adapter: str | None = None
    model: str | None = None
    files: dict[str, str] = Field(default_factory=dict)
    parameters: ParameterCount = Field(default_factory=ParameterCount)
    training: TrainingFigures = Field(default_factory=TrainingFigures)
    label_audit: LabelAudit = Field(default_factory=LabelAudit)
    prompt: Prompt | None = None
    labels: list[str] = Field(default_factory=list)
    job: str | None = None

    @property
    def place(self) -> str:
        """The path of the trained model below the task."""
        return str(self.adapter or self.model)
