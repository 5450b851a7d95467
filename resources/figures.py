"""The numbers advice and diagnosis decide by, from `skills/llm-knowledge/figures.yaml`, which a person can edit."""

from __future__ import annotations

from functools import cache

from .foundation.files import read_yaml
from .knowledge import SKILLS

FILE = SKILLS / "llm-knowledge" / "figures.yaml"


def figure(name: str) -> float:
    """The value of that name, such as `rows_to_start`."""
    return _figures()[name]


@cache
def _figures() -> dict[str, float]:
    return {name: float(entry["value"]) for name, entry in read_yaml(FILE).items()}
