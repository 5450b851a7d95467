"""Somebody changed what a version stands on: each tool that would use it says so by name, and an honest one passes.

The version is a real one, made by the tools; what is changed keeps its size where it can, as a sly hand would leave it.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import read_json, write_json
from nlp_skills.resources.version import VersionFolder
from tests.faults.conftest import PreparedTask

pytestmark = [pytest.mark.anyio, pytest.mark.minutes]


def add_noise(weights: Path) -> None:
    """Add noise to a safetensors file of 32-bit floats: the same size, the same header, other numbers."""
    content = bytearray(weights.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    for at in range(start, len(content) - 4, 4 * 7):
        [value] = struct.unpack_from("<f", content, at)
        struct.pack_into("<f", content, at, value + 0.05)
    before = weights.stat()
    weights.write_bytes(content)
    assert weights.stat().st_size == before.st_size


def noise_in_base(standing: PreparedTask) -> None:
    add_noise(standing.base / "model.safetensors")


def other_tokenizer(standing: PreparedTask) -> None:
    """Two tokens change places."""
    file = standing.base / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    vocabulary = content["model"]["vocab"]
    one, other = [token for token in vocabulary if token.isascii() and token.isalpha()][:2]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
    file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def other_chat_template(standing: PreparedTask) -> None:
    files = [
        file
        for file in (standing.base / "chat_template.jinja", standing.base / "tokenizer_config.json")
        if file.is_file()
    ]
    for file in files:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".jinja":
            file.write_text("{# #}Note well. " + text, encoding="utf-8")
            return
        content = json.loads(text)
        if "chat_template" in content:
            content["chat_template"] = "Note well. " + content["chat_template"]
            file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
            return
    raise AssertionError("the base has no chat template")


def noise_in_adapter(standing: PreparedTask) -> None:
    add_noise(standing.task.root / "models" / "v2" / "adapter" / "adapter_model.safetensors")


def other_adapter_settings(standing: PreparedTask) -> None:
    """Twice the scale: other answers from the same weights."""
    file = standing.task.root / "models" / "v2" / "adapter" / "adapter_config.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**content, "lora_alpha": 2 * content["lora_alpha"]}), encoding="utf-8")


def other_snapshot_row(standing: PreparedTask) -> None:
    """One training row's label is turned around."""
    [file] = standing.task.snapshots.glob("*/train.jsonl")
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    row = json.loads(lines[0])
    row["label"] = "bad" if row["label"] == "good" else "good"
    file.write_text(json.dumps(row, ensure_ascii=False) + "\n" + "".join(lines[1:]), encoding="utf-8")


def other_predictions(standing: PreparedTask) -> None:
    """One answer is another one, in every copy of the file."""
    version = VersionFolder(standing.task, 2)
    for file in [*(version.root / "predictions").iterdir(), version.predictions_file]:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        rows[0] = {**rows[0], "predicted": "neither", "raw": "neither", "correct": False}
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def changed_figure(standing: PreparedTask, value: float) -> None:
    file = VersionFolder(standing.task, 2).results_file
    results = read_json(file)
    results["evaluations"][-1]["metrics"]["macro_f1"] = {"value": value, "low": value, "high": value}
    write_json(file, results)


def other_results(standing: PreparedTask) -> None:
    """The score is another one than the answers give."""
    value = read_json(VersionFolder(standing.task, 2).results_file)["evaluations"][-1]["metrics"]["macro_f1"]["value"]
    changed_figure(standing, 0.5 if value > 0.9 else 1.0)


DEPLOY = {"version": "v2", "target": "merged"}
REPRODUCE, EVALUATE, COMPARE = {"version": "v2"}, {"version": "v2"}, {"a": "v1", "b": "v2"}
# What was changed, the tools that stand on it, and the words of which the refusal has to have one: in what it calls the
# thing, or its file's name.
CASES: list[Any] = [
    pytest.param(noise_in_base, "evaluate", EVALUATE, ("base model",), id="base-evaluate"),
    pytest.param(noise_in_base, "reproduce", REPRODUCE, ("base model",), id="base-reproduce"),
    pytest.param(noise_in_base, "deploy", DEPLOY, ("base model",), id="base-deploy"),
    pytest.param(other_tokenizer, "evaluate", EVALUATE, ("tokenizer",), id="tokenizer-evaluate"),
    pytest.param(other_tokenizer, "deploy", DEPLOY, ("tokenizer",), id="tokenizer-deploy"),
    pytest.param(other_chat_template, "evaluate", EVALUATE, ("chat template", "chat_template"), id="template-evaluate"),
    pytest.param(
        other_chat_template, "reproduce", REPRODUCE, ("chat template", "chat_template"), id="template-reproduce"
    ),
    pytest.param(noise_in_adapter, "evaluate", EVALUATE, ("adapter",), id="adapter-evaluate"),
    pytest.param(noise_in_adapter, "deploy", DEPLOY, ("adapter",), id="adapter-deploy"),
    pytest.param(other_adapter_settings, "evaluate", EVALUATE, ("adapter",), id="adapter-settings-evaluate"),
    pytest.param(other_snapshot_row, "reproduce", REPRODUCE, ("train.jsonl", "snapshot"), id="snapshot-reproduce"),
    pytest.param(other_snapshot_row, "evaluate", EVALUATE, ("train.jsonl", "snapshot"), id="snapshot-evaluate"),
    pytest.param(other_predictions, "compare_versions", COMPARE, ("predictions", "answers"), id="predictions-compare"),
    pytest.param(other_predictions, "deploy", DEPLOY, ("predictions", "answers"), id="predictions-deploy"),
    pytest.param(other_results, "compare_versions", COMPARE, ("results",), id="results-compare"),
    pytest.param(other_results, "deploy", DEPLOY, ("results",), id="results-deploy"),
]


@pytest.mark.parametrize(("tamper", "tool", "arguments", "named"), CASES)
async def test_what_was_changed_is_named_by_the_tool_that_stands_on_it(
    standing: PreparedTask,
    tamper: Callable[[PreparedTask], None],
    tool: str,
    arguments: dict[str, Any],
    named: tuple[str, ...],
) -> None:
    tamper(standing)
    before = evaluations(standing)
    said = (await standing.read_refusal(tool, **arguments)).lower()
    assert any(word in said for word in named) and re.search(
        "changed|differ|not the same|other than|no longer|is not the file", said
    ), said
    assert "traceback" not in said
    assert evaluations(standing) == before, "nothing was measured on it"
    assert not list(standing.task.deployments.glob("*.json")), "nothing was deployed"


async def test_an_untouched_version_is_compared_evaluated_reproduced_and_deployed(standing: PreparedTask) -> None:
    compared = await standing.call("compare_versions", **COMPARE)
    assert "error" not in compared, compared
    evaluated = await standing.call("evaluate", **EVALUATE)
    assert "error" not in evaluated and len(evaluations(standing)) == 2, evaluated
    reproduced = await standing.call("reproduce", **REPRODUCE)
    assert reproduced["job"]["result"]["identical"] is True, reproduced
    deployed = await standing.call("deploy", **DEPLOY)
    assert "error" not in deployed, deployed


def evaluations(standing: PreparedTask) -> list[Any]:
    return VersionFolder(standing.task, 2).evaluations()


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many bytes each hash of this process was fed, whoever asked for it."""
    fed: list[int] = []
    real, whole = hashlib.sha256, hashlib.file_digest

    class Counting:
        def __init__(self, content: bytes = b"", **options: Any) -> None:
            self._hash = real(content, **options)
            fed.append(len(content))

        def update(self, content: Any) -> None:
            fed[-1] += len(memoryview(content))
            self._hash.update(content)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._hash, name)

    def digest(file: Any, algorithm: Any, **options: Any) -> Any:
        place = file.tell()
        fed.append(file.seek(0, 2) - place)
        file.seek(place)
        return whole(file, real if algorithm is Counting else algorithm, **options)

    monkeypatch.setattr(hashlib, "sha256", Counting)
    monkeypatch.setattr(hashlib, "file_digest", digest)
    yield fed


async def test_what_did_not_change_is_not_hashed_whole_a_second_time_by_the_server(
    standing: PreparedTask, hashed: list[int]
) -> None:
    """Looking again at an untouched version costs no read of its large files: size, time and inode are as they were."""
    size = (standing.base / "notes.json").stat().st_size
    await standing.call("compare_versions", **COMPARE)
    await standing.call("diagnose", version="v2")
    first = len([one for one in hashed if one == size])
    hashed.clear()
    await standing.call("compare_versions", **COMPARE)
    await standing.call("diagnose", version="v2")
    again = len([one for one in hashed if one == size])
    assert first <= 2 and again == 0


async def test_the_processor_and_scikit_learn_belong_to_the_environment(standing: PreparedTask) -> None:
    environment = json.dumps(read_json(VersionFolder(standing.task, 2).environment_file)).lower()
    assert "scikit-learn" in environment
    model = [
        line.split(":", 1)[1].strip().lower()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    assert not model or model[0] in environment
