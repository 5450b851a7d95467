"""nlp-skills: an MCP server that coaches a person from a wish to a deployed, reproducible fine-tuned LLM."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .resources.foundation.errors import NlpSkillsError as NlpSkillsError
    from .tools.notebook.workspace import Workspace as Workspace

__version__ = "2.0.0"


def __getattr__(name: str) -> object:
    """`from nlp_skills import Workspace`: loaded when it is asked for, as the server needs none of it."""
    if name == "Workspace":
        from .tools.notebook.workspace import Workspace

        return Workspace
    if name == "NlpSkillsError":
        from .resources.foundation.errors import NlpSkillsError

        return NlpSkillsError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
