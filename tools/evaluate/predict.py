"""Ask a model the rows: greedily, in batches of like length, each answer independent of the batch it stood in.

Of pairs it is also asked how likely it holds either answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...resources.foundation.errors import EvaluationError
from ...resources.foundation.files import append_jsonl, dump_jsonl, read_jsonl, write_atomic
from ...resources.foundation.language import Text
from ...resources.task import Prompt
from ..data.control_tokens import plain_messages, tokens_of
from ..data.prompting import answer_of, chat_messages, gold_of, read_answer
from ..data.rows import normalise
from ..data.task_kind import kind_of
from .metric import Answered
from .model import LoadedModel

BATCH_ROWS = 64
_BATCH_TOKENS = 16_384
_FREE_TOKENS = 12  # beyond the longest right answer: room to be wrong in, short enough to stay quick
_UNKNOWN_TOKENS = 400  # where nobody knows how long right answers are
_LOGITS_AT_ONCE = 2**27  # 512 MiB of fp32 logits
_FREE_SHARE = 0.25  # the same where answers are long, as a share of the longest one


@dataclass(frozen=True)
class Prediction:
    """One answer: `raw` as the model gave it, `answer` as it was read (None: it is none of its kind).

    `ended` tells whether the model ended it by itself, or was stopped for writing on. `margin` is, of a pair, by how
    much it holds the chosen answer likelier than the rejected one (mean log-likelihood of a token).
    """

    id: str
    gold: str
    raw: str
    answer: str | None
    ended: bool = True
    margin: float | None = None

    @property
    def correct(self) -> bool:
        """Of a pair whether it prefers what people prefer, else whether the answer is the one wanted."""
        if self.margin is not None:
            return self.margin > 0
        return self.answer is not None and normalise(self.answer) == normalise(self.gold)

    @property
    def answered(self) -> Answered:
        """As metrics see it."""
        return Answered(self.gold, self.answer, self.raw, self.margin)


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
    asked = [chat_messages(row, prompt, labels) for row in rows]
    prompts = prompt_ids(loaded, asked)
    kind = kind_of(rows[0])
    written = label_tokens(loaded, asked[0], labels) if constrained or kind.answers == "label" else []
    wanted, nothing = [answer_of(row) for row in rows], kind.answer(kind.unknown_answer(""))
    if written:
        longest = max(map(len, written))
    else:
        known = any(answer != nothing for answer in wanted)
        longest = max(len(ids) for _, ids in answer_ids(loaded, asked, wanted)) if known else _UNKNOWN_TOKENS
    limit = longest if constrained else longest + max(_FREE_TOKENS, round(_FREE_SHARE * longest))
    batches = _batches([len(ids) + longest for ids in prompts], batch_rows)
    answers = _answers_kept(kept, rows, batches)
    report(len(answers), len(rows))
    for batch in batches:
        if batch[0] in answers:
            continue
        raw = _generate(loaded, [prompts[number] for number in batch], limit, written if constrained else None)
        for number, (text, ended) in zip(batch, raw, strict=True):
            answers[number] = (text, ended)
            if kept is not None:
                append_jsonl(kept, {"id": rows[number]["id"], "raw": text, "ended": ended})
        report(len(answers), len(rows))
    return [_read(row, *answers[number], labels) for number, row in enumerate(rows)]


def label_tokens(loaded: LoadedModel, messages: list[dict[str, str]], labels: Sequence[str]) -> list[list[int]]:
    """The tokens the model was trained to write for each label, end of turn included, as its chat template has them."""
    return [answer for _, answer in answer_ids(loaded, [messages] * len(labels), labels)]


def answer_ids(
    loaded: LoadedModel, conversations: list[list[dict[str, str]]], answers: Sequence[str]
) -> list[tuple[list[int], list[int]]]:
    """For each conversation the tokens it is asked with, and those of its answer until the end of turn, as the chat
    template has them."""
    asked, tokens = prompt_ids(loaded, conversations), tokens_of(loaded.tokenizer)
    whole = [
        plain_messages([*messages, {"role": "assistant", "content": answer}], tokens)
        for messages, answer in zip(conversations, answers, strict=True)
    ]
    told = loaded.tokenizer.apply_chat_template(whole, tokenize=False)
    found = []
    for prompt, ids, text in zip(
        asked, loaded.tokenizer(told, add_special_tokens=False)["input_ids"], answers, strict=True
    ):
        answer = (
            ids[len(prompt) :]
            if ids[: len(prompt)] == prompt
            else (loaded.tokenizer(text, add_special_tokens=False)["input_ids"])
        )
        end = next((at for at, token in enumerate(answer) if token in loaded.end_ids), len(answer))
        found.append((prompt, [*answer[:end], answer[end] if end < len(answer) else loaded.end_ids[0]]))
    return found


def margins(
    loaded: LoadedModel,
    rows: Sequence[Mapping[str, Any]],
    prompt: Prompt,
    labels: Sequence[str],
    *,
    kept: Path | None = None,
    report: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[float]:
    """Of each pair by how much the model holds the chosen answer likelier: its tokens' mean log-likelihood, end of
    turn included, less that of the rejected one.

    Arguments:
        kept: a file they are appended to batch by batch; a run that was killed carries on from it.
        report: called with rows done and rows in all; may raise to stop.
    """
    asked = [chat_messages(row, prompt, labels) for row in rows for _ in range(2)]
    answered = answer_ids(loaded, asked, [str(row[role]) for row in rows for role in ("chosen", "rejected")])
    lengths = [
        max(len(one[0]) + len(one[1]), len(other[0]) + len(other[1]))
        for one, other in zip(answered[::2], answered[1::2], strict=True)
    ]
    found: dict[str, float] = {}
    if kept is not None and kept.is_file():
        found = {entry["id"]: float(entry["margin"]) for entry in read_jsonl(kept)}
        write_atomic(kept, dump_jsonl({"id": row, "margin": margin} for row, margin in found.items()))
    elif kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
    vocabulary = int(loaded.model.get_output_embeddings().weight.shape[0])
    at_once = _LOGITS_AT_ONCE // (2 * vocabulary * max(len(answer) + 1 for _, answer in answered))
    report(len(found), len(rows))
    left = [number for number, row in enumerate(rows) if row["id"] not in found]
    for batch in _batches([lengths[number] for number in left], max(1, min(BATCH_ROWS // 2, at_once))):
        numbers = [left[place] for place in batch]
        scores = _likelihoods(loaded, [answered[2 * number + side] for number in numbers for side in range(2)])
        for place, number in enumerate(numbers):
            found[rows[number]["id"]] = margin = scores[2 * place] - scores[2 * place + 1]
            if kept is not None:
                append_jsonl(kept, {"id": rows[number]["id"], "margin": margin})
        report(len(found), len(rows))
    return [found[row["id"]] for row in rows]


def _likelihoods(loaded: LoadedModel, answered: Sequence[tuple[list[int], list[int]]]) -> list[float]:
    """The mean log-likelihood of each answer's tokens after its prompt."""
    import torch

    ids, mask = _pad_rows(loaded, [[*prompt, *answer] for prompt, answer in answered])
    longest = max(len(answer) for _, answer in answered)
    with torch.inference_mode():
        logits = (
            loaded.model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                use_cache=False,
                logits_to_keep=longest + 1,
            )
            .logits[:, :-1]
            .float()
        )
        likely = torch.log_softmax(logits, -1).gather(2, ids[:, -longest:, None])[..., 0]
    return [float(row[longest - len(answer) :].mean()) for row, (_, answer) in zip(likely, answered, strict=True)]


def _pad_rows(loaded: LoadedModel, rows: Sequence[list[int]]) -> tuple[Any, Any]:
    """The rows' ids, padded on the left, and the mask of what is theirs."""
    import torch

    width = max(map(len, rows))
    device = next(loaded.model.parameters()).device
    return (
        torch.tensor([[loaded.pad_id] * (width - len(one)) + one for one in rows], device=device),
        torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in rows], device=device),
    )


def _read(row: Mapping[str, Any], raw: str, ended: bool, labels: Sequence[str]) -> Prediction:
    # An answer that was cut off would have gone on: it is not the label, even where it looks like one so far. Of a
    # free text what there is counts.
    whole = ended or kind_of(row).answers in ("text", "pair")
    return Prediction(str(row["id"]), gold_of(row), raw, read_answer(row, raw, labels) if whole else None, ended)


def prompt_ids(loaded: LoadedModel, conversations: list[list[dict[str, str]]]) -> list[list[int]]:
    """The tokens each conversation is asked with, as the model's chat template writes them; control tokens in its texts
    are read as the letters they are.

    Raises:
        EvaluationError: the model has no chat template.
    """
    if not loaded.tokenizer.chat_template:
        raise EvaluationError(
            Text(
                "This model has no chat template: it is a raw base model, and it defines no format for a question.",
                "這個模型沒有對話模板（chat template）：它是未經對話訓練的原始模型，不知道該用什麼格式提問。",
            ),
            Text(
                "Use its chat (instruct, -it) variant, or put a chat_template.jinja of its family into its folder.",
                "請改用它的對話版（instruct、-it），或把同家族的 chat_template.jinja 放進模型資料夾。",
            ),
            field="model",
        )
    tokens = tokens_of(loaded.tokenizer)
    told = loaded.tokenizer.apply_chat_template(
        [plain_messages(one, tokens) for one in conversations], add_generation_prompt=True, tokenize=False
    )
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

    ids, mask = _pad_rows(loaded, prompts)
    width = ids.shape[1]
    with torch.inference_mode():
        produced = loaded.model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=limit,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            eos_token_id=list(loaded.end_ids),
            pad_token_id=loaded.pad_id,
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

    def allowed_tokens(_row: int, ids: Any) -> list[int]:
        return follows.get(tuple(ids[width:].tolist()), [end])

    return allowed_tokens
