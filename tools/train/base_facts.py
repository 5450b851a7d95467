"""What a base model's files say about it, read without any training library."""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from ...resources.catalogue import base_models
from ...resources.foundation.errors import TrainingError
from ...resources.foundation.files import read_json
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ..compute.environments.fingerprint import model_hash

_IN_NAME = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s?([BM])(?![\w])", re.IGNORECASE)
_HEADER_LIMIT = 100_000_000  # bytes; the format's own limit
# (parameters, layers, hidden width) of dense models as they are built today: the Qwen3 family's config.json files.
_USUAL_SHAPES = (
    (0.6e9, 28, 1024),
    (1.7e9, 28, 2048),
    (4e9, 36, 2560),
    (8e9, 36, 4096),
    (14e9, 40, 5120),
    (32e9, 64, 5120),
)
_LARGEST_TIED = 6e9
_USUAL_VOCABULARY = 151_936
# A block's linear layers have about 18.5 times the hidden width of inputs and outputs in all (grouped attention and a
# gated feed-forward three times as wide).
_LINEAR_WIDTHS = 18.5


class Shape(Protocol):
    """What an estimate needs to know of a base model."""

    @property
    def parameters(self) -> int: ...
    @property
    def active_parameters(self) -> int: ...
    @property
    def layers(self) -> int: ...
    @property
    def hidden(self) -> int: ...
    @property
    def vocabulary(self) -> int: ...
    @property
    def tied(self) -> bool: ...
    def lora_parameters(self, rank: int) -> int: ...


@dataclass(frozen=True)
class Outline:
    """A base model that is not on this machine yet, by its size alone; the rest as models of that size are built."""

    parameters: int
    active_parameters: int

    @property
    def layers(self) -> int:
        return self._nearest[1]

    @property
    def hidden(self) -> int:
        return self._nearest[2]

    @property
    def vocabulary(self) -> int:
        return _USUAL_VOCABULARY

    @property
    def tied(self) -> bool:
        """Whether input and output share one table of the vocabulary: of the usual families up to 4B do."""
        return self.parameters < _LARGEST_TIED

    @property
    def _nearest(self) -> tuple[float, int, int]:
        return min(_USUAL_SHAPES, key=lambda shape: abs(math.log(shape[0] / self.parameters)))

    def lora_parameters(self, rank: int) -> int:
        return round(rank * self.layers * _LINEAR_WIDTHS * self.hidden)


@dataclass(frozen=True)
class BaseModel:
    """A base model's folder: its `config.json`, and the shapes in the headers of its safetensors files."""

    folder: Path
    config: JsonObject  # as the model's makers wrote it
    shapes: dict[str, tuple[int, ...]]

    @property
    def parameters(self) -> int:
        """Weights in all; from the files' size where they carry no readable header."""
        if self.shapes:
            return sum(_size(shape) for shape in self.shapes.values())
        return sum(file.stat().st_size for file in self.folder.glob("*.bin")) // 2

    @property
    def active_parameters(self) -> int:
        return self.parameters

    @property
    def vocabulary(self) -> int:
        return int(self._text_config.get("vocab_size") or 0)

    @property
    def tied(self) -> bool:
        """Whether the output head is the table of the input, as the settings say; where they do not, by whether there
        are weights for it."""
        said = self._text_config.get("tie_word_embeddings", self.config.get("tie_word_embeddings"))
        return bool(said) if said is not None else not any(name.endswith("lm_head.weight") for name in self.shapes)

    @property
    def context(self) -> int | None:
        """Longest input in tokens."""
        return self._text_config.get("max_position_embeddings")

    @property
    def layers(self) -> int:
        return int(self._text_config.get("num_hidden_layers") or 1)

    @property
    def hidden(self) -> int:
        return int(self._text_config.get("hidden_size") or 1)

    @property
    def _text_config(self) -> JsonObject:
        return self.config.get("text_config") or self.config

    def lora_parameters(self, rank: int) -> int:
        """How many weights LoRA beside every linear layer adds: `rank · (inputs + outputs)` for each."""
        linear = (
            shape
            for name, shape in self.shapes.items()
            if len(shape) == 2 and "embed" not in name and "lm_head" not in name
        )
        return sum(rank * sum(shape) for shape in linear)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the hashes of the files that make the model, a hub cache taken at its word: for estimates."""
        return model_hash(self.folder, "named")

    @cached_property
    def content_hash(self) -> str:
        """The same, of what the files hold."""
        return model_hash(self.folder)


def read_base_model(folder: Path) -> BaseModel:
    """Look at a model folder.

    Raises:
        TrainingError: it holds no causal language model.
    """
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError) as error:
        raise _not_a_model(folder, Text("it has no readable config.json", "裡面沒有可讀的 config.json")) from error
    architectures = config.get("architectures") or []
    if architectures and not any(re.search("CausalLM|LMHead|ConditionalGeneration", name) for name in architectures):
        named = ", ".join(architectures)
        raise _not_a_model(folder, Text(f"its architecture is {named}", f"它的架構是 {named}"))
    shapes: dict[str, tuple[int, ...]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        shapes |= _header(file)
    if not shapes and not any(folder.glob("*.bin")):
        raise _not_a_model(folder, Text("it holds no weights", "裡面沒有權重檔"))
    return BaseModel(folder, config, shapes)


def outline(name: str) -> Outline | None:
    """What the catalogue, else the name itself, says of a base model that is not at hand; None where neither does."""
    for entry in base_models():
        if entry.id.lower() == name.lower():
            return Outline(round(entry.parameters * 1e9), round((entry.active_parameters or entry.parameters) * 1e9))
    parameters = parameters_in_name(name)
    return Outline(parameters, parameters) if parameters else None


def parameters_in_name(name: str) -> int | None:
    """`Qwen/Qwen3-4B` → 4,000,000,000; None where the name does not say."""
    found = _IN_NAME.search(re.sub(r"[-_/]", " ", name))
    return int(float(found[1]) * (1e9 if found[2].upper() == "B" else 1e6)) if found else None


def _header(file: Path) -> dict[str, tuple[int, ...]]:
    """The tensors' shapes from a safetensors file's JSON header (its length stands in the first 8 bytes)."""
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            if length > _HEADER_LIMIT:
                raise ValueError("header too long")
            header = json.loads(opened.read(length))
        return {name: tuple(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__"}
    except (struct.error, ValueError, KeyError) as error:
        raise _not_a_model(file.parent, Text(f"{file.name} is damaged", f"{file.name} 已損壞")) from error


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _not_a_model(folder: Path, why: Text) -> TrainingError:
    return TrainingError(
        Text("{folder} contains no causal language model: {why}.", "{folder} 不是因果語言模型：{why}。").format(
            folder=folder, why=why
        ),
        Text(
            "Name a folder or hub id of a text-generating model, such as Qwen/Qwen3-4B.",
            "請指定能生成文字的模型資料夾或 hub 名稱，例如 Qwen/Qwen3-4B。",
        ),
        field="base_model",
    )
