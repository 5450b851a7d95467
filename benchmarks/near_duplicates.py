"""Near-duplicates found per second beside datasketch: `.worker/bin/python benchmarks/near_duplicates.py [rows]`.

Synthetic Chinese-like texts of 12 to 40 words (Zipf's law), a tenth of them copies with one character in forty changed.
Both sides make the same three-character pieces, 128 permutations, threshold 0.8. datasketch 2 is asked for what it
offers (`MinHashLSH`, batch update of hashes, insert and query); ours also compares what meets, exactly. Measured in turn,
best of three; recall is of the planted pairs that are near-duplicates by definition.
"""

from __future__ import annotations

import importlib
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).parents[1] / ".dev"))

from nlp_skills.tools.data.near_copies import pieces_of, similarity
from nlp_skills.tools.data.near_duplicates import THRESHOLD, near_duplicate_groups

Result = TypeVar("Result")
REPEATS = 3
PEER_ROWS = 5_000  # its time grows with the rows, so a part measures it; recall is taken from the whole of ours


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    texts, planted = corpus(count)
    ours, peer = 0.0, 0.0
    groups: list[list[int]] = []
    for _ in range(REPEATS):
        groups, seconds = time_work(lambda: near_duplicate_groups(texts, [""] * len(texts)))
        ours = max(ours, len(texts) / seconds)
        _, seconds = time_work(lambda: by_datasketch(texts[:PEER_ROWS]))
        peer = max(peer, PEER_ROWS / seconds)
    where = {number: at for at, group in enumerate(groups) for number in group}
    found = sum(where.get(one, -1) == where.get(other, -2) for one, other in planted)
    print(f"rows: {len(texts)}, of {sum(map(len, texts)) / len(texts):.0f} characters; planted pairs: {len(planted)}")
    print(f"nlp-skills (rensa, then exact): {ours:,.0f} rows/s, {found / len(planted):.1%} of the planted pairs")
    print(f"datasketch (first {PEER_ROWS} rows): {peer:,.0f} rows/s; {ours / peer:.1f} times as fast")


def corpus(count: int) -> tuple[list[str], list[tuple[int, int]]]:
    """Texts, and the places of the pairs that were planted and are near-duplicates."""
    rng = random.Random(7)
    characters = [chr(code) for code in range(0x4E00, 0x4E00 + 2500)]
    words = [
        "".join(rng.choices(characters, [1 / (at + 10) for at in range(2500)], k=rng.choice([1, 2, 2, 2, 3, 4])))
        for _ in range(8000)
    ]
    weights = [1 / (at + 20) for at in range(8000)]
    texts = ["".join(rng.choices(words, weights, k=rng.randint(12, 40))) for _ in range(count * 9 // 10)]
    pairs = []
    for original in rng.sample(range(len(texts)), count // 10):
        copy = list(texts[original])
        for _ in range(max(1, len(copy) // 40)):
            copy[rng.randrange(len(copy))] = rng.choice(characters)
        pairs.append((original, len(texts)))
        texts.append("".join(copy))
    return texts, [
        (one, other) for one, other in pairs if similarity(pieces_of(texts[one]), pieces_of(texts[other])) >= THRESHOLD
    ]


def by_datasketch(texts: Sequence[str]) -> list[Any]:
    datasketch = importlib.import_module("datasketch")
    index = datasketch.MinHashLSH(threshold=THRESHOLD, num_perm=128)
    found = []
    for number, text in enumerate(texts):
        hashed = datasketch.MinHash(num_perm=128, seed=1)
        hashed.update_batch([piece.encode() for piece in pieces_of(text)])
        found.append(index.query(hashed))
        index.insert(number, hashed)
    return found


def time_work(work: Callable[[], Result]) -> tuple[Result, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


if __name__ == "__main__":
    main()
