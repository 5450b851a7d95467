"""JSON whose keys are somebody else's: an API's answer, a model's arguments, a person's settings of a kind."""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]  # who sends it decides the keys; where we know them, it is a model
