"""Near-duplicates among many texts: a Jaccard similarity of 0.8 or more between their sets of three-character pieces.

Compared is exactly. What is compared: a near-duplicate shares one of the rarest pieces of each side (prefix filtering,
Bayardo et al., "Scaling Up All Pairs Similarity Search", 2007), so only texts that meet there; among many texts only
those that MinHash with locality-sensitive hashing (rensa) says have a relative at all. Where Simplified and Traditional texts
stand together, they are compared in one script.
"""

from __future__ import annotations

import importlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Protocol, TypeVar

from ...resources.foundation.chinese import in_one_script
from ...resources.foundation.errors import MissingRequirement
from ...resources.foundation.language import Text
from .near_copies import pieces_in_order, pieces_of, similarity

Item = TypeVar("Item")
Pieces = frozenset[str]
Tick = Callable[[], None]
THRESHOLD = 0.8
WITHOUT_SIFTING = 10_000  # so many texts are compared in about two seconds; more are sifted first
MOST_COMPARED = 500  # texts of one pattern meet at every piece; what is beyond this many is not looked at
_PERMUTATIONS, _BANDS, _SEED = 128, 16, 1
_BATCH = 10_000


def near_duplicate_groups(texts: Sequence[str], keys: Sequence[str], tick: Tick = lambda: None) -> list[list[int]]:
    """Texts gathered around the shortest one that they nearly repeat: lists of places in `texts`, two or more each.

    Arguments:
        keys: one for each text; texts with different keys are never near-duplicates of each other.
        tick: called now and then; may raise to stop.

    Raises:
        MissingRequirement: there are more than `WITHOUT_SIFTING` texts, and rensa is not installed.
    """
    texts = in_one_script(texts)
    if len(texts) <= WITHOUT_SIFTING:
        sets = [pieces_of(text) for text in _every(texts, tick)]
        return _gather_groups(sets, keys, _ByRarestPieces(sets), tick)
    places = _with_relatives(texts, tick)
    sets = [pieces_of(texts[place]) for place in _every(places, tick)]
    groups = _gather_groups(sets, [keys[place] for place in places], _ByMinHashes(sets), tick)
    return [[places[number] for number in group] for group in groups]


def near_duplicates_of(
    known: Sequence[str],
    texts: Sequence[str],
    known_keys: Sequence[str],
    keys: Sequence[str],
    tick: Tick = lambda: None,
) -> list[int | None]:
    """For each of `texts`, the place in `known` of one that it nearly repeats; None where there is none."""
    both = in_one_script([*known, *texts])
    known, texts = both[: len(known)], both[len(known) :]
    sets = [pieces_of(text) for text in known]
    index = _ByRarestPieces(sets)
    for number in range(len(known)):
        index.add(number)
    return [
        _first_like(own, key, index.sharing(own), sets, known_keys)
        for own, key in zip(map(pieces_of, _every(texts, tick)), keys, strict=True)
    ]


def _gather_groups(sets: Sequence[Pieces], keys: Sequence[str], index: _Index, tick: Tick) -> list[list[int]]:
    groups = dict[int, list[int]]()
    for number in _every(sorted(range(len(sets)), key=lambda number: (len(sets[number]), number)), tick):
        first = _first_like(sets[number], keys[number], index.meeting(number), sets, keys)
        if first is None:
            index.add(number)
        else:
            groups.setdefault(first, [first]).append(number)
    return sorted(sorted(group) for group in groups.values())


def _first_like(own: Pieces, key: str, met: Iterable[int], sets: Sequence[Pieces], keys: Sequence[str]) -> int | None:
    compared = set[int]()
    for number in met:
        if number in compared or keys[number] != key:
            continue
        if similarity(own, sets[number]) >= THRESHOLD:
            return number
        compared.add(number)
        if len(compared) >= MOST_COMPARED:
            break
    return None


class _Index(Protocol):
    """Texts, by their number, that were added and may be near-duplicates of another."""

    def add(self, number: int) -> None: ...

    def meeting(self, number: int) -> Iterable[int]:
        """The added texts to compare with that one, some perhaps twice."""


class _ByRarestPieces:
    """Texts that share a piece among the rarest of each, in which every near-duplicate meets its like."""

    def __init__(self, sets: Sequence[Pieces]) -> None:
        self._sets, self._where = sets, dict[int, list[int]]()
        counts = Counter(chain.from_iterable(sets))
        order = sorted(counts)
        order.sort(key=counts.__getitem__)
        self._rank = dict(zip(order, range(len(order)), strict=True))

    def add(self, number: int) -> None:
        for piece in self._rarest(self._sets[number]):
            self._where.setdefault(piece, []).append(number)

    def meeting(self, number: int) -> Iterator[int]:
        return self.sharing(self._sets[number])

    def sharing(self, own: Pieces) -> Iterator[int]:
        """The added texts to compare with a text of these pieces."""
        return chain.from_iterable(self._where.get(piece, ()) for piece in self._rarest(own))

    def _rarest(self, own: Pieces) -> list[int]:
        known = sorted([self._rank[piece] for piece in own if piece in self._rank])
        alone = len(own) - len(known)
        return known[: max(0, len(own) - math.ceil(THRESHOLD * len(own)) + 1 - alone)]


class _ByMinHashes:
    """Texts that share a band of MinHashes."""

    def __init__(self, sets: Sequence[Pieces]) -> None:
        self._index = _min_hash_index()
        self._hashes = _rensa().RMinHash.from_token_sets(map(list, sets), _PERMUTATIONS, _SEED)

    def add(self, number: int) -> None:
        self._index.insert(number, self._hashes[number])

    def meeting(self, number: int) -> list[int]:
        return sorted(self._index.query(self._hashes[number]))


def _with_relatives(texts: Sequence[str], tick: Tick) -> list[int]:
    """The places of the texts that share a band of MinHashes with another one."""
    index = _min_hash_index()
    batches = []
    for start in range(0, len(texts), _BATCH):
        tick()
        batches.append(
            _rensa().RMinHash.digest_matrix_from_token_sets(
                # A piece that comes twice has the same hash twice: the least one is as of the set.
                [pieces_in_order(text) for text in texts[start : start + _BATCH]],
                _PERMUTATIONS,
                _SEED,
            )
        )
        index.insert_matrix(batches[-1], start)
    flags = chain.from_iterable(index.query_duplicate_flags_matrix(batch) for batch in _every(batches, tick))
    return [place for place, flag in enumerate(flags) if flag]


def _min_hash_index() -> Any:
    return _rensa().RMinHashLSH(threshold=THRESHOLD, num_perm=_PERMUTATIONS, num_bands=_BANDS)


def _rensa() -> Any:
    try:
        return importlib.import_module("rensa")
    except ImportError as error:
        raise MissingRequirement(
            Text(
                f"Looking for near-duplicates among more than {WITHOUT_SIFTING:,} rows needs rensa, which this job's "
                f"environment lacks.",
                f"要在超過 {WITHOUT_SIFTING:,} 列裡找近似重複，需要 rensa，但執行此工作的環境沒有安裝。",
            ),
            Text(
                "Run pip install 'nlp-skills[near-duplicates]' there and prepare the data again.",
                "請在該環境執行 pip install 'nlp-skills[near-duplicates]'，再重新準備資料。",
            ),
            field="near_duplicates",
        ) from error


def _every(items: Iterable[Item], tick: Tick) -> Iterator[Item]:
    for number, item in enumerate(items):
        if number % _BATCH == 0:
            tick()
        yield item
