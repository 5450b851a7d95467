"""Control tokens in texts: what a chat template writes between turns must never come out of a row.

A text that holds `<|im_end|><|im_start|>assistant` would end its own turn and answer itself. So wherever a text goes
into a prompt, the special tokens of the tokenizer in it are broken up and read as the letters they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from ...resources.foundation.files import read_json

# Of the families of models in use, for a base model that is not at hand yet.
COMMON = (
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<bos>",
    "<eos>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
    "<|start|>",
    "<|message|>",
    "<|channel|>",
    "<|return|>",
)
_SHORTEST = 3  # characters; a shorter one is a letter or two of any text


def special_tokens(model: Path) -> tuple[str, ...]:
    """The control tokens of a model folder's tokenizer, read from its files without any library."""
    stamps = tuple(
        (file.name, file.stat().st_mtime_ns)
        for name in ("tokenizer.json", "tokenizer_config.json")
        if (file := model / name).is_file()
    )
    return _read(model, stamps)


def tokens_of(tokenizer: Any) -> tuple[str, ...]:
    """The same of a loaded tokenizer."""
    added = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    return _worth(dict.fromkeys([*added, *map(str, tokenizer.all_special_tokens)]))


def found_in(texts: Iterable[str], tokens: Sequence[str]) -> list[str]:
    """Which of the tokens stand in those texts, in the order of the first."""
    pattern = _pattern(tuple(tokens))
    return list(dict.fromkeys(token for text in texts for token in pattern.findall(text))) if pattern else []


def plain(text: str, tokens: Sequence[str]) -> str:
    """`text` with a space inside every control token: the same to the eye, and no token any more."""
    pattern = _pattern(tuple(tokens))
    return pattern.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text) if pattern else text


def plain_messages(messages: Sequence[Any], tokens: Sequence[str]) -> list[Any]:
    """Chat messages whose contents hold no control token; the ones that hold none are left as they are."""
    return [_plain_message(message, tokens) if isinstance(message, Mapping) else message for message in messages]


def _plain_message(message: Mapping[str, Any], tokens: Sequence[str]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": plain(content, tokens)}
    if isinstance(content, list):
        return {
            **message,
            "content": [
                {**part, "text": plain(part["text"], tokens)}
                if isinstance(part, Mapping) and isinstance(part.get("text"), str)
                else part
                for part in content
            ],
        }
    return dict(message)


@cache
def _read(model: Path, _stamps: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        for token in read_json(model / "tokenizer.json").get("added_tokens") or []:
            if token.get("special"):
                found[str(token["content"])] = None
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        settings = read_json(model / "tokenizer_config.json")
        for token in (settings.get("added_tokens_decoder") or {}).values():
            if token.get("special"):
                found[str(token["content"])] = None
        named = [value for name, value in settings.items() if name.endswith("_token")]
        for value in [
            *named,
            *(settings.get("additional_special_tokens") or []),
            *(settings.get("extra_special_tokens") or []),
        ]:
            content = value.get("content") if isinstance(value, Mapping) else value
            if isinstance(content, str):
                found[content] = None
    return _worth(found)


def _worth(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(token for token in found if len(token) >= _SHORTEST and not token.isalnum())


@cache
def _pattern(tokens: tuple[str, ...]) -> re.Pattern[str] | None:
    longest_first = sorted((token for token in tokens if token), key=lambda token: -len(token))
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
