"""Searching the knowledge pages by words in either language.

Pages are ranked by BM25F (Zaragoza et al., 2004; parameters of Robertson and Zaragoza, 2009): a word in a title or among
the keywords counts more than one in the text. Latin words are compared without case and plural; Han is cut into
overlapping pairs of characters (and single ones, which count less), which needs no dictionary. What a page holds is
counted once, and again when it changes.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from .. import knowledge
from ..foundation.language import LANGUAGES, Language, spoken_language

_WORD = re.compile(r"[a-z0-9][a-z0-9.+#]*|[\u3400-\u9fff]+")
_LINK = re.compile(r"\]\([^)]*\)|https?://\S+")
_BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[|*-]|\d+\.) ?)")  # paragraphs, rows of a table, entries of a list
_MARKDOWN = re.compile(r"^#+\s*|[*`\[\]]|^[>-]\s*|^\|\s*|\s*\|$", re.MULTILINE)
_HEADINGS = re.compile(r"^#{1,6}\s+(.+)$", re.MULTILINE)
_K1, _B = 1.2, 0.75
_SINGLE, _ACROSS = 0.3, 0.1  # tried on the questions of tests/resources/browsing/test_searching.py
_FUNCTION = frozenset("我你的了嗎要怎麼什多少會是有才好很都在")
_TITLE, _KEYWORD, _HEADING, _DESCRIPTION = 4.0, 4.0, 2.0, 2.0
_PASSAGE_CHARACTERS = 320
_FILES_KEPT = 500
# Words of a question that say nothing of its subject.
_ASKING = frozenset(
    [
        "a",
        "about",
        "an",
        "and",
        "are",
        "at",
        "be",
        "can",
        "do",
        "does",
        "for",
        "get",
        "how",
        "i",
        "in",
        "is",
        "it",
        "many",
        "me",
        "much",
        "my",
        "need",
        "of",
        "on",
        "or",
        "should",
        "the",
        "to",
        "we",
        "what",
        "when",
        "which",
        "why",
        "with",
        "you",
        "your",
        "什麼",
        "怎麼",
        "如何",
        "為什",
        "為何",
        "可以",
        "應該",
        "哪個",
        "哪些",
        "多少",
        "幾個",
        "我",
        "你",
        "的",
        "了",
        "嗎",
        "要",
        "怎",
        "麼",
        "什",
        "多",
        "少",
        "會",
        "是",
        "有",
        "才",
        "好",
        "很",
        "都",
        "在",
    ]
)


class Found(NamedTuple):
    """One page that answers a search: where it is read, and the passage that holds most of the words."""

    uri: str
    title: str
    passage: str
    language: Language
    score: float


class _Indexed(NamedTuple):
    """One page in one language: how much each word weighs in it, and its passages with their words."""

    title: str
    weights: dict[str, float]
    length: float
    passages: tuple[tuple[str, frozenset[str]], ...]


class _File(NamedTuple):
    """A page's file, with the time and size by which a change is noticed."""

    uri: str
    language: Language
    path: Path
    modified: int
    size: int


class _Shelf(NamedTuple):
    """All pages by address and language; how rare a word is among them, and the mean length of one per language."""

    pages: dict[str, dict[Language, _Indexed]]
    rarity: dict[str, float]
    mean: dict[Language, float]


def words_of(text: str) -> list[str]:
    """The words a text is found by: `The LoRA ranks` → the, lora, rank; `類別不平衡` → its characters, 類別, 別不, 不平, 平衡."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if word[0] >= "\u3400":
            found += [*word, *(word[place : place + 2] for place in range(len(word) - 1))]
        else:
            plain = word.rstrip(".+") or word
            found.append(_singular(plain))
    return found


def _singular(word: str) -> str:
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return word[:-2] if word.endswith(("sses", "xes", "ches", "shes")) else word[:-1]


def search(query: str, limit: int = 5, offset: int = 0) -> tuple[list[Found], int]:
    """The pages about `query`, best first, each in the language that holds the words (the call's where both do).

    Arguments:
        query: words in English, Chinese or both.
        offset: leave out so many of the best.

    Returns:
        at most `limit` pages, and how many answer at all.
    """
    asked = [word for word in dict.fromkeys(words_of(query)) if word not in _ASKING] or words_of(query)
    shelf = _shelf(tuple(_files()))
    ranked = sorted(
        filter(None, (_answer(asked, uri, shelf) for uri in shelf.pages)), key=lambda one: (-one[0], one[1])
    )
    shown = [
        Found(uri, shelf.pages[uri][language].title, _passage(asked, uri, language, shelf), language, round(score, 3))
        for score, uri, language in ranked[offset : offset + limit]
    ]
    return shown, len(ranked)


def _answer(asked: list[str], uri: str, shelf: _Shelf) -> tuple[float, str, Language] | None:
    """A page's best score over its languages, and the language to show it in: the call's where that holds as many of
    the words. None where it holds no word."""
    versions = shelf.pages[uri]
    scores = {language: _score(asked, page, shelf.rarity, shelf.mean[language]) for language, page in versions.items()}
    best, spoken = max(scores, key=lambda language: scores[language]), spoken_language()
    if not scores[best]:
        return None
    held = {language: sum(word in page.weights for word in asked) for language, page in versions.items()}
    return scores[best], uri, spoken if held.get(spoken, 0) >= held[best] else best


def _score(asked: list[str], page: _Indexed, rarity: dict[str, float], mean: float) -> float:
    norm = _K1 * (1 - _B + _B * page.length / mean)
    weights = ((word, page.weights[word]) for word in asked if word in page.weights)
    return sum(_share(word) * rarity[word] * weight * (_K1 + 1) / (weight + norm) for word, weight in weights)


def _share(word: str) -> float:
    """How much a word of a query counts: a single Han character says less than a pair, and a pair across the edge of a
    word (少資 in 多少資料) is rare without saying anything."""
    if word < "\u3400":
        return 1.0
    return _SINGLE if len(word) == 1 else _ACROSS if not _FUNCTION.isdisjoint(word) else 1.0


def _passage(asked: list[str], uri: str, language: Language, shelf: _Shelf) -> str:
    """The paragraph whose words of the query are rarest together; of equals the first."""
    rarity = shelf.rarity
    passages = shelf.pages[uri][language].passages
    best = max(
        passages,
        key=lambda one: sum(_share(word) * rarity[word] for word in asked if word in one[1]),
        default=("", frozenset()),
    )
    text = best[0]
    return text if len(text) <= _PASSAGE_CHARACTERS else text[:_PASSAGE_CHARACTERS].rstrip() + "…"


def _files() -> Iterator[_File]:
    for skill in knowledge.skill_names():
        for page in (knowledge.MAIN_PAGE, *knowledge.page_names(skill)):
            for language in LANGUAGES:
                path = knowledge.page_file(skill, page, language)
                if language == "en" or path.name.endswith(f".{language}.md"):
                    found = path.stat()
                    yield _File(knowledge.page_uri(skill, page), language, path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=2)
def _shelf(files: tuple[_File, ...]) -> _Shelf:
    pages: dict[str, dict[Language, _Indexed]] = {}
    for file in files:
        pages.setdefault(file.uri, {})[file.language] = _index_page(file)
    holding = Counter(
        word for versions in pages.values() for word in set().union(*(p.weights for p in versions.values()))
    )
    rarity = {word: math.log(1 + (len(pages) - count + 0.5) / (count + 0.5)) for word, count in holding.items()}
    lengths = {
        language: [versions[language].length for versions in pages.values() if language in versions]
        for language in LANGUAGES
    }
    mean = {language: max(1.0, sum(known) / max(1, len(known))) for language, known in lengths.items()}
    return _Shelf(pages, rarity, mean)


@lru_cache(maxsize=_FILES_KEPT)
def _index_page(file: _File) -> _Indexed:
    head, text = knowledge.page_head(file.path), _LINK.sub("] ", knowledge.page_text(file.path))
    weights: defaultdict[str, float] = defaultdict(float)
    for part, weight in (
        (head.title, _TITLE),
        (" ".join(head.keywords), _KEYWORD),
        (head.description, _DESCRIPTION),
        (head.name.replace("-", " "), _TITLE),
        ("\n".join(_HEADINGS.findall(text)), _HEADING),
        (text, 1.0),
    ):
        for word, count in Counter(words_of(part)).items():
            weights[word] += weight * count
    passages = tuple((plain, frozenset(words_of(plain))) for block in _BLOCK.split(text) if (plain := _plain(block)))
    if head.description:
        passages = ((head.description, frozenset(words_of(head.description))), *passages)
    return _Indexed(head.title, dict(weights), float(sum(weights.values())), passages)


def _plain(block: str) -> str:
    """A paragraph as a person reads it on one line; empty for one that is a heading or a rule only."""
    if re.fullmatch(r"\s*(#+ .*|[-|: ]+)\s*", block):
        return ""
    return " ".join(_MARKDOWN.sub("", block).split())
