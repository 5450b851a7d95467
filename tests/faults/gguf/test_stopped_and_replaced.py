"""A GGUF file whose conversion is stopped or doubled, and one that is replaced after planning or training."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest

from nlp_skills.resources.job import job_folders
from nlp_skills.resources.workspace import Workspace
from tests.faults.gguf.bad_files import BAD
from tests.faults.gguf.person import NAMED, NOT_FOR_PEOPLE, SETTINGS, Person, check_words, version_of

pytestmark = [pytest.mark.anyio, pytest.mark.minutes]


async def test_a_conversion_that_is_killed_leaves_no_model_and_is_begun_again(
    person: Person, files: dict[str, Path]
) -> None:
    shutil.copy(files["f16"], person.inbox / "model.gguf")
    killed: list[int] = []

    async def kill() -> None:
        """As soon as anything stands in the cache."""
        while not person.models():
            await anyio.sleep(0.001)
        [folder] = [folder for folder in job_folders(Workspace(person.root)) if "base_model" in folder.root.name]
        process = folder.process()
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        killed.append(process.pid)

    answer: dict[str, Any] = {}
    with anyio.fail_after(120):
        async with anyio.create_task_group() as group:
            group.start_soon(kill)
            answer = await person.call("set_up", what="base_model", name=NAMED, confirm=True)
    assert killed and "can be trained now" not in str(answer), answer
    assert not NOT_FOR_PEOPLE.search(str(answer.get("error") or answer["message"])), answer
    plan = await person.done("set_up", what="base_model", name=NAMED)
    assert plan["path"] is None, "half a folder counts as a model"
    await person.set_up()
    made = await person.set_up()
    assert [str(folder) for folder in person.models()] == [made["path"]], "what was begun before is gone"


async def test_a_conversion_that_is_cancelled_leaves_nothing_and_is_resumed(
    person: Person, files: dict[str, Path]
) -> None:
    shutil.copy(files["q8_0"], person.inbox / "model.gguf")

    async def cancel() -> None:
        while not [folder for folder in job_folders(Workspace(person.root)) if folder.process()]:
            await anyio.sleep(0.001)
        [folder] = job_folders(Workspace(person.root))
        await person.done("manage_job", job_id=folder.id, action="cancel")

    with anyio.fail_after(120):
        async with anyio.create_task_group() as group:
            group.start_soon(cancel)
            await person.call("set_up", what="base_model", name=NAMED, confirm=True)
    assert person.models() == []
    [folder] = job_folders(Workspace(person.root))
    resumed = await person.done("manage_job", job_id=folder.id, action="resume")
    assert resumed["job"]["state"] == "succeeded", resumed["message"]
    assert len(person.models()) == 1


async def test_two_who_convert_at_once_get_one_model(person: Person, files: dict[str, Path]) -> None:
    for name in ("model.gguf", "same.gguf"):
        shutil.copy(files["f16"], person.inbox / name)
    answers: list[dict[str, Any]] = []

    async def convert(name: str) -> None:
        answers.append(await person.call("set_up", what="base_model", name=name, confirm=True))

    async with anyio.create_task_group() as group:
        for name in (NAMED, "inbox/same.gguf", str(person.inbox / "model.gguf")):
            group.start_soon(convert, name)
    for answer in answers:
        assert "error" not in answer, answer
    made = await person.set_up()
    assert made["path"] and [str(folder) for folder in person.models()] == [made["path"]]


async def test_two_workspaces_with_one_cache_convert_at_once(person: Person, files: dict[str, Path]) -> None:
    people = [person, Person(person.root.with_name("second")), Person(person.root.with_name("third"))]
    answers: list[dict[str, Any]] = []

    async def convert(one: Person) -> None:
        shutil.copy(files["f16"], one.inbox / "model.gguf")
        answers.append(await one.call("set_up", what="base_model", name=NAMED, confirm=True))

    async with anyio.create_task_group() as group:
        for one in people:
            group.start_soon(convert, one)
    for answer in answers:
        assert "error" not in answer, answer
    paths = {(await one.set_up())["path"] for one in people}
    assert [str(folder) for folder in person.models()] == sorted(paths) and len(paths) == 1


@pytest.mark.parametrize("converted", [True, False], ids=["converted", "not converted"])
async def test_a_file_replaced_after_planning_is_not_trained_on_unsaid(
    standing: Person, files: dict[str, Path], converted: bool
) -> None:
    await standing.done("plan_training", task="mood", parent="none", settings=SETTINGS)
    shutil.copy(files["other"], standing.inbox / "model.gguf")
    if converted:
        await standing.set_up()
    said = await standing.refusal("train", task="mood", confirm=True)
    assert "model.gguf" in said and "→" in said and not NOT_FOR_PEOPLE.search(said), said
    words = ["changed", "replaced", "another", "not the file", "no longer"]
    assert any(word in said for word in words), f"nothing says that the file is another one: {said}"
    assert not version_of(standing, "v2").exists()


@pytest.mark.parametrize("converted", [True, False], ids=["converted", "not converted"])
@pytest.mark.parametrize("tool", ["evaluate", "reproduce", "deploy"])
async def test_a_file_replaced_after_training_is_named_by_the_tool_that_stands_on_it(
    standing: Person, files: dict[str, Path], tool: str, converted: bool
) -> None:
    """Either the version goes on with what it was trained on (the cache still has it), or the person hears of it."""
    shutil.copy(files["other"], standing.inbox / "model.gguf")
    if converted:
        await standing.set_up()
    arguments = {"target": "merged", "override_reason": "only a test"} if tool == "deploy" else {}
    answer = await standing.call(tool, task="mood", version="v1", **arguments)
    if "error" not in answer:
        if tool == "reproduce":
            assert answer["job"]["result"]["identical"] is True, answer["message"]
        return
    said = str(answer["error"])
    assert "model.gguf" in said and "→" in said and not NOT_FOR_PEOPLE.search(said), said
    words = ["changed", "replaced", "another", "not the file", "no longer"]
    assert any(word in said for word in words), f"nothing says that the file is another one: {said}"


@pytest.mark.parametrize("tool", ["evaluate", "reproduce"])
async def test_a_file_that_is_gone_after_training_is_named(standing: Person, tool: str) -> None:
    """With the cache gone too there is nothing left to stand on."""
    (standing.inbox / "model.gguf").unlink()
    shutil.rmtree(standing.cache)
    said = await standing.refusal(tool, task="mood", version="v1")
    check_words(said, "en", BAD["a missing file"][1], standing.inbox / "model.gguf")


@pytest.mark.parametrize("tool", ["evaluate", "reproduce"])
async def test_a_file_that_was_put_away_after_training_leaves_the_version_usable(standing: Person, tool: str) -> None:
    """What it was trained on still stands in the cache."""
    (standing.inbox / "model.gguf").unlink()
    answer = await standing.call(tool, task="mood", version="v1")
    if "error" in answer:
        check_words(str(answer["error"]), "en", BAD["a missing file"][1], standing.inbox / "model.gguf")
    elif tool == "reproduce":
        assert answer["job"]["result"]["identical"] is True, answer["message"]


async def test_a_model_of_the_cache_that_was_changed_by_hand_is_not_used_unsaid(standing: Person) -> None:
    [folder] = standing.models()
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-64:] = b"\x11" * 64
    weights.write_bytes(content)
    said = await standing.refusal("evaluate", task="mood", version="v1")
    assert "base model" in said and "→" in said and not NOT_FOR_PEOPLE.search(said), said
