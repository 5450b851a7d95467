"""The review page: one HTML file that asks nothing of the network and saves what was decided as a file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_IN_SCRIPT = re.compile("[<>&\u2028\u2029\ud800-\udfff]")
_HERE = Path(__file__).parent


def page(content: Mapping[str, Any]) -> str:
    """The page with its rows inside; a row's text can neither end the script nor become markup."""
    rows = _IN_SCRIPT.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(content, ensure_ascii=False))
    shell, style, script = ((_HERE / f"page.{ending}").read_text(encoding="utf-8") for ending in ("html", "css", "js"))
    return shell.replace("/*style*/", style, 1).replace("/*script*/", script, 1).replace("/*rows*/", rows, 1)
