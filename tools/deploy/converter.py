"""Run llama.cpp's converter in a process of its own: `python -m nlp_skills.tools.deploy.converter ROOT PRE ARGUMENT…`.

The converter tells tokenizers apart by a hash of what they make of a test text, so it does not know one that was
trained here. For those alone PRE names the pre-tokenizer (`qwen2`, `gpt-2`, `llama-bpe`, …); `-` refuses them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

UNKNOWN_PRE_TOKENIZER = 3
UNKNOWN_ARCHITECTURE = 4


def main(arguments: list[str]) -> int:
    root, pre, *rest = arguments
    sys.path[:0] = [root, str(Path(root) / "gguf-py")]
    sys.argv = ["convert_hf_to_gguf.py", *rest]
    converter = importlib.import_module("convert_hf_to_gguf")
    try:
        text_model: Any = importlib.import_module("conversion.base").TextModel
    except ModuleNotFoundError:  # an older llama.cpp keeps its classes in the converter itself
        text_model = next(
            kind for kind in vars(converter).values() if isinstance(kind, type) and "get_vocab_base_pre" in vars(kind)
        )
    recognise: Callable[[Any, Any], str] = text_model.get_vocab_base_pre
    unknown = False

    def recognise_or_use_named(model: Any, tokenizer: Any) -> str:
        nonlocal unknown
        try:
            return recognise(model, tokenizer)
        except NotImplementedError:
            unknown = True
            if pre == "-":
                raise
            print(f"the tokenizer is not one llama.cpp knows by its hash: using {pre}", file=sys.stderr, flush=True)
            return pre

    text_model.get_vocab_base_pre = recognise_or_use_named
    _need_sentencepiece_only_for_its_models(text_model)
    try:
        converter.main()
    except NotImplementedError as error:
        print(error, file=sys.stderr, flush=True)
        return UNKNOWN_PRE_TOKENIZER if unknown and pre == "-" else UNKNOWN_ARCHITECTURE
    return 0


def _need_sentencepiece_only_for_its_models(text_model: Any) -> None:
    """The converter imports sentencepiece before it looks whether the model has a `tokenizer.model` at all."""
    read: Callable[[Any], Any] = text_model._create_vocab_sentencepiece

    def read_if_there(model: Any) -> Any:
        if not (path := Path(model.dir_model) / "tokenizer.model").is_file():
            raise FileNotFoundError(f"File not found: {path}")
        return read(model)

    text_model._create_vocab_sentencepiece = read_if_there


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
