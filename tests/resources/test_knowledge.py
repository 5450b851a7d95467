from __future__ import annotations

from pathlib import Path

import pytest

from nlp_skills.resources import knowledge
from nlp_skills.resources.foundation.errors import UnknownResource
from nlp_skills.resources.foundation.language import speaking

HAN = range(0x4E00, 0x9FFF)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "skills" / "llm-coach"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\ndescription: Leads.\n---\n\n# The coach\n", encoding="utf-8")
    (folder / "SKILL.zh-TW.md").write_text("---\ndescription: 引導。\n---\n# 教練\n", encoding="utf-8")
    (folder / "goals.md").write_text("# Goals\n", encoding="utf-8")
    (folder / "pain.md").write_text(
        "---\ntitle: Pain points\ndescription: Where it hurts.\nchecked: 2026-11\n"
        "keywords: [cost, burden]\n---\n# Pain\n",
        encoding="utf-8",
    )
    (folder / "pain.zh-TW.md").write_text(
        "---\ntitle: 痛點\ndescription: 哪裡痛。\nkeywords: 成本, 負擔\n---\n# 痛\n", encoding="utf-8"
    )
    monkeypatch.setattr(knowledge, "SKILLS", folder.parent)
    return folder


def test_a_skill_and_its_pages_are_described_in_the_calls_language(shelf: Path) -> None:
    (skill,) = knowledge.skills()
    assert skill[:3] == ("llm-coach", "The coach", "Leads.")
    assert skill.pages == [
        ("goals", "Goals", "", "", ()),
        ("pain", "Pain points", "Where it hurts.", "2026-11", ("cost", "burden")),
    ]
    with speaking("zh-TW"):
        (skill,) = knowledge.skills()
    assert skill[:3] == ("llm-coach", "教練", "引導。")
    assert [page.title for page in skill.pages] == ["Goals", "痛點"] and skill.pages[1].keywords == ("成本", "負擔")


def test_a_page_that_changed_is_described_anew_and_broken_front_matter_hides_nothing(shelf: Path) -> None:
    assert knowledge.skills()[0].pages[0].title == "Goals"
    (shelf / "goals.md").write_text("---\ntitle: [broken\n---\n# Goals and wishes\n", encoding="utf-8")
    assert knowledge.skills()[0].pages[0].title == "Goals and wishes"
    assert knowledge.read_page("llm-coach", "goals") == "# Goals and wishes\n"


def test_a_page_is_read_in_the_asked_language_and_without_its_front_matter(shelf: Path) -> None:
    assert knowledge.read_page("llm-coach") == "# The coach\n"
    assert knowledge.read_page("llm-coach", language="zh-TW") == "# 教練\n"


def test_a_page_without_a_translation_is_read_in_english(shelf: Path) -> None:
    assert knowledge.read_page("llm-coach", "goals", "zh-TW") == "# Goals\n"


@pytest.mark.parametrize(
    ("skill", "page", "field"),
    [
        ("llm-couch", "SKILL", "skill"),
        ("llm-coach", "gaols", "page"),
        ("..", "SKILL", "skill"),
        ("llm-coach", "../../secret", "page"),
        ("llm-coach", "SKILL.zh-TW", "page"),
    ],
)
def test_an_unknown_page_is_refused_and_the_nearest_offered(shelf: Path, skill: str, page: str, field: str) -> None:
    with pytest.raises(UnknownResource) as caught:
        knowledge.read_page(skill, page)
    assert caught.value.field == field
    for fix in caught.value.fix:
        assert ("llm-coach" if field == "skill" else "goals") in fix and "read_resource(search=" in fix


def test_the_shipped_skills_are_the_four_of_the_design_each_in_both_languages() -> None:
    assert knowledge.skill_names() == ["data-pipeline", "llm-coach", "llm-knowledge", "task-manager"]
    for skill in knowledge.skill_names():
        for page in (knowledge.MAIN_PAGE, *knowledge.page_names(skill)):
            assert any(ord(c) in HAN for c in knowledge.read_page(skill, page, "zh-TW")), f"{skill}/{page} in Chinese"
            assert knowledge.read_page(skill, page, "en").strip()
