"""What the data is made by is fast, and says what the short definition here says: snapshots on disk depend on it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources.data_source import SplitPolicy
from nlp_skills.resources.foundation.files import read_jsonl
from nlp_skills.tools.data.cells import as_text
from nlp_skills.tools.data.rows import Row, normalise, row_id
from nlp_skills.tools.data.split import SPLITS, split_rows

# Plain text of both languages, and what changes beside it: combining marks, kana, jamo, compatibility forms.
_TEXTS = st.text() | st.text(
    "ab 0，。：！？（）％５「營收中　é\u0301\u0327\u3099か\u1100\u1161\uac00ﬁ①豈\u2028\t\n\x1f…Ａ～"
)


@given(_TEXTS)
def test_a_text_counts_as_its_nfkc_form_with_single_spaces(text: str) -> None:
    assert normalise(text) == " ".join(unicodedata.normalize("NFKC", text).split())


def test_so_does_every_character_there_is_between_two_others() -> None:
    for code in (*range(0xD800), *range(0xE000, 0x20000)):
        text = f"a{chr(code)}中"
        assert normalise(text) == " ".join(unicodedata.normalize("NFKC", text).split())


@given(_TEXTS, st.none() | _TEXTS)
def test_an_id_is_the_hash_of_what_counts(text: str, entity: str | None) -> None:
    key = normalise(text) + (f"\x1f{normalise(entity)}" if entity else "")
    assert row_id(text, entity) == hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:16]


@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_a_cell_is_trimmed_without_zero_characters_and_lone_surrogates(text: str) -> None:
    assert as_text(text) == text.replace("\0", "").strip().encode("utf-8", "replace").decode("utf-8")


_LINES = st.lists(
    st.sampled_from(
        [
            b'{"text": "\xe7\x87\x9f\xe6\x94\xb6", "n": 1.5e300}',
            b'  {"a": NaN} ',
            b'{"a": "\\ud800"}',
            b"",
            b"   ",
            b'{"a": 1}\r',
            b'{"a": 1}{"b": 2}',
            b'{"a": 1}, {"b": 2}',
            b'{"a"',
            b"\xff",
            b'\xef\xbb\xbf{"a": 1}',
            b'"text"',
            b"[1]",
            b'{"a": 1, "a": 2}',
            b'{"a": 123456789012345678901234567890}',
        ]
    ),
    max_size=4,
)


@given(_LINES, st.booleans())
def test_lines_are_read_as_the_json_library_reads_them(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ended: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.jsonl"
    path.write_bytes(b"\n".join(lines) + (b"\n" if ended else b""))
    assert _outcome(lambda: list(read_jsonl(path))) == _outcome(lambda: list(_read(path)))


def _read(path: Path) -> list[Any]:
    found = []
    *whole, torn = path.read_bytes().split(b"\n")
    for line in (line for line in whole if line.strip()):
        found.append(json.loads(line))
    with contextlib.suppress(ValueError):
        found += [json.loads(torn)] if torn.strip() else []
    return found


def _outcome(read: Any) -> str:
    try:
        return repr(read())
    except ValueError as error:
        return type(error).__name__


_LABELS = ("正面", "中性", "負面", "")
_ROWS = st.lists(st.tuples(st.integers(0, 25), st.sampled_from(_LABELS), st.integers(0, 3)), max_size=60)
_SHARES = st.sampled_from([(0.7, 0.15, 0.15), (0.8, 0.0, 0.2), (0.98, 0.01, 0.01), (0.34, 0.33, 0.33)])


@given(_ROWS, _SHARES, st.integers(0, 5), st.booleans(), st.sampled_from([None, "group"]), st.booleans())
def test_rows_are_dealt_as_defined(
    given_rows: list[tuple[int, str, int]],
    shares: tuple[float, float, float],
    seed: int,
    stratify: bool,
    group_by: str | None,
    grown: bool,
) -> None:
    rows: list[Row] = [
        {"id": row_id(f"第 {text} 句", str(at)), "text": f"第 {text} 句", "label": label, "group": group}
        for at, (text, label, group) in enumerate(given_rows)
    ]
    if group_by and not rows:
        return
    policy = SplitPolicy(
        train=shares[0], valid=shares[1], test=shares[2], seed=seed, stratify=stratify, group_by=group_by
    )
    first = split_rows(rows, policy)
    assert first == deal_rows(rows, policy, {}, set())
    if grown:
        previous = {row["id"]: name for name, members in first.items() for row in members[::2]}
        frozen = rows[:1]
        assert split_rows(rows, policy, previous, frozen) == deal_rows(
            rows, policy, previous, {key_of(row, policy) for row in frozen}
        )


def key_of(row: Row, policy: SplitPolicy) -> str:
    if policy.group_by is None:
        return normalise(row["text"])
    return f"{policy.group_by}={row[policy.group_by]}" if row[policy.group_by] else f"id={row['id']}"


def rare(total: Counter[str], shares: Mapping[str, float], seed: int) -> list[str]:
    """The labels that get a tested row though their share of the test split holds none: as many as the whole test
    split has rows for."""

    def is_untested(count: int) -> bool:
        lacking = {name: share * count for name, share in shares.items()}
        for _ in range(count):
            name = max(lacking, key=lambda name: lacking[name])
            lacking[name] -= 1
            if name == "test":
                return False
        return count > 1

    found = sorted(
        (label for label in total if is_untested(total[label])),
        key=lambda label: hashlib.sha256(f"{seed}:{label}".encode()).digest(),
    )
    return found[: math.ceil(shares["test"] * total.total())]


def deal_rows(
    rows: Sequence[Row], policy: SplitPolicy, previous: Mapping[str, str], frozen: set[str]
) -> dict[str, list[Row]]:
    """The definition of a split: groups of one key, largest first, to the split that lacks their labels most."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key_of(row, policy), []).append(row)
    shares = {name: getattr(policy, name) for name in SPLITS if getattr(policy, name) > 0}
    labels = {
        key: Counter(row["label"] if policy.stratify else "" for row in members) for key, members in groups.items()
    }
    total = sum(labels.values(), Counter[str]())
    lacking = {name: {label: share * total[label] for label in total} for name, share in shares.items()}
    for label in rare(total, shares, policy.seed) if "test" in shares else ():
        need, lacking["test"][label] = 1 - lacking["test"][label], 1.0
        for name in ("valid", "train"):
            if name in lacking:
                taken = min(need, lacking[name][label])
                lacking[name][label] -= taken
                need -= taken
    assigned = {key: "test" for key in groups if key in frozen}
    for key, members in groups.items():
        before = Counter(previous[row["id"]] for row in members if row["id"] in previous)
        if before and key not in frozen:
            assigned[key] = max(SPLITS, key=lambda name: before[name])
    for key, name in assigned.items():
        for label, count in labels[key].items():
            if name in lacking:
                lacking[name][label] -= count
    fresh = sorted(
        (key for key in groups if key not in assigned),
        key=lambda key: (-len(groups[key]), hashlib.sha256(f"{policy.seed}:{key}".encode()).digest()),
    )
    for key in fresh:
        name = max(shares, key=lambda name: sum(n * lacking[name][label] for label, n in labels[key].items()))
        assigned[key] = name
        for label, count in labels[key].items():
            lacking[name][label] -= count
    for name in shares:
        filled = Counter(assigned.values())
        donor = filled.most_common(1)[0][0] if filled else None
        if donor and not filled[name] and filled[donor] > 1:
            movable = [key for key in fresh if assigned[key] == donor]
            assigned.update(dict.fromkeys(movable[-1:], name))
    return {
        name: sorted(
            (row for key, members in groups.items() if assigned[key] == name for row in members),
            key=lambda row: str(row["id"]),
        )
        for name in SPLITS
    }
