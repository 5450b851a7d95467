from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import TrainingError
from nlp_skills.resources.task import Constraints, Privacy, Task
from nlp_skills.tools.train.audit import audit, refuse
from nlp_skills.tools.train.tokenise import load_tokenizer, tokenise
from tests.tiny_model import CHAT_TEMPLATE, TURN_END, build_tokenizer

pytestmark = pytest.mark.worker
ROWS = [
    {
        "id": "a",
        "prompt": [{"role": "system", "content": "只回答標籤"}, {"role": "user", "content": "台積電營收新高"}],
        "completion": [{"role": "assistant", "content": "正面"}],
    },
    {
        "id": "b",
        "prompt": [{"role": "user", "content": "Profit fell " + "very " * 40}],
        "completion": [{"role": "assistant", "content": "negative"}],
    },
]
Audited = Callable[..., dict[str, str]]


@pytest.fixture
def audited() -> Audited:
    """Row id → problem, for a tokenizer with that template."""

    def look(template: str = CHAT_TEMPLATE, ends: frozenset[str] = frozenset({TURN_END}), max_length: int = 512) -> Any:
        tokenizer = build_tokenizer(chat_template=template)
        end_ids = set(tokenizer.convert_tokens_to_ids(sorted(ends)))
        result = audit({"train": tokenise(ROWS, tokenizer, end_ids)}, tokenizer, end_ids, max_length)
        return {finding.id: finding.problem for finding in result.findings}

    return look


def test_rows_trained_on_answer_and_end_of_turn_pass(audited: Audited) -> None:
    assert audited() == {}


def test_a_template_without_an_end_of_turn_is_found(audited: Audited) -> None:
    assert audited(CHAT_TEMPLATE.replace(" + '<|im_end|>'", "")) == {"a": "end_of_turn", "b": "end_of_turn"}


def test_an_end_of_turn_that_generation_does_not_stop_at_is_found(audited: Audited) -> None:
    assert audited(ends=frozenset({"<|endoftext|>"})) == {"a": "end_of_turn", "b": "end_of_turn"}


def test_a_template_that_leaves_answers_out_is_found(audited: Audited) -> None:
    silent = CHAT_TEMPLATE.replace("{{- '<|im_start|>'", "{%- if message['role'] != 'assistant' %}{{- '<|im_start|>'")
    assert audited(silent.replace("{%- endfor %}", "{%- endif %}{%- endfor %}"))["a"] == "masked"


def test_an_answer_cut_at_max_length_is_found_in_the_long_row_alone(audited: Audited) -> None:
    tokenizer = build_tokenizer()
    length = len(tokenise(ROWS, tokenizer, {tokenizer.eos_token_id})[1].input_ids)
    assert audited(max_length=length) == {}
    assert audited(max_length=length - 1) == {"b": "truncated"}
    assert audited(max_length=length - 40) == {"b": "masked"}


def test_a_template_that_changes_the_answer_is_found(audited: Audited) -> None:
    shouting = CHAT_TEMPLATE.replace("message['content']", "(message['content'] | upper)")
    assert audited(shouting) == {"b": "answer"}


def test_a_prompt_written_otherwise_at_inference_is_found(audited: Audited) -> None:
    thinking = CHAT_TEMPLATE.replace("assistant\\n' }}", "assistant\\n<think>' }}")
    assert audited(thinking) == {"a": "context", "b": "context"}


@pytest.mark.parametrize("name", ["qwen3", "qwen3_instruct_2507", "qwen3_5_nothink", "qwen3_5_think", "qwen2_5"])
def test_the_templates_of_the_qwen_family_train_the_bare_answer(tmp_path: Path, name: str) -> None:
    template = (resources.files("trl") / "chat_templates" / f"{name}.jinja").read_text(encoding="utf-8")
    build_tokenizer(chat_template=template).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    ends = {tokenizer.eos_token_id}
    result = audit({"train": tokenise(ROWS, tokenizer, ends)}, tokenizer, ends, 1024)
    assert not result.findings
    assert set(result.trained_texts) == {"正面<|im_end|>", "negative<|im_end|>"}
    tokenizer.save_pretrained(tmp_path / "saved")  # what the version keeps is what was trained
    assert load_tokenizer(tmp_path / "saved").chat_template == tokenizer.chat_template


@pytest.mark.parametrize("privacy", ["open", "on-premise"])
def test_the_refusal_shows_rows_unless_they_are_private(privacy: Privacy) -> None:
    tokenizer = build_tokenizer(chat_template=CHAT_TEMPLATE.replace(" + '<|im_end|>'", ""))
    result = audit({"train": tokenise(ROWS, tokenizer, {2})}, tokenizer, {2}, 512)
    task = Task(name="t", constraints=Constraints(privacy=privacy))
    with pytest.raises(TrainingError) as refused:
        refuse(task, result)
    assert refused.value.details["problems"] == {"end_of_turn": 2}
    assert ("正面" in str(refused.value)) is (privacy == "open")
