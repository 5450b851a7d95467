"""A GGUF file that cannot be a base model: one clear error, before the yes where its head tells it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.language import Language
from nlp_skills.tools.compute.environments import gguf_base
from tests.faults.gguf.bad_files import BAD, without_chat_template
from tests.faults.gguf.person import NAMED, NOT_FOR_PEOPLE, SETTINGS, Person, check_words

pytestmark = [pytest.mark.anyio, pytest.mark.minutes]

# A yes is worth asking for only where the file can become a model: all that its head tells is told before.
_SEEN_LATER = {"heads that are misread"}


@pytest.fixture
def bad(request: pytest.FixtureRequest, person: Person, files: dict[str, Path]) -> tuple[str, Path]:
    name = str(request.param)
    file = person.inbox / ("model-00001-of-00003.gguf" if name == "one part of several" else "model.gguf")
    BAD[name][0](file, files)
    return name, file


@pytest.mark.parametrize("language", ["en", "zh-TW"])
@pytest.mark.parametrize("bad", BAD, indirect=True)
async def test_a_bad_file_gets_one_clear_error_and_leaves_nothing(
    person: Person, bad: tuple[str, Path], language: Language
) -> None:
    name, file = bad
    speaker = person.speaking(language)
    said = await speaker.refusal("set_up", what="base_model", name=f"inbox/{file.name}", confirm=True)
    assert person.models() == [], "no half folder"
    _, en, zh = BAD[name]
    check_words(said, language, en if language == "en" else zh, file)


@pytest.mark.parametrize("bad", [name for name in BAD if name not in _SEEN_LATER], indirect=True)
async def test_a_bad_file_is_refused_before_the_yes(person: Person, bad: tuple[str, Path]) -> None:
    name, file = bad
    said = await person.refusal("set_up", what="base_model", name=str(file))
    check_words(said, "en", BAD[name][1], file)


@pytest.mark.parametrize("language", ["en", "zh-TW"])
async def test_a_plan_on_a_bad_file_says_so_and_is_not_trained(
    person: Person, files: dict[str, Path], language: Language
) -> None:
    speaker = person.speaking(language)
    await speaker.prepare()
    wrong: dict[str, str] = {}
    for name in (
        "a page that was saved instead",
        "an empty file",
        "one part of several",
        "a missing file",
        "a folder with that ending",
    ):
        make, en, zh = BAD[name]
        file = person.inbox / f"{hashlib.sha256(name.encode()).hexdigest()[:6]}.gguf"
        make(file, files)
        answer = await speaker.call("plan_training", task="mood", settings={**SETTINGS, "base_model": str(file)})
        told = str(answer.get("error") or answer["message"])
        if NOT_FOR_PEOPLE.search(told) or not any(word in told for word in (en if language == "en" else zh)):
            wrong[name] = told
        if "error" not in answer:
            refused = await speaker.refusal("train", task="mood", plan=answer["plan"], confirm=True)
            try:
                check_words(refused, language, en if language == "en" else zh, file)
            except AssertionError as error:
                wrong[f"{name}, trained"] = str(error)
    assert not wrong, json.dumps(wrong, ensure_ascii=False, indent=1)


async def test_what_cannot_be_read_is_not_read(
    person: Person, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file outside the allowed places, by its path, by a way back and by a link in the inbox."""
    outside = tmp_path / "elsewhere" / "model.gguf"
    outside.parent.mkdir()
    shutil.copy(files["f16"], outside)
    (person.inbox / "link.gguf").symlink_to(outside)
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "account"))
    for language in ("en", "zh-TW"):
        for name in (str(outside), "../elsewhere/model.gguf", "inbox/link.gguf"):
            for confirm in (False, True):
                said = await person.speaking(language).refusal("set_up", what="base_model", name=name, confirm=confirm)
                assert "inbox" in said and not NOT_FOR_PEOPLE.search(said), said
                assert (re.search("[\u4e00-\u9fff]{3}", said) is not None) == (language == "zh-TW"), said
    assert person.models() == []


async def test_a_disk_without_room_is_told_before_the_yes(
    person: Person, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(files["f16"], person.inbox / "model.gguf")
    monkeypatch.setattr(gguf_base, "free_disk", lambda _path: 1_000_000)
    for confirm in (False, True):
        said = await person.refusal("set_up", what="base_model", name=NAMED, confirm=confirm)
        assert "MB" in said and "→" in said and not NOT_FOR_PEOPLE.search(said), said
        said = await person.speaking("zh-TW").refusal("set_up", what="base_model", name=NAMED, confirm=confirm)
        assert "MB" in said and "空間" in said, said
    assert person.models() == []


async def test_a_cache_that_cannot_be_written_is_named(
    person: Person, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(files["f16"], person.inbox / "model.gguf")
    (tmp_path / "plain").write_text("a file, not a folder", encoding="utf-8")
    monkeypatch.setenv("NLP_SKILLS_CACHE", str(tmp_path / "plain" / "cache"))
    said = await person.refusal("set_up", what="base_model", name=NAMED, confirm=True)
    assert "plain" in said and "→" in said and not NOT_FOR_PEOPLE.search(said), said


async def test_a_file_without_a_chat_template_is_told_about_and_never_ends_in_a_fault(
    person: Person, files: dict[str, Path]
) -> None:
    """A base model that was never tuned to chat: it trains, or the person hears what is missing."""
    (person.inbox / "model.gguf").write_bytes(without_chat_template(files["f16"].read_bytes()))
    await person.prepare()
    for tool, arguments in (
        ("set_up", {"what": "base_model", "name": NAMED, "confirm": True}),
        ("plan_training", {"task": "mood", "settings": SETTINGS}),
        ("train", {"task": "mood", "confirm": True}),
    ):
        answer = await person.call(tool, **arguments)
        if "error" in answer:
            said = str(answer["error"])
            assert "template" in said and "→" in said and not NOT_FOR_PEOPLE.search(said), said
            return
