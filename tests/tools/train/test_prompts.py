"""A prompt is the same whenever it is written, and holds no control token but the template's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import TrainingError
from nlp_skills.resources.foundation.files import read_jsonl
from nlp_skills.tools.data.chat_template import reads_clock, template_of, without_clock
from nlp_skills.tools.data.control_tokens import plain, plain_messages, special_tokens, tokens_of
from nlp_skills.tools.data.task_kind import Spelling, task_kind
from nlp_skills.tools.train.audit import audit
from nlp_skills.tools.train.tokenise import load_tokenizer, tokenise
from tests.tiny_model import TURN_END, TURN_START, build_tokenizer

CASES = Path(__file__).parents[2] / "cases" / "files"
CLOCK = (CASES / "24-template-with-clock" / "chat_template.jinja").read_text(encoding="utf-8")
INJECTED = list(read_jsonl(CASES / "25-special-tokens-in-text" / "inj.jsonl"))


def render_row(row: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "prompt": [{"role": "user", "content": row["text"]}],
        "completion": [{"role": "assistant", "content": row["label"]}],
    }


@pytest.mark.worker
def test_no_control_token_comes_out_of_a_rows_text_and_the_audit_names_the_rows() -> None:
    tokenizer = build_tokenizer()
    turn, end = tokenizer.convert_tokens_to_ids([TURN_START, TURN_END])
    rows = tokenise([render_row(row, number) for number, row in enumerate(INJECTED)], tokenizer, {end})
    assert {(row.input_ids.count(turn), row.input_ids.count(end)) for row in rows} == {(2, 2)}, (
        "the question and the answer"
    )
    with_control = [f"r{number}" for number, row in enumerate(INJECTED) if TURN_START in row["text"]]
    seen = audit({"train": rows}, tokenizer, {end}, 512)
    assert with_control and seen.neutralised == with_control and not seen.findings
    assert seen.summary().neutralised == with_control
    assert "< |im_end|>" in tokenizer.decode(rows[0].input_ids)


@pytest.mark.worker
def test_a_prompt_with_todays_date_is_the_same_tomorrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_tokenizer(chat_template=CLOCK).save_pretrained(tmp_path)
    assert reads_clock(template_of(tmp_path) or "")
    tokenizer = load_tokenizer(tmp_path)
    assert not reads_clock(tokenizer.chat_template) and "01 Jan 2025 00:00" in tokenizer.chat_template
    tokenizer.save_pretrained(tmp_path / "saved")
    assert template_of(tmp_path / "saved") == tokenizer.chat_template


@pytest.mark.worker
def test_the_control_tokens_are_those_of_the_files_and_of_the_tokenizer_alike(tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    assert set(special_tokens(tmp_path)) == set(tokens_of(tokenizer)) >= {TURN_START, TURN_END}


def test_a_clock_whose_format_is_not_written_out_is_stopped_too() -> None:
    told = without_clock("{% set format = '%Y' %}{{ strftime_now(format) }}{{ strftime_now(\"%H:%M\") }}")
    assert told.startswith("{%- macro strftime_now") and '"00:00"' in told
    assert (
        without_clock("{% if strftime_now is defined %}x{% endif %}") == "{% if strftime_now is defined %}x{% endif %}"
    )


def test_a_broken_token_is_broken_for_good_and_other_text_is_left_alone() -> None:
    tokens = ("<|im_end|>", "</s>", "<s>")
    assert plain("a <|im_end|></s> b < s>", tokens) == "a < |im_end|>< /s> b < s>"
    assert plain(plain("<s><s>", tokens), tokens) == "< s>< s>"
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "<s>"}, {"type": "image"}]},
        {"role": "tool", "content": None},
    ]
    assert plain_messages(messages, tokens) == [
        {"role": "user", "content": [{"type": "text", "text": "< s>"}, {"type": "image"}]},
        {"role": "tool", "content": None},
    ]


TOOLS = CASES / "12-tool-turns" / "tools.jsonl"
STRICT = (
    "{%- for turn in messages %}{%- if turn.role == 'system' %}{{ raise_exception('System role not supported') }}{%- endif %}"
    "{{ '<|im_start|>' + turn.role + '\n' + turn.content + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}"
)


def conversations() -> list[dict[str, Any]]:
    kind = task_kind("chat")
    rows = [kind.fields(record, Spelling((), {})) for record in read_jsonl(TOOLS)]
    return [{"id": f"r{number}", **kind.render_row(row, kind.prompts["en"], [])} for number, row in enumerate(rows)]


@pytest.mark.worker
def test_tool_turns_reach_training_as_words_of_turns_that_every_template_takes() -> None:
    tokenizer = build_tokenizer()
    [end] = tokenizer.convert_tokens_to_ids([TURN_END])
    rows = tokenise(conversations(), tokenizer, {end})
    told = tokenizer.decode(rows[1].input_ids)

    assert [tokenizer.decode(row.trained) for row in rows[:2]] == [
        f"Box {box} is in the depot.{TURN_END}" for box in (0, 1)
    ]
    assert '<tool_call>\n{"name": "track", "arguments": {"box": 1}}\n</tool_call>' in told
    assert f"{TURN_START}user\n<tool_response>\nbox 1 in depot\n</tool_response>" in told
    assert not audit({"train": rows}, tokenizer, {end}, 512).findings


@pytest.mark.worker
def test_a_template_that_does_not_take_a_role_is_named_with_its_own_words() -> None:
    tokenizer = build_tokenizer(chat_template=STRICT)
    with pytest.raises(TrainingError, match=r"row r0 \(turns: system, user\).*System role not supported"):
        tokenise(conversations(), tokenizer, set(tokenizer.convert_tokens_to_ids([TURN_END])))
