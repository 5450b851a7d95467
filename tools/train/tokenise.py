"""Rows as the trainer eats them: token ids and which of them are trained. Kept by hash, so a run never repeats it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...resources.foundation.errors import TrainingError
from ...resources.foundation.files import commit_folder, read_jsonl, sha256_bytes, sha256_file, write_json
from ...resources.foundation.language import Text
from ..compute.jobs.redaction import without_secrets
from ..data.chat_template import settle_template
from ..data.control_tokens import found_in, plain_messages, tokens_of
from ..data.rows import Row
from ..data.task_kind import Message

MASKED = -100
_FORM = 3  # counts up when what is stored changes, so that an older cache is not taken for it
_DECISIVE_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "config.json",
    "generation_config.json",
)
_ANSWERS = ("completion", "chosen", "rejected")


@dataclass(frozen=True)
class TokenisedRow:
    """One row: its text's ids until the answer's end of turn, of which those from `start` on are trained.

    `context` is how many ids the same prompt has when the deployed model is asked; it differs from `start` where the
    template writes the prompt in another way once an answer follows. `control` are the control tokens that stand in the
    row's own texts, which were read as plain letters.
    """

    id: str
    answer: str
    input_ids: list[int]
    start: int
    context: int
    control: list[str] = field(default_factory=list)

    @property
    def trained(self) -> list[int]:
        return self.input_ids[self.start :]

    @property
    def labels(self) -> list[int]:
        return [MASKED] * self.start + self.trained


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a model folder, with the chat template it will be trained, evaluated and served with.

    See `settled`; the tokenizer saved with the version keeps that.

    Raises:
        TrainingError: it has no chat template.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.chat_template:
        raise without_template(str(folder))
    if isinstance(tokenizer.chat_template, str):
        tokenizer.chat_template = settle_template(tokenizer.chat_template)
    return tokenizer


def without_template(name: str) -> TrainingError:
    """Why a model that no chat template belongs to is not trained."""
    return TrainingError(
        Text(
            f"{name} has no chat template: it is a raw base model, and it defines no format for a question.",
            f"{name} 沒有對話模板（chat template）：它是未經對話訓練的原始模型，不知道該用什麼格式提問。",
        ),
        Text(
            "Choose its chat (instruct, -it) variant with plan_training(settings={'base_model': …}); or put a "
            "chat_template.jinja of its family into the model's folder and plan again.",
            "請用 plan_training(settings={'base_model': …}) 改選它的對話版（instruct、-it）；"
            "或把同家族的 chat_template.jinja 放進模型資料夾後重新規劃。",
        ),
        field="base_model",
    )


def end_ids_of(folder: Path, tokenizer: Any) -> set[int]:
    """The ids generation stops at, as the model's own generation settings say."""
    from transformers import AutoConfig, GenerationConfig

    if (folder / "generation_config.json").is_file():
        ids = GenerationConfig.from_pretrained(folder).eos_token_id
    else:
        ids = GenerationConfig.from_model_config(AutoConfig.from_pretrained(folder)).eos_token_id
    if ids is None:
        ids = tokenizer.eos_token_id
    return set(ids) if isinstance(ids, list) else {ids} if ids is not None else set()


def tokenise(rows: Sequence[Row], tokenizer: Any, end_ids: set[int]) -> list[TokenisedRow]:
    """The ids of each rendered row `{id, prompt, completion}`, as TRL makes them: the answer is what follows the
    longest beginning that prompt and prompt with answer share. A pair `{id, prompt, chosen, rejected}` gives two rows,
    the chosen answer's first.

    What a template writes after the end of turn (a line break, mostly) is left out: generation never gets there, and
    a base model that never saw it there spends its first, largest steps on it (measured: a small one then never
    learned the labels).

    Control tokens in a row's own texts never become any: they are broken up first (see `control_tokens`).
    """
    if not rows:
        return []
    tokens = tokens_of(tokenizer)
    answered = [
        (
            {**row, "prompt": plain_messages(row["prompt"], tokens)},
            plain_messages(row[name], tokens),
            found_in(_texts_of([*row["prompt"], *row[name]]), tokens),
        )
        for row in rows
        for name in _ANSWERS
        if name in row
    ]
    prompts = [
        _apply_template(tokenizer, row["prompt"], row["id"], add_generation_prompt=True) for row, _, _ in answered
    ]
    whole = [_apply_template(tokenizer, row["prompt"] + answer, row["id"]) for row, answer, _ in answered]
    prompt_ids = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    whole_ids = tokenizer(whole, add_special_tokens=False)["input_ids"]
    return [
        TokenisedRow(row["id"], answer[-1]["content"], _until_end(ids, start, end_ids), start, len(prompt), control)
        for (row, answer, control), prompt, ids in zip(answered, prompt_ids, whole_ids, strict=True)
        for start in [_shared_prefix(prompt, ids)]
    ]


def _apply_template(tokenizer: Any, messages: Sequence[Message], row_id: str, **settings: Any) -> str:
    """The conversation as the chat template writes it.

    Raises:
        TrainingError: the template does not take its roles, or not in that order; says which.
    """
    from jinja2 import TemplateError  # type: ignore[import-untyped, import-not-found, unused-ignore]

    try:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, **settings))
    except TemplateError as error:
        roles = ", ".join(message["role"] for message in messages)
        said = without_secrets(str(error))[:200]
        raise TrainingError(
            Text(
                f"The base model's chat template does not accept row {row_id} (turns: {roles}). It says: {said}",
                f"基礎模型的對話模板不接受資料列 {row_id}（輪次：{roles}）。它的訊息：{said}",
            ),
            Text(
                "Where it accepts no system turn, clear the prompt's system (update_task prompt) and the rows' own; "
                "where it requires user and assistant in turn, correct those rows; or plan with another base model.",
                "如果它不接受 system，請清空提示的 system（update_task prompt）與資料列自己的 system；如果它要求 user 與 assistant 輪流，"
                "請修正這些列；或改用其他基礎模型重新規劃。",
            ),
            field="base_model",
        ) from None


def _texts_of(messages: Sequence[Message]) -> list[str]:
    return [str(message.get("content") or "") for message in messages]


def _until_end(ids: list[int], start: int, end_ids: set[int]) -> list[int]:
    """`ids` to the first end of turn at or after `start`; all of them where there is none."""
    end = next((at for at in range(start, len(ids)) if ids[at] in end_ids), len(ids))
    return ids[: end + 1]


def _shared_prefix(first: list[int], second: list[int]) -> int:
    """How many ids two lists begin with in common."""
    if second[: len(first)] == first:
        return len(first)
    pairs = enumerate(zip([*first, None], [*second, None], strict=False))
    return next(at for at, (one, other) in pairs if one != other)


def tokenise_rows(rendered: Path, tokenizer_folder: Path, cache: Path) -> Path:
    """The folder with the tokenised form of a rendered JSONL file, made on first use.

    Arguments:
        rendered: `train.jsonl` or `valid.jsonl` of `tools.data.convert.rendered`.
        tokenizer_folder: the base model.
        cache: where such folders stand.
    """
    key = _key(rendered, tokenizer_folder)
    folder = _place(key, cache)

    def fill(draft: Path) -> None:
        from datasets import Dataset

        tokenizer = load_tokenizer(tokenizer_folder)
        source = list(read_jsonl(rendered))
        rows = tokenise(source, tokenizer, end_ids_of(tokenizer_folder, tokenizer))
        names = ("id", "answer", "input_ids", "start", "context", "control")
        columns = {name: [getattr(row, name) for row in rows] for name in names}
        Dataset.from_dict(columns).save_to_disk(str(draft / "rows"))
        write_json(draft / "key.json", key)

    commit_folder(folder, fill)
    return folder


def read_tokenised(folder: Path) -> list[TokenisedRow]:
    """The rows of a folder `tokenised` made."""
    from datasets import load_from_disk

    return [TokenisedRow(**row) for row in load_from_disk(str(folder / "rows"))]


def _key(rendered: Path, tokenizer_folder: Path) -> dict[str, str | int]:
    return {"form": _FORM, "rows": sha256_file(rendered), "tokenizer": tokenizer_hash(tokenizer_folder)}


def _place(key: dict[str, str | int], cache: Path) -> Path:
    return cache / sha256_bytes(json.dumps(key, sort_keys=True).encode())[:12]


def tokenizer_hash(folder: Path) -> str:
    """Of the files that decide how text becomes ids, and where an answer ends."""
    found = {name: sha256_file(folder / name) for name in _DECISIVE_FILES if (folder / name).is_file()}
    return sha256_bytes(json.dumps(found, sort_keys=True).encode())
