"""Cursor: `mcp.json` in `.cursor`, of the home folder or of a project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from ...resources.foundation.language import Text
from ..client import Client, Place


class Cursor(Client):
    title = "Cursor"
    comments = True
    program = "cursor"
    afterwards = Text(
        "Restart Cursor, open Customize → MCPs in its sidebar and check that nlp-skills is switched on; then open a chat "
        "with the Agent.",
        "請重新啟動 Cursor，在側邊欄的 Customize → MCPs 確認 nlp-skills 已開啟；再和 Agent 開始聊天。",
    )

    def file(self, place: Place, project: PurePath | None = None) -> PurePath:
        return (place.home if project is None else project) / ".cursor" / "mcp.json"

    def signs(self, place: Place) -> Sequence[PurePath]:
        return [place.home / ".cursor"]
