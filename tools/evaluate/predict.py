"""Ask a model the rows: greedily, in batches of like length, each answer independent of the batch it stood in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...resources.files import append_jsonl, dump_jsonl, read_jsonl, write_atomic
from ...resources.task import Prompt
from ..data.prompting import chat_messages, gold_of, read_answer
from .model import LoadedModel

BATCH_ROWS = 64
_BATCH_TOKENS = 16_384
_FREE_TOKENS = 12  # beyond the longest label: room to be wrong in, short enough to stay quick


@dataclass(frozen=True)
class Prediction:
    """One answer: `raw` as the model gave it, `label` as it was read (None: it is no label).

    `ended` tells whether the model ended it by itself, or was stopped for writing on.
    """

    id: str
    gold: str
    raw: str
    label: str | None
    ended: bool = True

    @property
    def correct(self) -> bool:
        return self.label == self.gold


def predict(
    loaded: LoadedModel,
    rows: Sequence[Mapping[str, Any]],
    prompt: Prompt,
    labels: Sequence[str],
    constrained: bool = False,
    *,
    batch_rows: int = BATCH_ROWS,
    kept: Path | None = None,
    report: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Prediction]:
    """The model's answer to every row, in the order of `rows`.

    Arguments:
        constrained: let the model write only labels (a trie of their tokens, each ended by the end of turn).
        batch_rows: rows asked at once at most.
        kept: a file answers are appended to batch by batch; a run that was killed carries on from it.
        report: called with rows done and rows in all; may raise to stop.
    """
    if not rows:
        return []
    prompts = prompt_ids(loaded, [chat_messages(row, prompt, labels) for row in rows])
    written = label_tokens(loaded, chat_messages(rows[0], prompt, labels), labels)
    longest = max(map(len, written))
    batches = _batches([len(ids) + longest for ids in prompts], batch_rows)
    answers = _answers_kept(kept, rows, batches)
    report(len(answers), len(rows))
    for batch in batches:
        if batch[0] in answers:
            continue
        raw = _generate(loaded, [prompts[number] for number in batch],
                        longest if constrained else longest + _FREE_TOKENS, written if constrained else None)
        for number, (text, ended) in zip(batch, raw, strict=True):
            answers[number] = (text, ended)
            if kept is not None:
                append_jsonl(kept, {"id": rows[number]["id"], "raw": text, "ended": ended})
        report(len(answers), len(rows))
    return [_read(row, *answers[number], labels) for number, row in enumerate(rows)]


def label_tokens(loaded: LoadedModel, messages: list[dict[str, str]], labels: Sequence[str]) -> list[list[int]]:
    """The tokens the model was trained to write for each label, end of turn included, as its chat template has them."""
    [asked] = prompt_ids(loaded, [messages])
    found = []
    for label in labels:
        answered = [*messages, {"role": "assistant", "content": label}]
        told = loaded.tokenizer.apply_chat_template(answered, tokenize=False)
        whole = loaded.tokenizer(told, add_special_tokens=False)["input_ids"]
        answer = whole[len(asked):] if whole[:len(asked)] == asked else (
            loaded.tokenizer(label, add_special_tokens=False)["input_ids"])
        end = next((at for at, token in enumerate(answer) if token in loaded.end_ids), len(answer))
        found.append([*answer[:end], answer[end] if end < len(answer) else loaded.end_ids[0]])
    return found


def _read(row: Mapping[str, Any], raw: str, ended: bool, labels: Sequence[str]) -> Prediction:
    # An answer that was cut off would have gone on: it is not the label, even where it looks like one so far.
    return Prediction(str(row["id"]), gold_of(row), raw, read_answer(row, raw, labels) if ended else None, ended)


def prompt_ids(loaded: LoadedModel, conversations: list[list[dict[str, str]]]) -> list[list[int]]:
    """The tokens each conversation is asked with, as the model's chat template writes them."""
    told = loaded.tokenizer.apply_chat_template(conversations, add_generation_prompt=True, tokenize=False)
    ids: list[list[int]] = loaded.tokenizer(told, add_special_tokens=False)["input_ids"]
    return ids


def _batches(lengths: list[int], batch_rows: int) -> list[list[int]]:
    """Row numbers in batches of like length, the longest first, so that memory is at its most at the start."""
    ordered = sorted(range(len(lengths)), key=lambda number: (-lengths[number], number))
    batches: list[list[int]] = []
    while ordered:
        size = max(1, min(batch_rows, _BATCH_TOKENS // lengths[ordered[0]]))
        batches.append(ordered[:size])
        ordered = ordered[size:]
    return batches


def _answers_kept(
    kept: Path | None, rows: Sequence[Mapping[str, Any]], batches: list[list[int]]
) -> dict[int, tuple[str, bool]]:
    """The answers of whole batches that an earlier run left; the file is put in order for more to be appended."""
    if kept is None or not kept.is_file():
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
        return {}
    found = {entry["id"]: entry for entry in read_jsonl(kept)}
    whole = [number for batch in batches if all(rows[n]["id"] in found for n in batch) for number in batch]
    write_atomic(kept, dump_jsonl(found[rows[number]["id"]] for number in whole))
    return {number: (found[rows[number]["id"]]["raw"], found[rows[number]["id"]]["ended"]) for number in whole}


def _generate(
    loaded: LoadedModel, prompts: list[list[int]], limit: int, written: list[list[int]] | None
) -> list[tuple[str, bool]]:
    """For each prompt the text of at most `limit` new tokens, and whether the model ended it by itself."""
    import torch

    width = max(map(len, prompts))
    device = next(loaded.model.parameters()).device
    ids = torch.tensor([[loaded.pad_id] * (width - len(one)) + one for one in prompts], device=device)
    mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in prompts], device=device)
    with torch.inference_mode():
        produced = loaded.model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=limit, do_sample=False, temperature=None, top_p=None,
            top_k=None, eos_token_id=list(loaded.end_ids), pad_token_id=loaded.pad_id,
            prefix_allowed_tokens_fn=_only(written, width, loaded.end_ids[0]) if written else None,
        )
    answers = []
    for tokens in produced[:, width:].tolist():
        end = next((at for at, token in enumerate(tokens) if token in loaded.end_ids), None)
        answers.append((loaded.tokenizer.decode(tokens[:end], skip_special_tokens=True), end is not None))
    return answers


def _only(written: list[list[int]], width: int, end: int) -> Callable[[int, Any], list[int]]:
    """What may follow what was written so far, from a trie of the labels' tokens; after an end only the end."""
    follows: dict[tuple[int, ...], list[int]] = {}
    for tokens in written:
        for at, token in enumerate(tokens):
            following = follows.setdefault(tuple(tokens[:at]), [])
            if token not in following:
                following.append(token)

    def allowed(_row: int, ids: Any) -> list[int]:
        return follows.get(tuple(ids[width:].tolist()), [end])

    return allowed
