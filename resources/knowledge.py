"""The skills: markdown pages in `skills/<skill>/`, each in English and in Traditional Chinese.

A page `SKILL.md` has its Chinese beside it as `SKILL.zh-TW.md`; a page without one is read in English. Front matter may
hold `title`, `description`, `checked` (when its claims were last looked at) and `keywords`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import yaml

from .foundation.errors import UnknownResource
from .foundation.files import parse_yaml
from .foundation.json_object import JsonObject
from .foundation.language import LANGUAGES, Language, Text, spoken_language
from .foundation.wording import suggest

SKILLS = Path(__file__).parent / "skills"
MAIN_PAGE = "SKILL"
KINDS_PAGE = ("llm-coach", "kinds")  # what follows its introduction is written from the code when it is read
_HEADING = re.compile(r"^#\s+(.+?)\s*$", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n", re.DOTALL)
_PAGES_KEPT = 500


class PageHead(NamedTuple):
    """One page in a list: its name and what its front matter says, in one language."""

    name: str
    title: str
    description: str
    checked: str
    keywords: tuple[str, ...]


class Skill(NamedTuple):
    """One skill in a list: its folder's name, what it is about, and its further pages."""

    name: str
    title: str
    description: str
    pages: list[PageHead]


def skill_names() -> list[str]:
    """The skills that have a main page, sorted."""
    return sorted(main.parent.name for main in SKILLS.glob(f"*/{MAIN_PAGE}.md"))


def page_names(skill: str) -> list[str]:
    """The pages of a skill besides its main one, sorted."""
    pages = {path.name.removesuffix(".md") for path in (SKILLS / skill).glob("*.md")}
    languages = tuple(f".{language}" for language in LANGUAGES)
    return sorted(page for page in pages if page != MAIN_PAGE and not page.endswith(languages))


def skills() -> list[Skill]:
    """Every skill with its pages, described in the call's language."""
    return [_read_skill(name) for name in skill_names()]


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
    language = language or spoken_language()
    text = page_text(page_file(skill, page, language))
    if (skill, page) == KINDS_PAGE:
        from .kinds_reference import kinds_reference

        text += f"\n{kinds_reference(language)}"
    return text


def page_file(skill: str, page: str, language: Language) -> Path:
    """Where a page stands in that language, or in English where it is not translated."""
    translated = SKILLS / skill / f"{page}.{language}.md"
    return translated if translated.is_file() else SKILLS / skill / f"{page}.md"


def page_text(file: Path) -> str:
    """The markdown of a page's file without its front matter."""
    return _FRONT_MATTER.sub("", file.read_text(encoding="utf-8")).lstrip("\n")


def page_uri(skill: str, page: str) -> str:
    """The address a page is read at."""
    return f"nlp-skills://skills/{skill}" + ("" if page == MAIN_PAGE else f"/{page}")


def page_head(file: Path) -> PageHead:
    """What a page's front matter says, parsed again only where the file has changed."""
    found = file.stat()
    return _head(file, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=_PAGES_KEPT)
def _head(file: Path, _modified: int, _size: int) -> PageHead:
    text = file.read_text(encoding="utf-8")
    front, heading = _front_matter(text), _HEADING.search(_FRONT_MATTER.sub("", text))
    name = file.name.removesuffix(".md")
    for language in LANGUAGES:
        name = name.removesuffix(f".{language}")
    keywords = front.get("keywords")
    listed = keywords if isinstance(keywords, list) else str(keywords or "").split(",")
    title = front.get("title") or (heading[1] if heading else name)
    return PageHead(
        name,
        str(title),
        str(front.get("description") or ""),
        str(front.get("checked") or ""),
        tuple(str(word).strip() for word in listed if str(word).strip()),
    )


def _front_matter(text: str) -> JsonObject:
    """The fields above a page; none where somebody has broken them: the page itself can still be read."""
    found = _FRONT_MATTER.match(text)
    try:
        content = parse_yaml(found[1]) if found else {}
    except yaml.YAMLError:
        return {}
    return content if isinstance(content, dict) else {}


def _read_skill(skill: str) -> Skill:
    language = spoken_language()
    main = page_file(skill, MAIN_PAGE, language)
    head, heading = page_head(main), _HEADING.search(page_text(main))
    pages = [page_head(page_file(skill, page, language)) for page in page_names(skill)]
    return Skill(skill, heading[1] if heading else head.title, head.description, pages)


def _unknown(kind: str, wanted: str, known: list[str]) -> UnknownResource:
    meant = suggest(wanted, known, most=3)
    words = {"skill": Text("skill", "技能"), "page": Text("page", "頁面")}[kind]
    search = f"read_resource(search={wanted[:40].replace('-', ' ')!r})"
    return UnknownResource(
        Text("There is no {words} {wanted!r}.", "沒有「{wanted}」這個{words}。").format(
            words=words, wanted=wanted[:60]
        ),
        (
            meant
            if known
            else Text("This skill has one page only: leave the page out.", "這個技能只有主頁，請省略頁面名稱。")
        )
        + Text(f" Or search all pages: {search}.", f"也可以搜尋所有頁面：{search}。"),
        field=kind,
    )
