"""Kinds from one file: `plugins/NAME.py` in the workspace holds a source, a metric, a method or any other kind.

Jobs load it, once the person has agreed to its very content. The server never runs it: what it must know of such a kind
(what it is a subclass of, its fields, its titles) is read off the text of the file (see `plugin_text`), and what it must
ask of it is asked of a process of the file's own (see `plugin_process`).
"""

from __future__ import annotations

import ast
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from .access import AccessError, Need, at_terminal, grant, require
from .clock import now
from .errors import PluginError
from .files import append_jsonl, sha256_bytes
from .language import Text
from .plugin_text import WorkedOut, defined_classes, make_stand_in
from .plugins import job_of_this_process, light_imports, reason_in_words

# Tells a process that it may run the files that the person has agreed to, as jobs do.
RUN_VARIABLE = "NLP_SKILLS_RUN_PLUGIN_FILES"
_FILE = re.compile(r"[a-z][a-z0-9_]{0,62}\.py")
_MOST_BYTES = 1024**2  # a file is read whole before anybody agrees to it
_SETTLED_NANOSECONDS = 10**9  # a folder changed more recently may change again without its time telling
_ANY_KIND = Text("kind that can be added", "種可以加入的項目")


# The file, the group, the method, the kind or its class, and the arguments → what the method returned.
Ask = Callable[["PluginFile", str, str, object, tuple[object, ...], Mapping[str, object]], Any]


def runs_plugin_files() -> bool:
    """Whether this process runs files that were agreed to: a job, or one that works for a file alone."""
    return job_of_this_process() is not None or bool(os.environ.get(RUN_VARIABLE))


class PluginFile(NamedTuple):
    """One file, as its content stands now, and what the kind in it is called."""

    path: Path
    content: bytes
    name: str

    @property
    def module(self) -> str:
        """What its module is called in processes that run it."""
        return f"nlp_skills_plugins.{self.path.stem}"

    @property
    def origin(self) -> Text:
        return Text(f"the file {self.path}", f"檔案 {self.path} ")

    def require_agreement(self) -> None:
        """Raise unless the person has agreed to this content; at their own terminal they have by starting it there.

        Raises:
            AccessError: they have not; it names the file and its hash.
        """
        question = self._question()
        if at_terminal():
            grant(question.needs, file=str(self.path))
        require(question)

    def is_agreed(self) -> bool:
        """Whether nothing has to be asked before this content is run."""
        try:
            self.require_agreement()
        except AccessError:
            return False
        return True

    def run(self) -> ModuleType:
        """The module, from the very bytes that were agreed to; noted in the job.

        Raises:
            AccessError: the person has not agreed to them.
            PluginError: it cannot be loaded.
        """
        self.require_agreement()
        module = ModuleType(self.module)
        module.__file__ = str(self.path)
        sys.modules[module.__name__] = module
        try:
            with light_imports():
                exec(compile(self.content, str(self.path), "exec"), module.__dict__)
        except (Exception, SystemExit) as error:  # whatever a person's file raises when it is loaded
            raise self.refusal_error(reason_in_words(error)) from error
        if job := job_of_this_process():
            digest = sha256_bytes(self.content)
            event = {"time": now(), "kind": "own_script", "file": f"plugins/{self.path.name}", "sha256": digest}
            append_jsonl(job / "events.jsonl", event)
        return module

    def holds(self, base: type) -> bool:
        """Whether it defines a subclass of `base`, by what it says; a file that is no Python defines none."""
        return any(issubclass(defined.base, base) for defined in defined_classes(self.content))

    def missing_class(self, noun: Text) -> Text:
        """Why it holds no kind that is called so."""
        try:
            ast.parse(self.content)
        except SyntaxError as error:
            return Text(
                f"line {error.lineno} is not Python ({error.msg})", f"第 {error.lineno} 行不是 Python（{error.msg}）"
            )
        except (ValueError, RecursionError, MemoryError):
            return Text("it cannot be read as Python", "它無法當作 Python 讀取")
        return Text("it defines no {noun}", "它沒有定義任何一{noun}").format(noun=noun)

    def load(self, base: type, group: str, ask: Ask) -> ModuleType | type:
        """The module where files are run, elsewhere a class that says of itself what the file's does.

        Arguments:
            group: in which the class is a kind.
            ask: calls a method of the kind in the process of the file.

        Raises:
            AccessError, PluginError: see `run`.
        """
        if runs_plugin_files():
            return self.run()

        def call(method: str, subject: object, given: tuple[object, ...], named: Mapping[str, object]) -> Any:
            return ask(self, group, method, subject, given, named)

        defined = next(one for one in defined_classes(self.content) if issubclass(one.base, base))
        try:
            return make_stand_in(defined, self.module, call)
        except WorkedOut as error:
            raise self.refusal_error(error.said) from error
        except Exception as error:  # a file may say anything of itself
            raise self.refusal_error(reason_in_words(error)) from error

    def refusal_error(self, why: Text) -> PluginError:
        """The error that says why it cannot be used."""
        return PluginError(
            Text("{name} from {origin} cannot be used: {why}.", "{origin}的 {name} 無法使用：{why}。").format(
                name=self.name, origin=self.origin, why=why
            ),
            Text(
                "Fix the file or move it out of plugins/; docs/extending.md shows how each kind is written.",
                "請修正這個檔案，或把它移出 plugins/；各種擴充的寫法見 docs/extending.zh-TW.md。",
            ),
            field=f"plugins/{self.path.name}",
        )

    def _question(self) -> AccessError:
        digest = sha256_bytes(self.content)
        return AccessError(
            Text(
                f"{self.name} comes from {self.path} (SHA-256 {digest[:12]}…), which was not installed by a package. "
                f"In jobs it runs with the same rights as you on this computer, so read it first. Run it?",
                f"{self.name} 來自 {self.path}（SHA-256 {digest[:12]}…），不是由套件安裝的。它在工作裡執行時能做你在這台電腦上能做的"
                "任何事，請先看過內容。要執行嗎？",
            ),
            Text(
                f'The person agrees in a terminal: nlp-skills allow --script "{self.path}". Or do without {self.name}.',
                f'請使用者在終端機同意：nlp-skills allow --script "{self.path}"。或改用 {self.name} 以外的項目。',
            ),
            field=f"plugins/{self.path.name}",
            needs=[Need(kind="script", subject=digest)],
            details={"file": str(self.path)},
        )


def plugin_files(workspace: Path) -> list[PluginFile]:
    """The files of a workspace's `plugins/`, by name; none is run. Links and files over 1 MB are left out."""
    folder = _folder_in(workspace)
    try:
        changed = folder.stat().st_mtime_ns
        known = _listed.get(folder)
        if known is None or known[0] != changed:
            known = changed, sorted(path for path in folder.iterdir() if _FILE.fullmatch(path.name))
            if time.time_ns() - changed > _SETTLED_NANOSECONDS:
                _listed[folder] = known
    except OSError:
        return []
    return [file for path in known[1] if (file := _look_at(path))]


def unreadable_plugin_files(workspace: Path) -> list[PluginError]:
    """Why those files cannot be used that no kind can come from, whatever it is looked for as."""
    return [
        file.refusal_error(file.missing_class(_ANY_KIND))
        for file in plugin_files(workspace)
        if not defined_classes(file.content)
    ]


_listed: dict[
    Path, tuple[int, list[Path]]
] = {}  # folder → when it changed last, and the files in it: asked for each row


@lru_cache(maxsize=16)
def _folder_in(workspace: Path) -> Path:
    return workspace / "plugins"


def _look_at(path: Path) -> PluginFile | None:
    try:
        found = path.lstat()
        fits = stat.S_ISREG(found.st_mode) and found.st_size <= _MOST_BYTES
        return _read(path, found.st_mtime_ns, found.st_size) if fits else None
    except OSError:  # it went away meanwhile
        return None


@lru_cache(maxsize=256)
def _read(path: Path, _modified: int, _size: int) -> PluginFile:
    return PluginFile(path, path.read_bytes(), path.stem)
