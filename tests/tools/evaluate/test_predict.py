from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import read_jsonl
from nlp_skills.resources.task import Prompt
from nlp_skills.tools.evaluate.model import LoadedModel, load_for_inference
from nlp_skills.tools.evaluate.predict import label_tokens, predict

pytestmark = pytest.mark.worker

LABELS = ["正面", "中立", "負面", "正面偏多"]
PROMPT = Prompt(system="只回答一個標籤：{labels}", user="{text}")
ROWS = [{"id": f"r{n:02d}", "text": "營收創新高" * (n % 7 + 1) + str(n), "label": LABELS[n % 3]} for n in range(12)]


@pytest.fixture(scope="module")
def loaded(tiny: Path) -> LoadedModel:
    found = load_for_inference(tiny, threads=1)
    for name, weights in found.model.named_parameters():
        if ".layers." in name and weights.ndim == 2:
            weights.data.mul_(12)  # random weights this small only repeat the last token; these make answers differ
    return found


def test_answers_do_not_depend_on_the_batch(loaded: LoadedModel) -> None:
    one_by_one = predict(loaded, ROWS, PROMPT, LABELS, batch_rows=1)
    assert predict(loaded, ROWS, PROMPT, LABELS, batch_rows=64) == one_by_one
    backwards = predict(loaded, ROWS[::-1], PROMPT, LABELS, batch_rows=5)
    assert backwards[::-1] == one_by_one
    assert len({answer.raw for answer in one_by_one}) > 1


def test_constrained_answers_are_always_labels(loaded: LoadedModel) -> None:
    answers = predict(loaded, ROWS, PROMPT, LABELS, constrained=True)
    assert all(answer.answer in LABELS and answer.raw == answer.answer for answer in answers)
    assert answers == predict(loaded, ROWS, PROMPT, LABELS, constrained=True, batch_rows=1)


def test_constrained_decoding_takes_the_likeliest_allowed_token_at_every_step(loaded: LoadedModel) -> None:
    import torch

    written = label_tokens(loaded, [{"role": "user", "content": "x"}], LABELS)
    from nlp_skills.tools.data.prompting import chat_messages

    answer = predict(loaded, ROWS[:1], PROMPT, LABELS, constrained=True)[0]
    told = loaded.tokenizer.apply_chat_template(
        chat_messages(ROWS[0], PROMPT, LABELS), add_generation_prompt=True, tokenize=False
    )
    ids = loaded.tokenizer(told, add_special_tokens=False)["input_ids"]
    so_far: list[int] = []
    while not so_far or so_far[-1] not in loaded.end_ids:
        allowed = sorted({tokens[len(so_far)] for tokens in written if tokens[: len(so_far)] == so_far})
        with torch.inference_mode():
            logits = loaded.model(torch.tensor([ids + so_far])).logits[0, -1]
        so_far.append(max(allowed, key=lambda token: float(logits[token])))
    assert loaded.tokenizer.decode(so_far[:-1]) == answer.raw


def test_label_tokens_are_those_of_the_chat_template_with_its_end_of_turn(loaded: LoadedModel) -> None:
    for label, tokens in zip(LABELS, label_tokens(loaded, [{"role": "user", "content": "x"}], LABELS), strict=True):
        assert loaded.tokenizer.decode(tokens) == f"{label}<|im_end|>"


def test_an_answer_that_was_cut_off_is_no_label(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from nlp_skills.tools.evaluate import predict as module

    def cut_off(*_: Any) -> list[tuple[str, bool]]:
        return [("正面", False), ("正面", True)]

    monkeypatch.setattr(module, "_generate", cut_off)
    assert [answer.answer for answer in predict(loaded, ROWS[:2], PROMPT, LABELS)] in ([None, "正面"], ["正面", None])


def test_a_killed_run_carries_on_from_its_last_whole_batch(loaded: LoadedModel, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill_run(done: int, _total: int) -> None:
        if done >= 10:
            raise Killed

    kept = tmp_path / "kept" / "free.jsonl"
    whole = predict(loaded, ROWS, PROMPT, LABELS, batch_rows=5)
    with pytest.raises(Killed):
        predict(loaded, ROWS, PROMPT, LABELS, batch_rows=5, kept=kept, report=kill_run)
    lines = kept.read_bytes().splitlines(keepends=True)
    kept.write_bytes(b"".join(lines[:7]) + lines[7][:9])  # the kill fell inside the second batch's write
    started_at: list[int] = []
    again = predict(
        loaded, ROWS, PROMPT, LABELS, batch_rows=5, kept=kept, report=lambda done, _: started_at.append(done)
    )
    assert again == whole and started_at[0] == 5
    assert len(list(read_jsonl(kept))) == len(ROWS)


def test_no_rows_give_no_answers(loaded: LoadedModel) -> None:
    assert predict(loaded, [], PROMPT, LABELS) == []
