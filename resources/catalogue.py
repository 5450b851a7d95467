"""What base models and GPUs there are: `base_models.yaml` and `gpus.yaml` beside the knowledge pages, which a person
can edit. A figure that nobody could source is left out of the files, never guessed.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .foundation.errors import KnowledgeError
from .foundation.files import read_yaml
from .foundation.language import Text
from .knowledge import SKILLS
from .task import describe_validation, field_of

BASE_MODELS_FILE = SKILLS / "llm-knowledge" / "base_models.yaml"
GPUS_FILE = SKILLS / "llm-knowledge" / "gpus.yaml"
_Kind = TypeVar("_Kind", bound=BaseModel)


class _Entry(BaseModel):
    """Read once, never changed; an unknown field is a typing mistake and is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Note(_Entry):
    """A sentence for people, in both languages."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)

    def text(self) -> Text:
        return Text(self.en, self.zh)


class Figure(_Entry):
    """A number (`value`) or a range (`low` to `high`), with where it comes from and when that was read."""

    value: float | None = Field(default=None, ge=0)
    low: float | None = Field(default=None, ge=0)
    high: float | None = Field(default=None, ge=0)
    source: str = Field(min_length=1)
    date: str = Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])(-\d\d)?$")

    @model_validator(mode="after")
    def _number_or_range(self) -> Self:
        single = self.value is not None and self.low is None and self.high is None
        ranged = self.value is None and self.low is not None and self.high is not None and self.low <= self.high
        if not (single or ranged):
            raise ValueError("give either value, or low and high with low not above high")
        return self

    @property
    def range(self) -> tuple[float, float]:
        """(low, high); the same number twice where it is a single value."""
        if self.value is not None:
            return self.value, self.value
        return self.low or 0.0, self.high or 0.0


class Memory(_Entry):
    """Least GPU memory in GB by use, at batch 1 and short rows; left out where nothing sound was found."""

    lora_bf16: Figure | None = None
    qlora: Figure | None = None
    inference_q4: Figure | None = None


class BaseModelEntry(_Entry):
    """A base model on the Hugging Face Hub.

    Arguments:
        id: its name on the hub.
        parameters: weights in billions, as its card counts them.
        active_parameters: billions used for each token, for a mixture of experts.
        context: longest input in tokens, without tricks that stretch it.
        licence: as found; None: read the card.
        chinese: how well it speaks Chinese, as far as it is known.
        template: what to know about its chat template.
        architecture: the name in its config.json.
        gguf: whether llama.cpp's converter knows the architecture.
        ollama: `direct` takes safetensors itself, `gguf` needs a GGUF file.
        training: `seen` trained here on a model of this shape, `expected` loads but was not trained here, `refused`
            the training of this version cannot load it.
        source: page of the facts; date: when it was read.
    """

    id: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    family: str
    parameters: float = Field(gt=0)
    active_parameters: float | None = Field(default=None, gt=0)
    context: int | None = Field(default=None, gt=0)
    licence: str | None = None
    chinese: Note
    template: Note
    memory_gb: Memory = Memory()
    architecture: str
    gguf: bool | None = None
    ollama: Literal["direct", "gguf"] | None = None
    training: Literal["seen", "expected", "refused"]
    note: Note | None = None
    source: str = Field(pattern=r"^https://")
    date: str = Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")


class Gpu(_Entry):
    """A graphics card or chip.

    Arguments:
        name: as people say it; aliases: whole words of what the driver calls it, lower case.
        memory_gb: None where it depends on the machine (unified memory).
        bf16_tflops: peak of dense matrix products in bf16, which training reaches a quarter of.
        fp16_tflops: the same in fp16, for a card without bf16.
        usd_per_hour: rent for one card, on demand; None where none is rented by the hour or none was found.
        usd_per_hour_spot: the same where it may be taken away at any time; never mixed with the former.
    """

    name: str
    aliases: list[str] = Field(min_length=1)
    memory_gb: float | None = Field(default=None, gt=0)
    bf16_tflops: Figure | None = None
    fp16_tflops: Figure | None = None
    usd_per_hour: Figure | None = None
    usd_per_hour_spot: Figure | None = None
    note: Note | None = None


class _BaseModels(_Entry):
    models: list[BaseModelEntry]


class _Gpus(_Entry):
    gpus: list[Gpu]


@cache
def base_models() -> list[BaseModelEntry]:
    """The base models of `base_models.yaml`, in its order.

    Raises:
        KnowledgeError: the file is not YAML or a field is wrong.
    """
    return _read(_BaseModels, BASE_MODELS_FILE).models


@cache
def gpus() -> list[Gpu]:
    """The GPUs of `gpus.yaml`, in its order.

    Raises:
        KnowledgeError: the file is not YAML or a field is wrong.
    """
    return _read(_Gpus, GPUS_FILE).gpus


def gpu_of(device: str, memory_gb: float) -> Gpu | None:
    """The GPU that a driver calls `device` (such as `NVIDIA A100-SXM4-80GB`), of cards that share a name the one
    nearest in memory; None where the file has none of that name."""
    called = device.lower()
    same = [
        gpu for gpu in gpus() if any(re.search(rf"(?<!\w){re.escape(alias)}(?!\w)", called) for alias in gpu.aliases)
    ]
    return min(same, key=lambda gpu: abs((gpu.memory_gb or memory_gb) - memory_gb), default=None)


def _read(kind: type[_Kind], path: Path) -> _Kind:
    try:
        return kind.model_validate(read_yaml(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise KnowledgeError(
            Text(f"{path} cannot be read as YAML: {error}", f"{path} 不是有效的 YAML：{error}"),
            Text("Fix the line it names and try again.", "請修正所指的那一行再試一次。"),
            field=path.name,
        ) from error
    except ValidationError as error:
        raise KnowledgeError(*describe_validation(error, path), field=field_of(error)) from error
