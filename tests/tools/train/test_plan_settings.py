"""Defaults, settings and reasons of a plan."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources import knowledge
from nlp_skills.resources.foundation.errors import TrainingError
from nlp_skills.resources.foundation.files import dump_jsonl, read_jsonl
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.train.base_facts import outline, parameters_in_name, read_base_model
from nlp_skills.tools.train.default_settings import resolve_settings, warn_of_settings
from nlp_skills.tools.train.estimate import Rows, estimate, memory_by_parts
from nlp_skills.tools.train.method import make_method, methods
from nlp_skills.tools.train.methods.sft import Sft
from nlp_skills.tools.train.plan import read_plan
from nlp_skills.tools.train.preflight import require_ready
from nlp_skills.tools.train.tokenise import TokenisedRow
from nlp_skills.tools.train.training_context import TrainingContext
from tests.tools.train.test_planning import base, plan, write_base

__all__ = ["base"]


def test_every_method_documents_itself_and_its_settings() -> None:
    for kind, method in methods().items():
        assert method.__doc__ and method.kind == kind
        assert all(field.description for field in method.model_fields.values())


def test_defaults_follow_rows_and_model_size() -> None:
    chosen = {
        rows: resolve_settings(sft(), TrainingContext(rows, 50, parameters=4_000_000_000))[0].model_dump()
        for rows in (300, 2000, 20_000)
    }
    assert [settings["epochs"] for settings in chosen.values()] == [4, 3, 2]
    assert {settings["learning_rate"] for settings in chosen.values()} == {2e-4}
    assert chosen[20_000]["lora_r"] == 32
    assert all(settings["batch_size"] * settings["gradient_accumulation"] == 16 for settings in chosen.values())
    slow, context = sft(learning_rate=2e-5, lora_r=16), TrainingContext(300, 0, parameters=10**9)
    assert "far below" in warn_of_settings(resolve_settings(slow, context)[0], context)[0].en


def sft(**settings: Any) -> Sft:
    return Sft.model_validate({"base_model": "any", **settings})


def test_oversampling_shows_every_label_equally_often() -> None:
    rows = [TokenisedRow(str(n), "rare" if n == 0 else "common", [n], 0, 0) for n in range(5)]
    oversampled = sft(balance="oversample")
    balanced = oversampled.build_dataset(rows)
    assert [row.answer for row in balanced].count("rare") == 4 == [row.answer for row in balanced].count("common")
    assert sft().build_dataset(rows) == rows
    context = TrainingContext(5, 0, label_counts={"rare": 1, "common": 4})
    assert oversampled.rows_per_epoch(context) == len(balanced)


@pytest.mark.parametrize(
    ("keep_best", "best", "stops"), [("recall", 3, False), ("loss", 2, True), ("last", None, False)]
)
def test_the_kept_epoch_and_the_early_stop_follow_the_history(keep_best: str, best: int | None, stops: bool) -> None:
    evaluations = [(1, 0.9, 0.5), (2, 0.4, 0.6), (3, 0.5, 0.7), (4, 0.6, 0.7)]
    history = [{"step": step, "eval_loss": loss, "eval_recall": recall} for step, loss, recall in evaluations]
    method = sft(keep_best=keep_best, early_stopping=2)
    assert method.best_step([{"step": 1, "loss": 1.0}, *history]) == best
    assert method.stops_early(history) is stops


def test_sizes_are_read_from_headers_and_names(base: Path) -> None:
    model = read_base_model(base)
    assert model.parameters == 100 * 8 + 64 + 128 + 8
    assert model.lora_parameters(4) == 4 * (8 + 8) + 4 * (16 + 8)
    assert parameters_in_name("Qwen/Qwen3-0.6B") == 600_000_000
    assert parameters_in_name("google/gemma-3-270m-it") == 270_000_000
    assert parameters_in_name("my-model") is None


def test_a_setting_out_of_range_is_refused_wholly_in_the_language_spoken() -> None:
    with speaking("zh-TW"), pytest.raises(TrainingError) as caught:
        make_method("sft", {"base_model": "somewhere", "epochs": 1000})
    assert caught.value.field == "epochs"
    assert "100" in str(caught.value) and "Input should be" not in str(caught.value)
    assert "How often" not in str(caught.value)


def test_a_base_model_that_is_not_here_yet_is_estimated_before_anything_is_downloaded(
    workspace: Workspace, task: TaskFolder
) -> None:
    answer = plan(workspace, task, {"base_model": "Qwen/Qwen3-4B"})
    assert answer.next_step.tool == "set_up"
    assert answer.estimate and answer.estimate.memory_bytes["weights"] > 8e9
    cards = {option.gpu: option for option in answer.elsewhere}
    assert cards and all(option.hours[0] < option.hours[1] and option.needed_gb > 8 for option in answer.elsewhere)
    assert any(option.usd and option.usd[0] < option.usd[1] and option.priced for option in answer.elsewhere)
    assert "USD" in answer.message


def test_a_model_that_no_card_holds_is_said_to_need_more(workspace: Workspace, task: TaskFolder) -> None:
    answer = plan(workspace, task, {"base_model": "some/Giant-400B", "lora_r": 0})
    assert [option.fits for option in answer.elsewhere] == ["no"]
    assert "No single card" in answer.message


def test_every_reason_names_the_page_it_rests_on_and_every_page_exists(
    workspace: Workspace, task: TaskFolder, base: Path
) -> None:
    reasons = plan(workspace, task, {"base_model": str(base)}).reasons
    pages = {name: re.search(r"\[llm-knowledge/([a-z-]+)\]$", why) for name, why in reasons.items()}
    assert all(pages[name] for name in ("lora_r", "learning_rate", "epochs", "batch_size"))
    for found in pages.values():
        assert found is None or (knowledge.SKILLS / "llm-knowledge" / f"{found[1]}.md").is_file(), found[1]


def test_other_base_models_are_offered_until_the_person_chose_one(workspace: Workspace, task: TaskFolder) -> None:
    offered = plan(workspace, task, {}).base_models
    assert offered and all(option.needed_gb > 0 and option.licence and option.chinese for option in offered)
    assert plan(workspace, task, {"base_model": offered[0].name}).base_models == []


def test_a_known_card_narrows_the_time_and_an_unknown_one_widens_it() -> None:
    rows, shape = Rows(500, (100_000, 100_000), 300), outline("Qwen/Qwen3-4B")
    assert shape
    settings = {
        "batch_size": 8,
        "gradient_accumulation": 2,
        "epochs": 3,
        "lora_r": 16,
        "activation_checkpointing": True,
    }
    known, unknown = (estimate(settings, shape, rows, 8, name, None).seconds for name in ("NVIDIA L4", "Other GPU"))
    assert known[1] / known[0] < unknown[1] / unknown[0]


def test_two_clients_that_plan_at_once_get_two_plans_and_the_same_again_is_the_same(
    workspace: Workspace, task: TaskFolder, tmp_path: Path
) -> None:
    base = str(write_base(tmp_path / "base"))
    with ThreadPoolExecutor(2) as clients:
        answers = list(
            clients.map(lambda epochs: plan(workspace, task, {"base_model": base, "epochs": epochs}), (3, 5))
        )
    assert {answer.plan for answer in answers} == {"plan-v1", "plan-v1-2"}
    for answer, epochs in zip(answers, (3, 5), strict=True):
        assert answer.plan and read_plan(task, answer.plan).settings.model_dump()["epochs"] == epochs
    assert plan(workspace, task, {"base_model": base, "epochs": 3}).plan == answers[0].plan


def test_a_base_model_without_a_chat_template_is_refused_when_it_is_planned(
    workspace: Workspace, task: TaskFolder, tmp_path: Path
) -> None:
    base = write_base(tmp_path / "base")
    (base / "chat_template.jinja").unlink()
    answer = plan(workspace, task, {"base_model": str(base)})
    [finding] = [one for one in answer.findings if one["code"] == "chat_template"]
    assert finding["level"] == "blocking" and "no chat template" in finding["problem"]
    assert answer.next_step.arguments["settings"] == {"base_model": "<its chat variant>"}
    with pytest.raises(TrainingError, match="no chat template"):
        require_ready(workspace, task, answer.plan, confirm=True)


def test_a_template_that_writes_the_date_and_rows_that_hold_control_tokens_are_told_with_the_plan(
    workspace: Workspace, task: TaskFolder, tmp_path: Path
) -> None:
    base = write_base(tmp_path / "base")
    (base / "chat_template.jinja").write_text("{{ strftime_now('%d %b %Y') }}{{ messages }}")
    file = task.data / "train.jsonl"
    first, *rest = read_jsonl(file)
    file.write_bytes(dump_jsonl([{**first, "text": first["text"] + "<|im_end|> 負面"}, *rest]))
    findings = {one["code"]: one for one in plan(workspace, task, {"base_model": str(base)}).findings}
    assert findings["clock"]["level"] == findings["control_tokens"]["level"] == "warning"
    said = findings["control_tokens"]["problem"]
    assert "1 row holds" in said and "(train)" in said and "<|im_end|>" in said and first["text"] in said
    assert "neutralise" in findings["control_tokens"]["fix"]


def test_four_bits_leave_the_head_in_its_precision_where_it_is_its_own(tmp_path: Path) -> None:
    settings = {"lora_r": 16, "batch_size": 1, "load_in_4bit": True}
    rows = Rows(10, (100, 100), 10)
    shapes = {"model.embed_tokens.weight": [100_000, 512], "model.layers.0.mlp.up_proj.weight": [2048, 512]}
    tied = read_base_model(
        write_base(tmp_path / "tied", shapes, hidden_size=512, vocab_size=100_000, tie_word_embeddings=True)
    )
    own = read_base_model(
        write_base(
            tmp_path / "own",
            {**shapes, "lm_head.weight": [100_000, 512]},
            hidden_size=512,
            vocab_size=100_000,
            tie_word_embeddings=False,
        )
    )
    weights = [memory_by_parts(settings, base, rows, gpu=True, recompute=True)["weights"] for base in (tied, own)]
    assert weights[1] - weights[0] == pytest.approx(1.1 * 100_000 * 512 * 2, rel=1e-3)
    assert weights[0] == pytest.approx(1.1 * (100_000 * 512 * 2 + 2048 * 512 * 0.55), rel=1e-3)
