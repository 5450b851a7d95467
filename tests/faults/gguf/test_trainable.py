"""A GGUF file as the base model, as a person meets it: the way through, to a version that can be reproduced and deployed."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import read_json, read_yaml, sha256_file
from tests.faults.gguf.person import NAMED, NOT_FOR_PEOPLE, SETTINGS, Person, folder_size, run_python, version_of

pytestmark = [pytest.mark.anyio, pytest.mark.minutes]


def test_a_plan_says_that_the_file_must_be_made_trainable_and_training_waits_for_it(told: Path) -> None:
    said = read_json(told / "said.json")
    first = said["first plan"]
    assert "model.gguf" in first["message"] and "trainable" in first["message"]
    assert first["next_step"]["tool"] == "set_up"
    assert first["next_step"]["arguments"]["what"] == "base_model" and "set_up(" in first["next_step"]["say"]
    assert "set_up(" in said["first train"]["error"], said["first train"]
    assert "trainable" not in said["second plan"]["message"] and said["second plan"]["next_step"]["tool"] == "train"


def test_size_and_place_are_told_and_nothing_is_made_before_the_yes(told: Path, files: dict[str, Path]) -> None:
    said = read_json(told / "said.json")
    asked = said["asked"]
    assert str(told / "cache") in asked["message"] and re.search(r"\d (kB|MB|GB)", asked["message"]), asked["message"]
    assert asked["next_step"]["arguments"]["confirm"] is True and asked["job"] is None
    assert said["before the yes"] == []
    assert asked["plan"]["bytes"] >= folder_size(Path(said["again"]["path"])), "what it takes is not more than was said"
    assert sha256_file(told / "workspace" / NAMED) == sha256_file(files["f16"]), "the person's file stays as it is"


def test_name_and_hash_of_the_file_stand_in_the_lineage(told: Path, files: dict[str, Path]) -> None:
    said = read_json(told / "said.json")
    assert "error" not in said["train"] and "error" not in said["evaluate"], said
    lineage = read_yaml(told / "workspace" / "mood" / "versions" / "v1" / "lineage.yaml")
    assert lineage["config"]["base_model"] == NAMED
    assert lineage["hashes"]["base_model"]
    assert sha256_file(files["f16"]) in json.dumps(lineage), "the hash that sha256sum prints for the person's file"


async def test_the_same_content_is_converted_once_under_whatever_name(standing: Person) -> None:
    made = standing.models()
    assert len(made) == 1
    (standing.inbox / "more").mkdir()
    copies = [standing.inbox / "more" / "other name.gguf", standing.inbox / "模型.GGUF"]
    for copy in copies:
        shutil.copy(standing.inbox / "model.gguf", copy)
        for name in (str(copy), str(copy.relative_to(standing.root))):
            answer = await standing.done("set_up", what="base_model", name=name)
            assert answer["job"] is None and answer["path"] == str(made[0]), answer
            plan = await standing.done(
                "plan_training", task="mood", parent="none", settings={**SETTINGS, "base_model": name}
            )
            assert plan["next_step"]["tool"] == "train", plan["message"]
    assert standing.models() == made


async def test_a_version_is_reproduced_with_the_cache_gone_and_made_anew(standing: Person) -> None:
    shutil.rmtree(standing.cache)
    refused = await standing.refusal("reproduce", task="mood", version="v1")
    assert "set_up(" in refused and not NOT_FOR_PEOPLE.search(refused), refused
    await standing.set_up()
    answer = await standing.done("reproduce", task="mood", version="v1")
    assert answer["job"]["result"]["identical"] is True, answer["message"]


async def test_a_version_is_reproduced_where_the_file_was_first_converted_under_another_name(standing: Person) -> None:
    """Another machine: its copy of the file was called otherwise when it was converted there."""
    shutil.rmtree(standing.cache)
    shutil.copy(standing.inbox / "model.gguf", standing.inbox / "downloaded (1).gguf")
    await standing.set_up("inbox/downloaded (1).gguf")
    answer = await standing.done("reproduce", task="mood", version="v1")
    assert answer["job"]["result"]["identical"] is True, answer["message"]


@pytest.mark.parametrize(("target", "settings"), [("merged", {}), ("gguf", {"quantization": "f16", "serve": False})])
async def test_a_version_on_a_gguf_file_deploys(standing: Person, target: str, settings: dict[str, Any]) -> None:
    answer = await standing.call(
        "deploy", task="mood", version="v1", target=target, settings=settings, override_reason="only a test"
    )
    assert "error" not in answer, answer
    assert str(standing.cache) not in json.dumps(answer.get("deployments") or []), "what is deployed stands on its own"


_COMPARE = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
one, other = sys.argv[1:]
a, b = (AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32) for path in (one, other))
left, right = a.state_dict(), b.state_dict()
s, t = AutoTokenizer.from_pretrained(one), AutoTokenizer.from_pretrained(other)
texts = ["rose by 7", " two  spaces\\n\\nlines", "台積電第三季營收創下新高。", "<|im_start|>user\\nhi<|im_end|>\\n", "🙂 naïve"]
talk = [{"role": "system", "content": "One word."}, {"role": "user", "content": "台積電"}]
print(json.dumps({
    "names": sorted(left) == sorted(right),
    "apart": max(float((left[name] - right[name]).abs().max() / left[name].abs().max()) for name in left),
    "ids": [s(text).input_ids == t(text).input_ids for text in texts],
    "chat": s.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
        == t.apply_chat_template(talk, tokenize=False, add_generation_prompt=True),
    "ends": [s.eos_token_id == t.eos_token_id, s.pad_token_id == t.pad_token_id],
}))
"""


@pytest.mark.parametrize(("kind", "tolerance"), [("f16", 1e-3), ("q8_0", 1e-2)])
async def test_what_was_dequantised_is_the_model_that_was_quantised(
    person: Person, files: dict[str, Path], worker: Path, kind: str, tolerance: float
) -> None:
    shutil.copy(files[kind], person.inbox / "model.gguf")
    await person.set_up()
    folder = (await person.set_up())["path"]
    found = json.loads(run_python([worker, "-c", _COMPARE, files["base"], folder], dict(os.environ)).splitlines()[-1])
    apart = found.pop("apart")
    assert found == {"names": True, "ids": [True] * 5, "chat": True, "ends": [True, True]}
    assert 0 <= apart <= tolerance
    if kind == "q8_0":
        assert apart > 0, "a quantised file was compared"


_ANSWER = """
import sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model, tokenizer = AutoModelForCausalLM.from_pretrained(sys.argv[1]), AutoTokenizer.from_pretrained(sys.argv[1])
talk = [{"role": "user", "content": "What is the capital of France?"}]
prompt = tokenizer.apply_chat_template(talk, add_generation_prompt=True, return_tensors="pt", return_dict=True)
print(tokenizer.decode(model.generate(**prompt, max_new_tokens=16, do_sample=False)[0][prompt["input_ids"].shape[1]:]))
"""


async def test_a_published_file_is_made_trainable_trained_and_evaluated(
    person: Person, smollm2: Path, worker: Path
) -> None:
    named = f"inbox/{smollm2.name}"
    shutil.copy(smollm2, person.inbox / smollm2.name)
    await person.prepare()
    asked = await person.done("set_up", what="base_model", name=named)
    # Most of its weights take five bits, those of the embedding eight and a half: sixteen are 2.7 times as much.
    assert asked["plan"]["bytes"] > 2.6 * smollm2.stat().st_size
    for words in ("Llama", "135M", "Q4_1", "apache-2.0"):
        assert words in asked["message"], asked["message"]
    await person.set_up(named)
    folder = Path((await person.set_up(named))["path"])
    assert folder_size(folder) <= asked["plan"]["bytes"]
    # Wrongly ordered or scaled weights would still train; they would not know this.
    assert "Paris" in run_python([worker, "-c", _ANSWER, folder], dict(os.environ))
    settings = {"base_model": named, "lora_r": 8, "epochs": 1, "learning_rate": 1e-3, "threads": 2}
    plan = await person.done("plan_training", task="mood", settings=settings)
    assert plan["next_step"]["tool"] == "train", plan["message"]
    trained = await person.done("train", task="mood", confirm=True)
    assert trained["job"]["result"]["training"]["train_loss"] < 6
    evaluated = await person.done("evaluate", task="mood")
    assert 0 <= evaluated["job"]["result"]["metrics"]["macro_f1"]["value"] <= 1
    lineage = read_yaml(version_of(person) / "lineage.yaml")
    assert lineage["config"]["base_model"] == named and lineage["status"] == "evaluated"
