"""Assembles the server: the doors of the verbs, the nouns and the conversations, behind the boundary."""

from __future__ import annotations

import importlib
import importlib.util

from .. import __version__
from ..resources.workspace import Workspace
from .boundary import GuardedServer
from .notify import serve_changes, watchers
from .settings import Settings


def build_server(settings: Settings | None = None) -> GuardedServer:
    """The whole server for one workspace, ready for `run()` or for an in-memory `Client`.

    Arguments:
        settings: None reads them from the environment.

    Raises:
        SettingsError: a setting of the environment is unknown.
    """
    settings = settings or Settings.from_environment()
    workspace = Workspace(settings.workspace)
    server = GuardedServer(
        workspace=workspace,
        language=settings.language,
        read_only=settings.read_only,
        name="nlp-skills",
        title="NLP Skills",
        version=__version__,
        instructions=_instructions(),
        log_level="WARNING",
        lifespan=watchers,
    )
    for toolset in settings.toolsets:
        _register(f"nlp_skills.tools.{toolset}.tool", server, workspace)
    _register("nlp_skills.resources.published", server, workspace)
    _register("nlp_skills.prompts.flows", server, workspace)
    serve_changes(server, workspace)
    return server


def _register(module, server, workspace):
    try:
        if importlib.util.find_spec(module):
            importlib.import_module(module).register(server, workspace)
    except Exception as e:
        import sys
        print("INTEGRATION", module, repr(e), file=sys.stderr)


def _instructions():
    try:
        from ..prompts.flows import INSTRUCTIONS
        return INSTRUCTIONS
    except ImportError:
        return None
