"""Build the offline base model: a 1.3 M-parameter Qwen3, pre-trained here in about a minute.

It lets the demo fine-tune for real without downloading anything. It has read short chats about restaurants, phones
and films (`corpus.py`), in Traditional Chinese and English, and nothing about finance.
"""

import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .corpus import Chat, plain_text, write_chats

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase, Qwen3ForCausalLM

Progress = Callable[[int, int, str], None]
"""Called with the step, the number of steps and a line for people."""

VOCABULARY = 4096
CONTEXT = 1024
CHATS = 3_800
CHUNK = 400
BATCH_TOKENS = 2_000
MUON_RATE, ADAM_RATE = 2e-2, 5e-3
WARM_UP = 20
THREADS = min(2, os.cpu_count() or 1)

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
END_OF_TEXT_ID, TURN_START_ID, TURN_END_ID = 0, 1, 2

# Qwen2's own split, so that converters which recognise that tokenizer recognise this one.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# ChatML as Qwen3 writes it, without its thinking blocks.
CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)

CARD = """---
license: apache-2.0
language: [zh, en]
library_name: transformers
pipeline_tag: text-generation
---
# nlp-skills offline base model

A {parameters:,}-parameter Qwen3 built by `nlp_skills.server.demo.base_model` with seed {seed}, so that the demo can
fine-tune a real model without a network. It was pre-trained for about a minute on {chats:,} synthetic chats in
Traditional Chinese and English about restaurants, hotels, phones, films, courses, sports, transport, weather, museums
and apps. It has seen no financial news. It is made for demonstrations and tests and knows nothing of use.
"""


@dataclass(frozen=True)
class BaseModelInfo:
    """What was built."""

    path: Path
    parameters: int
    size_bytes: int
    chats: int
    tokens: int
    loss: float
    seconds: float
    cpu_seconds: float
    seed: int


@dataclass(frozen=True)
class _Example:
    """A chat as token ids, and how much each counts: nothing outside an answer, 1 for an answer as a whole."""

    ids: list[int]
    weights: list[float]


def build_base_model(
    destination: Path, *, seed: int = 42, progress: Progress = lambda step, total, message: None
) -> BaseModelInfo:
    """Write a pre-trained model with its tokenizer to `destination`, which appears whole or not at all."""
    started, cpu_started = time.monotonic(), time.process_time()
    chats = list(write_chats(CHATS, seed))
    tokenizer = _train_tokenizer(chats)
    examples = [_tokenize(chat, tokenizer) for chat in chats]
    model, loss = _pretrain(examples, tokenizer, seed, progress)

    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=f".{destination.name}-") as folder:
        draft = Path(folder) / "model"
        model.save_pretrained(draft)
        tokenizer.save_pretrained(draft)
        parameters = sum(weight.numel() for weight in model.parameters())
        (draft / "README.md").write_text(CARD.format(parameters=parameters, seed=seed, chats=CHATS), encoding="utf-8")
        if destination.exists():
            destination.rename(Path(folder) / "replaced")
        draft.rename(destination)

    return BaseModelInfo(
        path=destination,
        parameters=parameters,
        size_bytes=sum(file.stat().st_size for file in destination.iterdir()),
        chats=CHATS,
        tokens=sum(len(example.ids) for example in examples),
        loss=loss,
        seconds=time.monotonic() - started,
        cpu_seconds=time.process_time() - cpu_started,
        seed=seed,
    )


def _train_tokenizer(chats: list[Chat]) -> "PreTrainedTokenizerBase":
    """A byte-level BPE that knows the corpus and every common character as one token."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END_OF_TEXT, TURN_START, TURN_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Repeated, or the rare characters would lose their place to the corpus's own words.
    texts = plain_text() * 100 + [message["content"] for chat in chats for message in chat]
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        chat_template=CHAT_TEMPLATE,
        eos_token=TURN_END,
        pad_token=END_OF_TEXT,
        additional_special_tokens=[TURN_START],
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def _tokenize(chat: Chat, tokenizer: "PreTrainedTokenizerBase") -> _Example:
    """What the chat template renders, turn by turn, so that the answers are known exactly."""
    ids: list[int] = []
    weights: list[float] = []
    for message in chat:
        head = tokenizer.encode(f"{TURN_START}{message['role']}\n")
        body = tokenizer.encode(f"{message['content']}{TURN_END}")
        tail = tokenizer.encode("\n")
        # Else the few long answers, copies and extractions, would drown the many short labels.
        weight = 1 / len(body) if message["role"] == "assistant" else 0.0
        ids += head + body + tail
        weights += [0.0] * len(head) + [weight] * len(body) + [0.0] * len(tail)
    return _Example(ids[:CONTEXT], weights[:CONTEXT])


def _pretrain(
    examples: list[_Example], tokenizer: "PreTrainedTokenizerBase", seed: int, progress: Progress
) -> tuple["Qwen3ForCausalLM", float]:
    """One pass over the examples; the loss is that of the answers."""
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(THREADS)
    model = _fresh_model(tokenizer)
    matrices = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in model.named_parameters() if weight.ndim != 2 or "embed" in name]
    muon = _Muon(matrices)
    adam = torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0)

    batches = list(_batches(examples, random.Random(seed)))
    loss, told = math.nan, time.monotonic()
    model.train()
    for step, batch in enumerate(batches, start=1):
        now = _answer_loss(model, batch)
        now.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        rate = min(1.0, step / WARM_UP) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / len(batches))))
        adam.param_groups[0]["lr"] = rate * ADAM_RATE
        adam.step()
        muon.step(rate * MUON_RATE)
        model.zero_grad()
        loss = now.item() if math.isnan(loss) else 0.95 * loss + 0.05 * now.item()
        if time.monotonic() - told >= 1 or step == len(batches):
            told = time.monotonic()
            progress(step, len(batches), f"pre-training the base model: loss {loss:.3f}")
    return model.eval(), loss


def _fresh_model(tokenizer: "PreTrainedTokenizerBase") -> "Qwen3ForCausalLM":
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        # The usual 0.02 is for wide models; at 128 it starves the embeddings.
        initializer_range=0.08,
        bos_token_id=None,
        eos_token_id=TURN_END_ID,
        pad_token_id=END_OF_TEXT_ID,
    )
    model = Qwen3ForCausalLM(config)
    model.generation_config = GenerationConfig(
        eos_token_id=[TURN_END_ID, END_OF_TEXT_ID], pad_token_id=END_OF_TEXT_ID, do_sample=False
    )
    return model


class _Muon:
    """The Muon optimizer (Jordan et al., 2024): momentum, made orthogonal. Here it learns twice as fast as Adam.

    `torch.optim.Muon` works in bfloat16, one matrix at a time, which is slow on most CPUs; this one works in float32
    on all matrices of one shape together.
    """

    def __init__(self, weights: "list[Tensor]", momentum: float = 0.95) -> None:
        self.momentum = momentum
        by_shape: dict[tuple[int, ...], list[Tensor]] = {}
        for weight in weights:
            by_shape.setdefault(tuple(weight.shape), []).append(weight)
        self.groups = list(by_shape.values())
        self.averages: list[Tensor | float] = [0.0] * len(self.groups)

    def step(self, rate: float) -> None:
        import torch

        with torch.no_grad():
            for number, weights in enumerate(self.groups):
                gradient = torch.stack([weight.grad for weight in weights if weight.grad is not None])
                average = self.momentum * self.averages[number] + (1 - self.momentum) * gradient
                self.averages[number] = average
                updates = _orthogonal(gradient.lerp(average, self.momentum))
                rows, columns = weights[0].shape
                for weight, update in zip(weights, updates, strict=True):
                    weight.sub_(update, alpha=rate * max(1.0, rows / columns) ** 0.5)


def _orthogonal(matrices: "Tensor") -> "Tensor":
    """The nearest orthogonal matrices, roughly: five Newton-Schulz steps with Muon's coefficients."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    near = matrices.mT if tall else matrices
    near = near / near.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(5):
        square = near @ near.mT
        near = 3.4445 * near + (-4.7750 * square + 2.0315 * square @ square) @ near
    return near.mT if tall else near


def _batches(examples: list[_Example], rng: random.Random) -> Iterator[list[_Example]]:
    """Batches of like length, so that little of them is padding; the corpus's order is kept from chunk to chunk."""
    for start in range(0, len(examples), CHUNK):
        batches: list[list[_Example]] = [[]]
        for example in sorted(examples[start : start + CHUNK], key=lambda example: len(example.ids)):
            if (len(batches[-1]) + 1) * len(example.ids) > BATCH_TOKENS:
                batches.append([])
            batches[-1].append(example)
        rng.shuffle(batches)
        yield from batches


def _answer_loss(model: "Qwen3ForCausalLM", batch: list[_Example]) -> "Tensor":
    """Cross-entropy at the answers. The head runs on those positions only: that is most of its cost saved."""
    import torch
    from torch.nn.functional import cross_entropy

    width = max(len(example.ids) for example in batch)
    ids = torch.tensor([example.ids + [END_OF_TEXT_ID] * (width - len(example.ids)) for example in batch])
    weights = torch.tensor([example.weights + [0.0] * (width - len(example.ids)) for example in batch])
    # Padding stands on the right of causal attention, so no mask is needed to keep it out.
    hidden: Any = model.model(input_ids=ids, use_cache=False).last_hidden_state
    wanted = weights[:, 1:] > 0
    losses = cross_entropy(model.lm_head(hidden[:, :-1][wanted]), ids[:, 1:][wanted], reduction="none")
    shares = weights[:, 1:][wanted]
    return (losses * shares).sum() / shares.sum()


def main() -> None:
    """`python -m nlp_skills.server.demo.base_model DEST [SEED]`"""
    # Threads that wait by sleeping: on a busy machine, spinning ones cost seven times the work. Read as torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    destination, *seed = sys.argv[1:]
    info = build_base_model(
        Path(destination),
        seed=int(seed[0]) if seed else 42,
        progress=lambda step, total, message: print(f"{step}/{total} {message}", file=sys.stderr),
    )
    print(info)


if __name__ == "__main__":
    main()
