"""What Ollama is told of a version: its chat template in Go's syntax, its system prompt, its parameters.

Ollama does not read the chat template that travels in a GGUF file unless it knows it, and falls back to none at all:
so the version's own template is asked what it writes around each message, and the same is said in Ollama's words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...resources.foundation.errors import DeploymentError
from ...resources.foundation.files import read_json
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ...resources.version import VersionFolder
from ..data.prompting import fixed_system, trained_prompt
from ..data.task_kind import task_kind

_SYSTEM, _USER, _ANSWER = "\u2402SYSTEM\u2403", "\u2402USER\u2403", "\u2402ANSWER\u2403"
_FREE_TOKENS = 12  # as the evaluation lets an answer run beyond the longest label
_CONTEXT = 4096


@dataclass(frozen=True)
class OllamaModel:
    """`system` is None where there is none, or it depends on the row and clients must send it."""

    template: str
    system: str | None
    parameters: JsonObject  # by Ollama's names

    def modelfile(self, source: str) -> str:
        """The same as a Modelfile, for `ollama create NAME -f Modelfile`."""
        lines = [f"FROM {source}", f'TEMPLATE """{self.template}"""']
        if self.system is not None:
            lines.append(f'SYSTEM """{self.system}"""')
        for name, value in self.parameters.items():
            for one in value if isinstance(value, list) else [value]:
                lines.append(f"PARAMETER {name} {json.dumps(one, ensure_ascii=False)}")
        return "\n".join(lines) + "\n"


def ollama_model(version: VersionFolder, merged: Path) -> OllamaModel:
    """What Ollama must know to answer as the version was evaluated.

    Raises:
        DeploymentError: the chat template cannot be said in Ollama's words.
    """
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(str(merged))
    info = version.model_info()
    prompt, labels = trained_prompt(info, version.task.load()), info.labels
    generation = read_json(merged / "generation_config.json")
    ends = generation["eos_token_id"]
    stops = tokenizer.convert_ids_to_tokens(ends if isinstance(ends, list) else [ends])
    parameters: dict[str, int] = {}
    if task_kind(version.task.load().type).answers == "label":
        longest = max(len(tokenizer(label, add_special_tokens=False)["input_ids"]) for label in labels)
        parameters["num_predict"] = longest + 1 + _FREE_TOKENS
    context = int(read_json(merged / "config.json").get("max_position_embeddings") or _CONTEXT)
    return OllamaModel(
        go_template(tokenizer),
        fixed_system(prompt, labels),
        {
            # top_k 1 stays greedy where a client's library sends a temperature of its own.
            "temperature": 0,
            "top_k": 1,
            "seed": 0,
            "repeat_penalty": 1.0,
            "num_ctx": min(context, _CONTEXT),
            **parameters,
            "stop": stops,
        },
    )


def go_template(tokenizer: Any) -> str:
    """The tokenizer's chat template for one system text, one question and its answer, in Ollama's template language.

    Raises:
        DeploymentError: the template does more than write text around the messages.
    """
    with_system = _write_turns(tokenizer, [("system", _SYSTEM), ("user", _USER)])
    alone = _write_turns(tokenizer, [("user", _USER)])
    answered = _write_turns(tokenizer, [("user", _USER), ("assistant", _ANSWER)], ask=False)
    before_system, found_system, rest = with_system.partition(_SYSTEM)
    between, found_user, after = rest.partition(_USER)
    before_user, found_alone, after_alone = alone.partition(_USER)
    closing = answered.partition(_ANSWER)[2]
    pieces = (before_system, between, before_user, after, closing)
    if not (found_system and found_user and found_alone) or after != after_alone or any("{{" in one for one in pieces):
        raise DeploymentError(
            Text(
                "This model's chat template cannot be expressed in Ollama's template language.",
                "這個模型的對話模板無法用 Ollama 的模板語言表達。",
            ),
            Text(
                "Deploy to gguf with serve=true: llama.cpp reads the template itself.",
                "請改部署到 gguf 並設 serve=true：llama.cpp 會直接讀取模板。",
            ),
            field="target",
        )
    return (
        f"{{{{ if .System }}}}{before_system}{{{{ .System }}}}{between}{{{{ else }}}}{before_user}{{{{ end }}}}"
        f"{{{{ .Prompt }}}}{after}{{{{ .Response }}}}{closing.rstrip()}"
    )


def _write_turns(tokenizer: Any, turns: list[tuple[str, str]], ask: bool = True) -> str:
    messages = [{"role": role, "content": content} for role, content in turns]
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=ask))
