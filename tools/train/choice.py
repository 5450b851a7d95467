"""Settings being chosen: the person's own value where there is one, else ours with its reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text


class Choice:
    """The values chosen for the settings of a method, and why each is what it is."""

    def __init__(self, settings: BaseModel) -> None:
        self._settings = settings
        self.values: JsonObject = {}
        self.reasons: dict[str, Text] = {}

    def __call__(self, name: str, value: Any, why: Text) -> Any:
        own = getattr(self._settings, name)
        self.values[name] = value if own is None else own
        self.reasons[name] = why if own is None else Text("As given.", "依你的指定。")
        return self.values[name]


def kept_by(name: str, why: Text) -> Callable[[int], tuple[str, Text]]:
    """A choice of what is kept: by that measure where there are validation rows, else the last."""

    def choose(valid_rows: int) -> tuple[str, Text]:
        return (
            (name, why)
            if valid_rows
            else ("last", Text("There are no validation rows to choose by.", "沒有驗證資料可供選擇。"))
        )

    return choose
