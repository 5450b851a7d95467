"""`transformers serve` for one model under short names: what it lists, what it answers as, and what it reads as text.

The stock server knows its one model by its folder alone, lists the hub's cache instead of it (an error where there is
none), and reads a control token that stands in a client's text as one.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ...resources.foundation.json_object import JsonObject
from ..data.control_tokens import plain_messages, special_tokens

_SERVED = ("/v1/models",)


class ListedModel(BaseModel):
    """A model as OpenAI's interface lists it."""

    id: str
    object: str = "model"
    created: int
    owned_by: str = "nlp-skills"


class ListedModels(BaseModel):
    """All of them."""

    object: str = "list"
    data: list[ListedModel]


def serve_under(model: str, names: Sequence[str]) -> None:
    """Have the server that is started next in this process serve `model` under those names; the folder itself, by which
    clients of older deployments know it, goes on being understood.

    Arguments:
        names: the first is the one it answers as; none: the folder's own name.
    """
    from transformers.cli.serving import server

    known = list(names) or [Path(model).name]
    build = server.build_server

    def build_named(model_manager: Any, *handlers: Any, **more: Any) -> Any:
        tokens = special_tokens(Path(model))
        for handler in (*handlers, *more.values()):
            if hasattr(handler, "_resolve_model"):
                handler._resolve_model = _resolver(handler._resolve_model, model, known, tokens)
        app = build(model_manager, *handlers, **more)
        app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", None) not in _SERVED]
        _list_models(app, model, known)
        return app

    server.build_server = build_named


def _resolver(
    resolve: Callable[[JsonObject], tuple[str, Any, Any]], model: str, names: Sequence[str], tokens: Sequence[str]
) -> Callable[[JsonObject], tuple[str, Any, Any]]:
    """Of a request the name that is answered, the model and its tokenizer."""

    def resolve_named(body: JsonObject) -> tuple[str, Any, Any]:
        asked = body.get("model")
        if asked is not None and not _is_known(str(asked), model, names):
            raise _unknown(str(asked), names)
        body["model"] = model
        if isinstance(body.get("messages"), list):
            body["messages"] = plain_messages(body["messages"], tokens)
        _, loaded, processor = resolve(body)
        return names[0], loaded, processor

    return resolve_named


def _list_models(app: Any, model: str, names: Sequence[str]) -> None:
    created = int(time.time())

    def entry(name: str) -> ListedModel:
        return ListedModel(id=name, created=created)

    @app.get("/v1/models")
    def list_models() -> ListedModels:
        return ListedModels(data=[entry(name) for name in names])

    @app.get("/v1/models/{name:path}")
    def one(name: str) -> ListedModel:
        if not _is_known(name, model, names) and not _is_known(f"/{name}", model, names):
            raise _unknown(name, names)
        return entry(name if name in names else names[0])


def _is_known(asked: str, model: str, names: Sequence[str]) -> bool:
    return asked in names or asked.removesuffix("@main") == model


def _unknown(asked: str, names: Sequence[str]) -> Exception:
    refused: type[Exception] = importlib.import_module("fastapi").HTTPException
    return refused(
        404,
        {
            "error": {
                "message": f"There is no model {asked[:80]!r} here; it has {', '.join(names)}.",
                "type": "invalid_request_error",
                "param": "model",
                "code": "model_not_found",
            }
        },
    )
