"""The skills: markdown pages in `skills/<skill>/`, each in English and in Traditional Chinese.

A page `SKILL.md` has its Chinese beside it as `SKILL.zh-TW.md`; a page without one is read in English.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import NamedTuple

import yaml

from .errors import UnknownResource
from .language import LANGUAGES, Language, Text, spoken_language

SKILLS = Path(__file__).parent / "skills"
MAIN_PAGE = "SKILL"
_HEADING = re.compile(r"^#\s+(.+?)\s*$", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n", re.DOTALL)


class Skill(NamedTuple):
    """One skill in a list: its folder's name, what it is about, and its further pages."""

    name: str
    title: str
    description: str
    pages: list[str]


def skill_names() -> list[str]:
    """The skills that have a main page, sorted."""
    return sorted(main.parent.name for main in SKILLS.glob(f"*/{MAIN_PAGE}.md"))


def page_names(skill: str) -> list[str]:
    """The pages of a skill besides its main one, sorted."""
    pages = {path.name.removesuffix(".md") for path in (SKILLS / skill).glob("*.md")}
    languages = tuple(f".{language}" for language in LANGUAGES)
    return sorted(page for page in pages if page != MAIN_PAGE and not page.endswith(languages))


def skills() -> list[Skill]:
    """Every skill, described in the call's language."""
    return [_described(name) for name in skill_names()]


def read_page(skill: str, page: str = MAIN_PAGE, language: Language | None = None) -> str:
    """The markdown of a page without its front matter.

    Arguments:
        language: None speaks the call's language.

    Raises:
        UnknownResource: there is no such skill or page; the nearest ones are offered.
    """
    if skill not in skill_names():
        raise _unknown("skill", skill, skill_names())
    if page != MAIN_PAGE and page not in page_names(skill):
        raise _unknown("page", page, page_names(skill))
    return _FRONT_MATTER.sub("", _text(skill, page, language or spoken_language())).lstrip("\n")


def _text(skill: str, page: str, language: Language) -> str:
    folder = SKILLS / skill
    translated = folder / f"{page}.{language}.md"
    return (translated if translated.is_file() else folder / f"{page}.md").read_text(encoding="utf-8")


def _described(skill: str) -> Skill:
    text = _text(skill, MAIN_PAGE, spoken_language())
    heading = _HEADING.search(text)
    front = _FRONT_MATTER.match(text)
    described = yaml.safe_load(front[1]) if front else {}
    return Skill(skill, heading[1] if heading else skill, str(described.get("description", "")), page_names(skill))


def _unknown(kind: str, wanted: str, known: list[str]) -> UnknownResource:
    offered = ", ".join(difflib.get_close_matches(wanted, known, n=3) or known)
    words = {"skill": Text("skill", "技能"), "page": Text("page", "頁面")}[kind]
    return UnknownResource(
        Text(f"There is no {words.en} {wanted[:60]!r}.", f"沒有「{wanted[:60]}」這個{words.zh}。"),
        Text(f"Read one of: {offered}." if offered else "This skill has one page only: leave the page out.",
             f"可讀的{words.zh}：{offered}。" if offered else "這個技能只有主頁，請省略頁面名稱。"),
        field=kind,
    )
