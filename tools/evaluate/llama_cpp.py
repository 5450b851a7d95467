"""llama.cpp's own server, run in this process by xllamacpp: a GGUF file behind an OpenAI-compatible address."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...resources.foundation.errors import DeploymentError, MissingRequirement
from ...resources.foundation.language import Text
from ...resources.foundation.reasons import reason_of

HOST = "127.0.0.1"
_MAGIC = b"GGUF"


def start_server(file: Path, *, key: str, port: int = 0, alias: str = "", context: int = 0) -> tuple[Any, str]:
    """Load the file and listen on the loopback, greedy unless a request says otherwise.

    Arguments:
        key: what requests must carry as bearer token; llama.cpp asks for none by itself.
        port: 0 takes a free one.
        alias: the name it lists itself by.
        context: tokens; 0 takes the model's own length.

    Returns:
        the server, which lives as long as it is referred to, and its address.

    Raises:
        MissingRequirement: xllamacpp is not installed.
        DeploymentError: the file is no GGUF file, or llama.cpp cannot load it.
    """
    check_gguf(file)
    try:
        xllamacpp: Any = importlib.import_module("xllamacpp")
    except ImportError as error:
        raise missing_llama_cpp() from error
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.port, settings.n_ctx = str(file), port, context
    settings.api_keys, settings.ui, settings.use_jinja, settings.warmup = [key], False, True, False
    settings.cors_origins, settings.cors_credentials, settings.verbosity = "null", False, 1
    settings.sampling.temp = 0.0
    # A prompt computed anew each time gives the same answer whatever was asked before it.
    settings.cache_prompt = False
    if alias:
        settings.model_alias = {alias}
    try:
        server = xllamacpp.Server(settings)
    except Exception as error:  # xllamacpp raises what llama.cpp says, as RuntimeError or ValueError
        raise DeploymentError(
            Text(f"llama.cpp could not load {file}: {error}", f"llama.cpp 無法載入 {file}：{error}"),
            Text(
                "The lines above it in the log say why; deploy to gguf again to build the file again.",
                "紀錄裡前面幾行有原因；可再部署一次 gguf 重新產生檔案。",
            ),
            field="model",
        ) from error
    return server, str(server.listening_address)


@contextmanager
def running(file: Path, key: str, alias: str = "") -> Iterator[str]:
    """The address of a server of that file, for as long as the block runs."""
    server, url = start_server(file, key=key, alias=alias)
    try:
        yield url
    finally:
        del server


def check_gguf(file: Path) -> None:
    """Raise `DeploymentError` where that is no GGUF file."""
    try:
        with file.open("rb") as opened:
            if opened.read(len(_MAGIC)) == _MAGIC:
                return
        problem = Text(f"{file} is not a GGUF file.", f"{file} 不是 GGUF 檔。")
    except OSError as error:
        problem = Text(f"{file} cannot be read: {reason_of(error).en}.", f"無法讀取 {file}：{reason_of(error).zh}。")
    raise DeploymentError(
        problem, Text("Name a file that ends in .gguf.", "請指定副檔名為 .gguf 的檔案。"), field="model"
    )


def missing_llama_cpp() -> MissingRequirement:
    return MissingRequirement(
        Text(
            "Running a GGUF file needs llama.cpp (xllamacpp) in the worker environment.",
            "執行 GGUF 檔需要在工作環境中安裝 llama.cpp（xllamacpp）。",
        ),
        Text(
            "Run: pip install 'nlp-skills[gguf]' in that environment.", "請在該環境執行：pip install 'nlp-skills[gguf]'"
        ),
    )
