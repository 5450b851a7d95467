"""What a person wants, worked out from their words by the rules in `en.yaml` and `zh-TW.yaml`, and by nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ...resources.foundation.files import read_yaml
from ...resources.foundation.language import LANGUAGES, Language, detect_language
from ...resources.task import TaskType
from .intents.foreign import fold_to_taiwanese, polite_line

LONGEST_READ = 4_000  # characters; what a person wants stands near the beginning of a long message
_VERSION = re.compile(r"(?<![a-z0-9-])v([1-9][0-9]{0,3})(?![0-9a-z])", re.IGNORECASE)
_BEFORE_VERSION = re.compile(r"([a-z0-9][a-z0-9-]{1,62})\s*(?:的|'s)?\s*v[1-9]", re.IGNORECASE)
_PATH = re.compile(
    r"(?<![A-Za-z0-9_.\-])(?:[A-Za-z]:[\\/]|~?/)[^\s，。；：「」"
    r"()（）\"'`]*\.(?:csv|tsv|jsonl?|ndjson|parquet)\b",
    re.IGNORECASE,
)
_NOT_NAMES = {
    "and",
    "between",
    "compare",
    "comparing",
    "evaluate",
    "deploy",
    "of",
    "or",
    "than",
    "the",
    "to",
    "version",
    "versions",
    "vs",
    "with",
    "is",
    "for",
    "reproduce",
    "my",
    "task",
}
_PUNCTUATION = re.compile(r"[\s.?!…。？！～~，,、;；:：\-_*\U0001f300-\U0001faff]+")
_LONGEST_NON_ANSWER = 40
_MULTIPLES = {"k": 1_000, "K": 1_000, "千": 1_000, "萬": 10_000}


@dataclass(frozen=True)
class Said:
    """What a message asks for.

    Arguments:
        intent: one of the rule files' intents, or "" where no rule matches.
        versions: `v1`, `v2`, … in the order they were named.
        name: the word before a version (`entity-sentiment v1`), which may be a task's name.
        path: a data file it names.
        rows, labels: how many of them the person says there are.
        unsure: it answers nothing ("?", "whatever", 「不知道」).
        cut: it was longer than what is read.
        foreign: it is written in a language that is not spoken here.
        type: the kind of task it speaks of, where that is not one of labels.
        other_database: the database it names, where that is not PostgreSQL.
    """

    message: str = ""
    intent: str = ""
    versions: list[str] = field(default_factory=list)
    name: str | None = None
    path: str | None = None
    rows: int | None = None
    labels: int | None = None
    unsure: bool = False
    cut: bool = False
    foreign: bool = False
    type: TaskType | None = None
    other_database: str | None = None


@dataclass(frozen=True)
class _Rules:
    intents: list[tuple[str, list[re.Pattern[str]]]]
    types: dict[TaskType, list[re.Pattern[str]]]
    other_database: re.Pattern[str]
    rows: re.Pattern[str]
    labels: re.Pattern[str]
    unsure: re.Pattern[str]
    heard: dict[str, re.Pattern[str]]


def understand(message: str | None) -> Said:
    """Read a message: by the rules of its own language first, then by those of the other."""
    whole = (message or "").strip()
    said = whole[:LONGEST_READ]
    if not said:
        return Said()
    text = fold_to_taiwanese(said)
    first = detect_language(text) or "en"
    rules = [_rules(language) for language in sorted(LANGUAGES, key=lambda language: language != first)]
    named = [found[1] for found in _BEFORE_VERSION.finditer(text) if found[1].lower() not in _NOT_NAMES]
    names = [name for name in named if not _VERSION.fullmatch(name)]
    path = _PATH.search(text)
    other = next((found for rule in rules if (found := rule.other_database.search(text))), None)
    return Said(
        message=said,
        intent=next((intent for rule in rules if (intent := _intent(rule, text))), ""),
        versions=list(dict.fromkeys(f"v{int(found[1])}" for found in _VERSION.finditer(text))),
        name=names[0] if names else None,
        path=path[0] if path else None,
        rows=next((count for rule in rules if (count := _count(rule.rows, text))), None),
        labels=next((count for rule in rules if (count := _count(rule.labels, text))), None),
        unsure=answers_nothing(said),
        cut=len(whole) > LONGEST_READ,
        foreign=polite_line(said) is not None,
        type=next(
            (
                kind
                for rule in rules
                for kind, patterns in rule.types.items()
                if any(pattern.search(text) for pattern in patterns)
            ),
            None,
        ),
        other_database=other[0] if other else None,
    )


def count_in(text: str) -> int | None:
    """The number of rows a person names (`500 rows`, `3 千筆`, `1200`)."""
    found = understand(text).rows
    if found is None and (plain := re.search(r"\d[\d,]*", text)):
        found = int(plain[0].replace(",", ""))
    return found


def answers_nothing(text: str) -> bool:
    """Whether the whole of `text` is no answer to any question: "?", "whatever", 「不知道」, 「隨便」."""
    bare = _PUNCTUATION.sub(" ", fold_to_taiwanese(text[: _LONGEST_NON_ANSWER + 1])).strip()
    if not bare:
        return bool(text.strip())
    return len(bare) <= _LONGEST_NON_ANSWER and any(_rules(language).unsure.fullmatch(bare) for language in LANGUAGES)


def mentions(what: str, *texts: object) -> bool:
    """Whether one of the texts speaks of `what` (`cloud`, `soon`, `no_money`, …: the rule files' `heard`)."""
    said = [fold_to_taiwanese(str(text)[:LONGEST_READ]) for text in texts if text]
    return any(_rules(language).heard[what].search(text) for language in LANGUAGES for text in said)


def intents(language: Language) -> list[str]:
    """The intents that language has rules for, in the order they are tried."""
    return [intent for intent, _ in _rules(language).intents]


def _intent(rules: _Rules, text: str) -> str:
    return next((name for name, patterns in rules.intents if any(pattern.search(text) for pattern in patterns)), "")


def _count(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    if found is None:
        return None
    digits = found[1].replace(",", "")
    multiple = _MULTIPLES.get((found[2] or "").strip(), 1) if found.re.groups > 1 else 1
    return int(digits) * multiple if digits.isdigit() else None


@cache
def _rules(language: Language) -> _Rules:
    content = read_yaml(Path(__file__).with_name("intents") / f"{language}.yaml")
    return _Rules(
        intents=[
            (rule["intent"], [_compile_pattern(pattern) for pattern in rule["patterns"]]) for rule in content["intents"]
        ],
        types={
            kind: [_compile_pattern(pattern) for pattern in patterns] for kind, patterns in content["types"].items()
        },
        other_database=_compile_pattern(content["other_database"]),
        rows=_compile_pattern(content["rows"]),
        labels=_compile_pattern(content["labels"]),
        unsure=_compile_pattern(content["unsure"]),
        heard={what: _compile_pattern(pattern) for what, pattern in content["heard"].items()},
    )


def _compile_pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII if pattern.isascii() else re.IGNORECASE)
