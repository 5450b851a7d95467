"""A file of kinds at work beside the server: one process for each file answers what the server asks of its kind.

    python -m nlp_skills.resources.foundation.plugin_process

reads requests, one a line, from its standard input and answers each with a line of JSON. It is started once the person
has agreed to the file's content, and ends with the server. What it answers is checked against what the method of ours
says that it returns.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import functools
import importlib
import inspect
import json
import operator
import os
import pickle
import subprocess
import sys
import threading
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from .access import offering_paths, session_paths
from .files import sha256_bytes
from .json_object import JsonObject
from .language import Language, Text, speaking, spoken_language
from .plugin_files import RUN_VARIABLE, PluginFile
from .plugins import reason_in_words

_PACKAGE = str(__package__).partition(".")[0]
_MODULE = f"{__package__}.plugin_process"
_SECONDS = 20  # a call of a tool is answered within 25


class _Request(NamedTuple):
    """What is asked: a method of a kind; `settings` are those of a kind that has any, None of one asked as a class."""

    group: str
    kind: str
    method: str
    settings: JsonObject | None
    given: tuple[object, ...]
    named: Mapping[str, object]
    language: Language
    paths: list[str]  # what the client of this call offers to be read


def ask_file(
    file: PluginFile, group: str, method: str, subject: object, given: tuple[object, ...], named: Mapping[str, object]
) -> Any:
    """What a method of the file's kind answers, in the file's own process.

    Arguments:
        subject: the stand-in, or its class, whose method was called.

    Raises:
        AccessError: the person has not agreed to the file.
        PluginError: it fails, takes too long or answers with something else.
        NlpSkillsError: what the method raises of our errors.
    """
    file.require_agreement()
    kind = subject if isinstance(subject, type) else type(subject)
    returned = _returned(kind, method)
    if "Generator" in str(returned) or "Iterator" in str(returned):
        raise file.refusal_error(Text("it only runs in jobs", "它只在工作裡執行"))
    settings = None if isinstance(subject, type) else _settings_of(subject)
    request = _Request(group, file.name, method, settings, given, named, spoken_language(), session_paths().split("\n"))
    try:
        asked = pickle.dumps(request)
    except Exception as error:  # what a call is given stands in this process alone
        raise file.refusal_error(Text("it only runs in jobs", "它只在工作裡執行")) from error
    answer = _process_of(file).ask(asked, method)
    if "raised" in answer:
        raise _error_from(answer["raised"]) or file.refusal_error(Text(*answer["why"]))
    try:
        return _read_answer(answer["returned"], returned)
    except ValidationError as error:
        wrong = f"{type(error).__name__}: {error.errors()[0]['msg']}"
        raise file.refusal_error(
            Text(f"its {method} answers with something else ({wrong})", f"它的 {method} 回傳了不符的內容（{wrong}）")
        ) from error


def _settings_of(subject: object) -> JsonObject:
    return subject.model_dump(exclude_unset=True) if isinstance(subject, BaseModel) else {}


def _returned(kind: type, method: str) -> Any:
    """What our method says that it returns."""
    ours: Any = next(inspect.getattr_static(base, method) for base in kind.__mro__[1:] if method in vars(base))
    function = getattr(ours, "fget", None) or getattr(ours, "func", None) or getattr(ours, "__func__", ours)
    written = function.__annotations__.get("return", Any)
    return eval(written, {**function.__globals__, "Self": kind}) if isinstance(written, str) else written


def _read_answer(said: Any, returned: Any) -> Any:
    """The answer as what it should be; a folder of ours by where it stands."""
    parts = get_args(returned) if get_origin(returned) in (Union, types.UnionType) else (returned,)
    folders = [part for part in parts if _is_folder(part)]
    if folders and isinstance(said, dict) and set(said) == {"root"}:
        return folders[0](Path(said["root"]))
    others = tuple(part for part in parts if part not in folders)
    return TypeAdapter(functools.reduce(operator.or_, others)).validate_python(said)


def _is_folder(kind: Any) -> bool:
    """Whether it is a class of ours that is made of where it stands alone, such as a job's."""
    ours = isinstance(kind, type) and kind.__module__.startswith(f"{_PACKAGE}.")
    return ours and list(inspect.signature(kind).parameters) == ["root"]


def _error_from(raised: JsonObject | None) -> Exception | None:
    """An error of ours, made again from what it holds; None where it is none or cannot be."""
    if raised is None:
        return None
    with contextlib.suppress(Exception):
        kind = getattr(importlib.import_module(raised["module"]), raised["name"])
        hints = get_type_hints(kind.__init__)
        held = {name: raised["holds"][name] for name in inspect.signature(kind).parameters if name in raised["holds"]}
        made = kind(**{name: TypeAdapter(hints[name]).validate_python(value) for name, value in held.items()})
        return made if isinstance(made, Exception) else None
    return None


class _Process:
    """The process of one file's content."""

    def __init__(self, file: PluginFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONSAFEPATH": "1",
                RUN_VARIABLE: "1",
                "NLP_SKILLS_WORKSPACE": str(file.path.parent.parent),
            },
            start_new_session=True,
        )

    def ask(self, request: bytes, method: str) -> JsonObject:
        """One request's answer.

        Raises:
            PluginError: it ended, or was ended as it took too long.
        """
        assert self._process.stdin and self._process.stdout
        with self._lock, contextlib.suppress(OSError, ValueError):
            late = threading.Timer(_SECONDS, self._process.kill)
            late.start()
            try:
                self._process.stdin.write(base64.b64encode(request) + b"\n")
                self._process.stdin.flush()
                if answer := self._process.stdout.readline():
                    return dict(json.loads(answer))
            finally:
                late.cancel()
        self.end()
        raise self._file.refusal_error(
            Text(
                f"its {method} ended its process, or took longer than {_SECONDS} seconds",
                f"它的 {method} 結束了自己的程序，或超過 {_SECONDS} 秒沒有完成",
            )
        )

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()


_processes: dict[Path, tuple[str, _Process]] = {}  # by the file; its content's hash with each
_starting = threading.Lock()


def _process_of(file: PluginFile) -> _Process:
    digest = sha256_bytes(file.content)
    with _starting:
        known = _processes.get(file.path)
        if known and (known[0] != digest or not known[1].runs):
            _processes.pop(file.path)[1].end()
            known = None
        if known is None:
            _processes[file.path] = known = (digest, _Process(file))
        return known[1]


@atexit.register
def end_processes() -> None:
    """End the processes of all files."""
    with _starting:
        while _processes:
            _processes.popitem()[1][1].end()


def _answer(request: _Request) -> bytes:
    from .kinds import registry

    try:
        with speaking(request.language), offering_paths(request.paths):
            kind = registry(request.group).get(request.kind)
            subject: Any = kind
            if request.settings is not None:
                subject = kind.model_validate(request.settings) if issubclass(kind, BaseModel) else kind()
            found = getattr(subject, request.method)
            value = found(*request.given, **request.named) if callable(found) else found
            return to_json({"returned": value}, fallback=_folder, inf_nan_mode="constants")
    except (Exception, SystemExit) as error:  # whatever a person's file raises
        return to_json({"raised": _held(error), "why": reason_in_words(error)}, fallback=str)


def _folder(value: Any) -> dict[str, str]:
    if isinstance(root := getattr(value, "root", None), Path):
        return {"root": str(root)}
    raise PydanticSerializationError(f"{type(value).__name__} cannot be handed over")


def _held(error: BaseException) -> JsonObject | None:
    """An error of ours by its name and what it holds."""
    kind = type(error)
    if not kind.__module__.startswith(f"{_PACKAGE}."):
        return None
    return {"module": kind.__module__, "name": kind.__name__, "holds": vars(error)}


def _requests(stream: IO[bytes]) -> Iterator[_Request]:
    for line in stream:
        yield pickle.loads(base64.b64decode(line))


def main() -> int:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the file prints is no answer
    for request in _requests(sys.stdin.buffer):
        answers.write(_answer(request) + b"\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
