"""A Qwen3-architecture model small enough to train, evaluate and serve in seconds. Random weights: it knows nothing.

python tests/tiny_model.py DEST      (in the worker environment)
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"

CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)

TEXTS = (
    "system\nYou classify financial news. Answer with one label: positive, neutral or negative.\nuser\nassistant\n",
    "你負責判斷財經新聞的情緒，只回答一個標籤：正面、中性、負面。",
    "台積電第三季營收創下新高，鴻海的毛利率卻下滑百分之五，分析師維持中性評等。",
    "Shares of the company rose after it reported record revenue, while its rival fell on weak guidance.",
)


def build_tiny_model(folder: Path, *, hidden: int = 32, layers: int = 2, vocabulary: int = 512, seed: int = 0) -> Path:
    """Write the model with its byte-level tokenizer to `folder` (kept if it already exists) and return it."""
    folder = Path(folder)
    if (folder / "config.json").is_file():
        return folder
    import torch
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    tokenizer = build_tokenizer(vocabulary)
    turn_end, end_of_text = tokenizer.convert_tokens_to_ids([TURN_END, END_OF_TEXT])
    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=hidden // 2,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=turn_end,
            pad_token_id=end_of_text,
        )
    )
    model.generation_config = GenerationConfig(eos_token_id=[turn_end, end_of_text], pad_token_id=end_of_text)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    model.save_pretrained(draft)
    tokenizer.save_pretrained(draft)
    try:
        draft.rename(folder)
    except OSError:  # another process was first
        shutil.rmtree(draft)
    return folder


def build_tokenizer(vocabulary: int = 512, chat_template: str = CHAT_TEMPLATE) -> Any:
    """A byte-level BPE trained on `TEXTS`: any text in any language can be written with it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[END_OF_TEXT, TURN_START, TURN_END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        chat_template=chat_template,
        eos_token=TURN_END,
        pad_token=END_OF_TEXT,
        additional_special_tokens=[TURN_START],
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
    )


if __name__ == "__main__":
    print(build_tiny_model(Path(sys.argv[1])))
