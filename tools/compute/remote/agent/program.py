"""The one entry: a verb with its request, answered in one line."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .build import build
from .machine import probe
from .run import attend, cancel, forget, look, start
from .transfer import deliver, have, lay, manifest, seal

MARK = "NLP-SKILLS "  # begins the line that is the answer
VERBS: dict[str, Callable[[Path, Any], Any]] = {
    verb.__name__: verb
    for verb in (probe, have, seal, deliver, lay, start, attend, look, cancel, manifest, forget, build)
}
_DETACHED = ("attend", "build")  # asked for by arguments


def main(verb: str, folder: Path) -> int:
    given = (
        json.loads(sys.stdin.read())
        if verb not in _DETACHED
        else {"run": sys.argv[3], "seconds": float((sys.argv[4:] or ["0"])[0])}
    )
    try:
        answer = VERBS[verb](folder, given)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        answer = {
            "error": "full"
            if full
            else "forbidden"
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            else "system",
            "said": f"{error.strerror}: {error.filename}",
        }
    print(MARK + json.dumps(answer), flush=True)
    return 0
