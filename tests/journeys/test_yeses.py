"""How often a newcomer is asked for a yes: from installing the server to the first training, at most three times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlp_skills.server.cli import main
from tests.journeys import mails
from tests.journeys.person import Call, Person
from tests.journeys.test_journeys import CLEAR, go, is_done_by, knowing
from tests.tools.compute.hub import Hub, serving

pytestmark = [
    pytest.mark.minutes,
    pytest.mark.skipif("NLP_SKILLS_WORKER" not in os.environ, reason="NLP_SKILLS_WORKER names no worker environment"),
]
NAME = "someone/tiny-model"
MOST = 3


@pytest.fixture
def hub(demo_base_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has the base model, which is not on this machine yet."""
    for variable in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("NLP_SKILLS_BASE_MODEL", NAME)
    files = {path.name: path.read_bytes() for path in demo_base_model.iterdir() if path.is_file()}
    with serving(Hub(NAME, files)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A new account whose owner says yes to whatever the terminal asks; the questions are kept."""
    questions: list[str] = []
    home = tmp_path / "home"
    (home / "Downloads").mkdir(parents=True)
    (tmp_path / "account").mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "account"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    def answers(question: str) -> str:
        questions.append(question)
        return "y"

    monkeypatch.setattr("builtins.input", answers)
    return questions


@pytest.mark.usefixtures("hub")
def test_from_installing_to_the_first_training_three_yeses_are_enough(
    workspace: Path, language: str, asked: list[str], tmp_path: Path
) -> None:
    assert main(["install", "--client", "cursor"]) == 0
    rows = mails.write_csv(tmp_path / "home" / "Downloads" / "mails.csv", mails.mails(language, 60))
    calls = go(
        workspace,
        language,
        Person(CLEAR[language], knowing(language, path=str(rows), threshold=0.8), is_done_by("train")),
    )
    agreed = [call for call in calls if call.arguments.get("confirm") is True]
    assert len(asked) + len(agreed) <= MOST, [*asked, *map(_show_call, agreed)]
    assert len(asked) == 1 and [call.arguments["what"] for call in agreed if call.tool == "set_up"] == ["base_model"]


def _show_call(call: Call) -> str:
    return f"{call.tool}({call.arguments})"
