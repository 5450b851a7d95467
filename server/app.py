"""Assembles the server: the tool modules of the verbs, the nouns and the conversations, behind the boundary."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .. import __version__
from ..prompts import flows
from ..resources import published
from ..resources.foundation.json_object import JsonObject
from ..resources.foundation.kinds import use_plugins_of
from ..resources.job import JobFolder
from ..resources.task import TaskFolder
from ..resources.workspace import Workspace
from ..tools.coach import tool as coach
from ..tools.compute import tool as compute
from ..tools.data import tool as data
from ..tools.deploy import tool as deploy
from ..tools.evaluate import tool as evaluate
from ..tools.tasks import tool as tasks
from ..tools.train import tool as train
from .boundary import GuardedServer
from .notify import serve_changes, watchers
from .settings import Settings


def _by_model(workspace: Workspace, task: TaskFolder, name: str, settings: JsonObject, confirm: bool) -> JobFolder:
    """Labels proposed by a trained version: what the data's tool module needs from above it."""
    from ..tools.evaluate.proposing import start

    return start(workspace, task, name, settings, confirm)


_REGISTER: dict[str, Callable[[GuardedServer, Workspace], None]] = {
    "tasks": tasks.register,
    "data": partial(data.register, by_model=_by_model),
    "train": train.register,
    "evaluate": evaluate.register,
    "deploy": deploy.register,
    "compute": compute.register,
    "coach": coach.register,
}


def build_server(settings: Settings | None = None) -> GuardedServer:
    """The whole server for one workspace, ready for `run()` or for an in-memory `Client`.

    Arguments:
        settings: None reads them from the environment.

    Raises:
        SettingsError: a setting of the environment is unknown.
    """
    settings = settings or Settings.from_environment()
    workspace = Workspace(settings.workspace)
    use_plugins_of(workspace.root)
    server = GuardedServer(
        workspace=workspace,
        language=settings.language,
        read_only=settings.read_only,
        forms=settings.forms,
        name="nlp-skills",
        title="NLP Skills · 模型微調教練",
        version=__version__,
        instructions=flows.INSTRUCTIONS,
        log_level="WARNING",
        lifespan=watchers,
    )
    for toolset in settings.toolsets:
        _REGISTER[toolset](server, workspace)
    published.register(server, workspace)
    flows.register(server, workspace)
    serve_changes(server, workspace)
    return server
