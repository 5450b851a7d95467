"""What the environment may say about the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlp_skills.resources.foundation.language import speaking
from nlp_skills.server.settings import TOOLSETS, Settings, SettingsError


def test_an_empty_environment_gives_every_toolset_and_the_home_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NLP_SKILLS_WORKSPACE", raising=False)
    settings = Settings.from_environment({})
    assert settings.toolsets == TOOLSETS and not settings.read_only and settings.language is None
    assert settings.workspace == (Path.home() / "nlp-skills").resolve()


def test_the_environment_is_read(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "NLP_SKILLS_WORKSPACE": str(tmp_path),
            "NLP_SKILLS_LANGUAGE": "zh_TW.UTF-8",
            "NLP_SKILLS_TOOLSETS": "tasks, coach",
            "NLP_SKILLS_READ_ONLY": "1",
        }
    )
    assert settings == Settings(
        workspace=tmp_path.resolve(), language="zh-TW", toolsets=("tasks", "coach"), read_only=True
    )


@pytest.mark.parametrize(
    ("variable", "value", "offered"),
    [
        ("NLP_SKILLS_TOOLSETS", "tasks,trian", "train"),
        ("NLP_SKILLS_LANGUAGE", "fr", "en, zh-TW"),
        ("NLP_SKILLS_READ_ONLY", "maybe", "1, 0"),
    ],
)
def test_an_unknown_value_is_refused_with_the_right_ones(variable: str, value: str, offered: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({variable: value})
    assert refused.value.field == variable and offered in refused.value.fix.en
    with speaking("zh-TW"):
        assert offered.replace(", ", "、") in str(refused.value) and "沒有「" in str(refused.value)
