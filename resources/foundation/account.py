"""Where this account keeps what belongs to it and to no workspace, and where its workspace is."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def configuration_folder() -> Path:
    """The folder of nlp-skills among the account's settings, as each system has them; it may not stand yet."""
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / "nlp-skills"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "nlp-skills"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "nlp-skills"


def default_workspace() -> Path:
    """`NLP_SKILLS_WORKSPACE`, else `~/nlp-skills`."""
    return Path(os.environ.get("NLP_SKILLS_WORKSPACE") or Path.home() / "nlp-skills").expanduser().resolve()
