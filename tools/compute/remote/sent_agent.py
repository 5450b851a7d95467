"""The agent as it is sent to another machine: one file that Python runs, the modules of `agent/` in a zip archive."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

from ....resources.foundation.files import sha256_bytes
from . import agent

_PACKAGE = "nlp_skills_agent"
_MAIN = f"""import pathlib, sys
from {_PACKAGE}.program import main
sys.exit(main(sys.argv[1], pathlib.Path(sys.argv[2])))
"""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content makes the same bytes, which name it there


@cache
def build_agent() -> bytes:
    """The archive; stored, not compressed, so that it needs nothing of the interpreter there."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", _EPOCH), _MAIN)
        for module in sorted(Path(agent.__file__).parent.glob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"{_PACKAGE}/{module.name}", _EPOCH), module.read_bytes())
    return packed.getvalue()


def agent_name() -> str:
    """Its file name there: another version stands beside it, and goes on serving who started it."""
    return f"remote_agent-{sha256_bytes(build_agent())[:12]}.pyz"
