"""Any model that exists already as a predictor beside the versions: asked as it is, measured on the same benchmark.

    models/tried/<name>/results.json      the same records as a version's, `model` naming what was asked
    models/tried/<name>/predictions/…     the answers behind them

What it is called: `ollama:qwen3` (in the person's Ollama), `gguf:/path/model.gguf`, `endpoint:NAME` (with an address),
`base:Qwen/Qwen3-0.6B` or a folder, or a version, `v2`.
"""

from __future__ import annotations

import os
import re
import secrets as randomness
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

from pydantic import BaseModel

from ...resources.foundation import secrets
from ...resources.foundation.errors import DeploymentError, EvaluationError, NlpSkillsError
from ...resources.foundation.files import append_jsonl, read_jsonl, sha256_bytes, sha256_file
from ...resources.foundation.language import Text
from ...resources.paths import readable
from ...resources.task import Prompt, TaskFolder
from ...resources.version import VersionFolder
from ...resources.version import version as find_version
from ...resources.workspace import Workspace
from ..compute.environments.base_model import resolve_base_model
from ..compute.own_servers import ollama_url
from ..data.prompting import chat_messages, gold_of, read_answer
from ..data.reach import require_reach
from ..data.rows import Row
from ..data.task_kind import kind_of
from .asked import as_asked, asking_limit
from .endpoint import Endpoint, ask, base_url, check_listed, whole
from .llama_cpp import check_gguf, running
from .model import load_for_inference, version_paths
from .predict import Prediction, margins, predict

Kind = Literal["ollama", "gguf", "endpoint", "base", "version"]
_KEY_NAME = "NLP_SKILLS_TRYING_KEY"
_VERSION = re.compile(r"(?:v?[1-9][0-9]*|latest|current)", re.IGNORECASE)
_MOST_TOKENS = 1024  # room for a model that thinks aloud before it answers
Report = Callable[[int, int], None]
Answering = Callable[[Sequence[Row], Path | None, Report], list[Prediction]]


class Model(BaseModel):
    """A model by what it is: `name` is how it is spoken of, `source` its path, hub id, or name at its server."""

    kind: Kind
    name: str
    source: str
    url: str | None = None
    api_key: str | None = None

    @property
    def loaded_here(self) -> bool:
        """Whether its weights are loaded by who asks it, onto the GPU where there is one."""
        return self.kind in ("base", "version")


class ModelIdentity(TypedDict):
    """A model as a record names it: `sha256` of its file, `digest` of Ollama's."""

    kind: Kind
    name: str
    source: str
    url: NotRequired[str]
    sha256: NotRequired[str]
    digest: NotRequired[str | None]


class TriedModel(VersionFolder):
    """Where the evaluations of a model stand that was not trained here."""

    def __init__(self, task: TaskFolder, name: str) -> None:
        super().__init__(task, 0)
        self.name = name
        words = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[-60:]
        self.root = task.models / "tried" / f"{words}-{sha256_bytes(name.encode())[:8]}"
        self.results_file = self.root / "results.json"
        self.predictions_file = self.root / "predictions.jsonl"
        self.config_file = self.root / "config.yaml"


def named_model(workspace: Workspace, task: TaskFolder, name: str, url: str = "", api_key: str = "") -> Model:
    """The model that `name` speaks of; whether it stands is looked at as far as no library is needed.

    Raises:
        AccessError: nobody has allowed reading that file or folder, reaching that host, or sending the
            key or the rows there.
        NlpSkillsError: there is no such file, version, base model or address.
    """
    prefix, _, rest = name.strip().partition(":")
    key = api_key or None
    if prefix == "ollama" and rest:
        address = base_url(url or ollama_url())
        require_reach(task.load(), address, key)
        return Model(kind="ollama", name=name.strip(), source=rest, url=address, api_key=key)
    if url or (prefix == "endpoint" and rest):
        source = rest if prefix == "endpoint" else name.strip()
        if not url:
            raise DeploymentError(
                Text(f"Where does {source} answer?", f"{source} 在哪個位址回答？"),
                Text(
                    "Give its address as url, such as http://127.0.0.1:8000.",
                    "請在 url 填上位址，例如 http://127.0.0.1:8000。",
                ),
                field="url",
            )
        require_reach(task.load(), base_url(url), key)
        return Model(kind="endpoint", name=f"endpoint:{source}", source=source, url=base_url(url), api_key=key)
    if (prefix == "gguf" and rest) or name.strip().lower().endswith(".gguf"):
        path = readable(
            Path(rest if prefix == "gguf" else name.strip()),
            "model",
            workspace=workspace.root,
            task=task.root,
            suffixes=(".gguf",),
        )
        check_gguf(path)
        return Model(kind="gguf", name=f"gguf:{path.name}", source=str(path))
    if _VERSION.fullmatch(name.strip()):
        folder = find_version(task, name.strip())
        return Model(kind="version", name=folder.name, source=folder.name)
    source = rest if prefix == "base" and rest else name.strip()
    return Model(kind="base", name=f"base:{source}", source=str(resolve_base_model(workspace, source)))


def predictor(task: TaskFolder, name: str) -> VersionFolder:
    """A version, or a model that was tried and measured, by its name.

    Raises:
        EvaluationError: it is a model's name, and that model was not measured yet.
        TaskError: there is neither; the versions are offered.
    """
    tried = TriedModel(task, name.strip())
    if tried.results_file.is_file():
        return tried
    for path in (task.models / "tried").glob("*/results.json"):  # `gguf:model.gguf` may be said with its whole path
        if path.parent.name == TriedModel(task, f"gguf:{Path(name.removeprefix('gguf:')).name}").root.name:
            return TriedModel(task, f"gguf:{Path(name.removeprefix('gguf:')).name}")
    if ":" in name or name.endswith(".gguf"):
        raise EvaluationError(
            Text(f"{name} has not been measured for {task.name} yet.", f"{name} 還沒有在 {task.name} 量過。"),
            Text(
                f"Measure it first: try_model(task={task.name!r}, model={name!r}, action='evaluate').",
                f"請先量一次：try_model(task={task.name!r}, model={name!r}, action='evaluate')。",
            ),
            field="version",
        )
    return find_version(task, name)


@contextmanager
def answering(task: TaskFolder, model: Model, prompt: Prompt, labels: Sequence[str]) -> Iterator[Answering]:
    """A function that asks the model rows, for as long as the block runs (a GGUF file is served for it)."""
    if model.loaded_here:
        folder = find_version(task, model.source) if model.kind == "version" else None
        paths = version_paths(folder) if folder else None
        loaded = load_for_inference(paths.base, paths.adapter) if paths else load_for_inference(Path(model.source))

        def predict_rows(rows: Sequence[Row], kept: Path | None, report: Report) -> list[Prediction]:
            rows = as_asked(loaded, rows, prompt, labels, asking_limit(folder)).rows if folder else rows
            found = predict(loaded, rows, prompt, labels, kept=kept, report=report)
            if not rows or kind_of(rows[0]).answers != "pair" or not rows[0]["rejected"]:
                return found
            pairs = kept.with_name(f"{kept.stem}-pairs.jsonl") if kept else None
            preferred = margins(loaded, rows, prompt, labels, kept=pairs, report=report)
            return [replace(one, margin=margin) for one, margin in zip(found, preferred, strict=True)]

        yield predict_rows
    elif model.kind == "gguf":
        if secrets.lookup(_KEY_NAME) is None:
            os.environ[_KEY_NAME] = randomness.token_urlsafe(24)  # for this process alone
        with running(Path(model.source), secrets.resolve(f"${{{_KEY_NAME}}}", host=None)) as url:
            served = Endpoint(url=url, model=Path(model.source).name, api_key=f"${{{_KEY_NAME}}}", served_here=True)
            yield _ask_endpoint(served, prompt, labels)
    else:
        endpoint = Endpoint(url=str(model.url), model=model.source, api_key=model.api_key)
        check_listed(endpoint)
        yield _ask_endpoint(endpoint, prompt, labels)


def identity(model: Model) -> ModelIdentity:
    """What was asked, for the record: a name can come to stand for another model later."""
    found: ModelIdentity = {"kind": model.kind, "name": model.name, "source": model.source}
    if model.url:
        found["url"] = model.url
    if model.kind == "gguf":
        found["sha256"] = sha256_file(Path(model.source))
    if model.kind == "ollama":
        found["digest"] = _ollama_digest(model)
    return found


def _ask_endpoint(endpoint: Endpoint, prompt: Prompt, labels: Sequence[str]) -> Answering:
    def answers(rows: Sequence[Row], kept: Path | None, report: Report) -> list[Prediction]:
        known = {entry["id"]: str(entry["raw"]) for entry in read_jsonl(kept)} if kept and kept.is_file() else {}
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
        options: dict[str, int] = {"temperature": 0, "max_tokens": _MOST_TOKENS}
        found = []
        with endpoint.client() as client:
            for done, row in enumerate(rows, start=1):
                if (raw := known.get(row["id"])) is None:
                    messages = chat_messages(row, prompt, labels)
                    try:
                        raw = ask(client, endpoint.model, messages, **options)
                    except DeploymentError as error:
                        if not options or "HTTP 400" not in error.problem.en:
                            raise
                        options = {}  # some hosted models take neither; then as they are
                        raw = ask(client, endpoint.model, messages)
                    if kept:
                        append_jsonl(kept, {"id": row["id"], "raw": raw})
                found.append(Prediction(str(row["id"]), gold_of(row), raw, read_answer(row, raw, labels)))
                report(done, len(rows))
        return found

    return answers


def _ollama_digest(model: Model) -> str | None:
    import httpx

    try:
        with Endpoint(url=str(model.url), model=model.source).client(10.0) as client:
            models = whole(client, "GET", "/api/tags").json()["models"]
        return next(
            (str(entry["digest"]) for entry in models if entry["name"] in (model.source, f"{model.source}:latest")),
            None,
        )
    except (httpx.HTTPError, ValueError, KeyError, TypeError, RecursionError, NlpSkillsError):
        return None


def not_for_versions(name: str) -> EvaluationError:
    return EvaluationError(
        Text(f"{name} is a version: it has an evaluation of its own.", f"{name} 是版本，有自己的評估。"),
        Text(
            "Call evaluate for it; try_model measures models that were not trained here.",
            "請對它呼叫 evaluate；try_model 用來量不是在這裡訓練的模型。",
        ),
        field="model",
    )
