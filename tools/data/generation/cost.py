"""What asking a model takes: tokens told before from the text alone, and the cost where prices are set."""

from __future__ import annotations

import math


def tokens_of(text: str) -> int:
    """About how many tokens `text` is: a Chinese character counts as one, four other characters as one."""
    wide = sum(character >= "\u2e80" for character in text)
    return wide + math.ceil((len(text) - wide) / 4)


def cost_of(asked: int, written: int, price_asked: float | None, price_written: float | None) -> float | None:
    """The cost of so many tokens at those prices for a million; None where a price is not set."""
    if price_asked is None or price_written is None:
        return None
    return round((asked * price_asked + written * price_written) / 1e6, 6)
