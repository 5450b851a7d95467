"""What a target needs in this environment, looked for before anything is started, with the command that brings it."""

from __future__ import annotations

import importlib.util
import shlex
import sys

from ...resources.foundation.errors import MissingRequirement
from ...resources.foundation.language import Text

_MERGING = ("torch", "transformers", "peft")
_SERVING = ("fastapi", "uvicorn", "openai")  # what `transformers serve` asks for


def need_merging() -> None:
    """Raise `MissingRequirement` where an adapter cannot be merged into its base here."""
    _need(Text("Merging", "合併模型"), _MERGING, "train")


def need_serving() -> None:
    """Raise `MissingRequirement` where a merged model cannot be served here."""
    need_merging()
    _need(Text("Serving", "提供服務"), _SERVING, "train")


def need_llama_cpp() -> None:
    """Raise `MissingRequirement` where a GGUF file cannot be written and asked here."""
    need_merging()
    _need(Text("Running a GGUF file", "執行 GGUF 檔"), ("xllamacpp",), "gguf")


def _need(purpose: Text, modules: tuple[str, ...], extra: str) -> None:
    missing = ", ".join(name for name in modules if importlib.util.find_spec(name) is None)
    if not missing:
        return
    command = f"{shlex.quote(sys.executable)} -m pip install 'nlp-skills[{extra}]'"
    raise MissingRequirement(
        Text(
            "{purpose} needs {missing}, which this environment lacks.", "{purpose}需要 {missing}，這個環境沒有安裝。"
        ).format(purpose=purpose, missing=missing),
        Text(
            f"Run: {command}; or rebuild the worker environment with set_up(what='environment').",
            f"請執行：{command}；或用 set_up(what='environment') 重新建立工作環境。",
        ),
    )
