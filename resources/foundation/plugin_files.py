"""Kinds from one file: `plugins/NAME.py` in the workspace holds a source, a metric, a reward or a simple method.

Jobs load it, once the person has agreed to its very content. The server never runs it: what it must know of such a kind
(what it is a subclass of, its fields, its titles) is read off the text of the file.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType, new_class
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from .access import AccessError, Need, at_terminal, grant, require
from .errors import PluginError
from .files import append_jsonl, sha256_bytes
from .language import Text
from .plugins import job_of_this_process, light_imports, reason_in_words

GROUPS = ("sources", "metrics", "rewards", "baselines")  # what is only worked with in jobs; others need a package
_PACKAGE = __name__.partition(".")[0]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_MOST_BYTES = 1024**2  # a file is read whole before anybody agrees to it
_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict, "None": None, "Any": Any}


class PluginFile(NamedTuple):
    """One file, as its content stands now."""

    path: Path
    content: bytes

    @property
    def name(self) -> str:
        return self.path.stem

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

    def run(self) -> ModuleType:
        """The module, from the very bytes that were agreed to; noted in the job.

        Raises:
            AccessError: the person has not agreed to them.
            PluginError: it cannot be loaded.
        """
        self.require_agreement()
        module = ModuleType(f"nlp_skills_plugins.{self.name}")
        module.__file__ = str(self.path)
        sys.modules[module.__name__] = module
        try:
            with light_imports():
                exec(compile(self.content, str(self.path), "exec"), module.__dict__)
        except (Exception, SystemExit) as error:  # whatever a person's file raises when it is loaded
            raise self.refusal_error(reason_in_words(error)) from error
        if job := job_of_this_process():
            event = {"kind": "own_script", "file": f"plugins/{self.path.name}", "sha256": sha256_bytes(self.content)}
            append_jsonl(job / "events.jsonl", event)
        return module

    def holds(self, base: type) -> bool:
        """Whether it defines a subclass of `base`, by what it says; a file that is no Python defines none."""
        return any(issubclass(found, base) for _, found in _classes(self.content))

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

    def load(self, base: type, *, run: bool) -> ModuleType | type:
        """The module, or a class that says of itself what the file's does and can do nothing.

        Arguments:
            run: this is a job, where the file is run.

        Raises:
            AccessError, PluginError: see `run`.
        """
        if run:
            return self.run()
        node, found = next((node, found) for node, found in _classes(self.content) if issubclass(found, base))
        try:
            return self._make_stand_in(node, found)
        except Exception as error:  # a file may say anything of itself
            raise self.refusal_error(reason_in_words(error)) from error

    def refusal_error(self, why: Text) -> PluginError:
        """The error that says why it cannot be used."""
        return PluginError(
            Text("{name} of {origin} cannot be used: {why}.", "{origin}的 {name} 無法使用：{why}。").format(
                name=self.name, origin=self.origin, why=why
            ),
            Text(
                "Fix the file or move it out of plugins/; docs/extending.md shows how each kind is written.",
                "請修正這個檔案，或把它移出 plugins/；各種擴充的寫法見 docs/extending.zh-TW.md。",
            ),
            field=f"plugins/{self.path.name}",
        )

    def _make_stand_in(self, node: ast.ClassDef, base: type) -> type:
        in_jobs = self.refusal_error(Text("it is run in jobs only", "它只在工作裡執行"))

        def unable(*_given: Any, **_named: Any) -> Any:
            raise in_jobs

        def fill(space: dict[str, Any]) -> None:
            space["__doc__"] = ast.get_docstring(node)
            space["__module__"] = f"nlp_skills_plugins.{self.name}"
            space["is_stand_in"] = True
            annotations: dict[str, Any] = {"is_stand_in": ClassVar[bool]}
            for name in getattr(base, "__abstractmethods__", ()):
                space[name] = unable
            for name, annotation, value in _attributes(node):
                said = _value(value)
                if said is not _UNKNOWN:
                    space[name] = said
                if annotation is not None:
                    annotations[name] = ClassVar[Any] if "ClassVar" in ast.unparse(annotation) else _type(annotation)
            space["__annotations__"] = annotations

        return new_class(node.name, (base,), {}, fill)

    def _question(self) -> AccessError:
        digest = sha256_bytes(self.content)
        return AccessError(
            Text(
                f"{self.name} comes from {self.path} (SHA-256 {digest[:12]}…), which no package installed. In jobs it runs "
                "with everything you may do on this computer, so read it first. Run it?",
                f"{self.name} 來自 {self.path}（SHA-256 {digest[:12]}…），不是由套件安裝的。它在工作裡執行時能做你在這台電腦上能做的"
                "任何事，請先看過內容。要執行嗎？",
            ),
            Text(
                f'The person agrees on the terminal: nlp-skills allow --script "{self.path}". Or do without {self.name}.',
                f'請使用者在終端機同意：nlp-skills allow --script "{self.path}"。或改用 {self.name} 以外的項目。',
            ),
            field=f"plugins/{self.path.name}",
            needs=[Need(kind="script", subject=digest)],
            details={"file": str(self.path)},
        )


def plugin_files(workspace: Path) -> list[PluginFile]:
    """The files of a workspace's `plugins/`, by name; none is run. Links and files over 1 MB are left out."""
    try:
        with os.scandir(workspace / "plugins") as entries:
            found = sorted(
                (entry.path, stat.st_mtime_ns, stat.st_size)
                for entry in entries
                if entry.name.endswith(".py")
                and _NAME.fullmatch(entry.name[:-3])
                and entry.is_file(follow_symlinks=False)
                and (stat := entry.stat()).st_size <= _MOST_BYTES
            )
    except OSError:
        return []
    return [_read(*one) for one in found]


def unreadable_plugin_files(workspace: Path) -> list[PluginError]:
    """Why those files cannot be used that no kind can come from, whatever it is looked for as."""
    nothing = Text("source, metric, reward or simple method", "種來源、指標、獎勵或簡單方法")
    return [
        file.refusal_error(file.missing_class(nothing))
        for file in plugin_files(workspace)
        if not _classes(file.content)
    ]


@lru_cache(maxsize=256)
def _read(path: str, _modified: int, _size: int) -> PluginFile:
    return PluginFile(Path(path), Path(path).read_bytes())


@lru_cache(maxsize=256)
def _classes(content: bytes) -> list[tuple[ast.ClassDef, type]]:
    """The classes that a file defines as subclasses of ours, the last first, each with ours."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    known = dict(_imported_classes(tree))
    defined = [node for node in reversed(tree.body) if isinstance(node, ast.ClassDef)]
    return [
        (node, known[name.id])
        for node in defined
        for name in node.bases[:1]
        if isinstance(name, ast.Name) and name.id in known
    ]


def _imported_classes(tree: ast.Module) -> Iterator[tuple[str, type]]:
    """The classes of ours that the file imports from our tools, by the names it gives them."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{_PACKAGE}.tools."):
            try:
                with light_imports():
                    module = importlib.import_module(str(node.module))
            except ImportError:  # a slip in its name: said when a job loads the file
                continue
            for name in node.names:
                if isinstance(found := getattr(module, name.name, None), type):
                    yield name.asname or name.name, found


def _attributes(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr | None, ast.expr | None]]:
    """The name, annotation and value of each attribute of the class."""
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and _is_own(part.target.id):
            yield part.target.id, part.annotation, part.value
        elif isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name) and _is_own(part.targets[0].id):
            yield part.targets[0].id, None, part.value


def _is_own(name: str) -> bool:
    """Whether a class may say that of itself: Python's and pydantic's own workings it may not."""
    return not name.startswith(("_", "model_"))


_UNKNOWN = object()


def _value(node: ast.expr | None) -> Any:
    """What an expression says without being run: a literal, `Text(…)` or `Field(…)` of literals."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Text", "Field"):
        given = [_value(one) for one in node.args]
        named = {one.arg: said for one in node.keywords if one.arg and (said := _value(one.value)) is not _UNKNOWN}
        if node.func.id == "Field":
            return Field(*([] if not given else [None] if given[0] is _UNKNOWN else given[:1]), **named)
        return Text(*given, **named) if _UNKNOWN not in given and len(given) + len(named) == 2 else _UNKNOWN
    try:
        return ast.literal_eval(node) if node is not None else _UNKNOWN
    except ValueError:
        return _UNKNOWN


def _type(node: ast.expr) -> Any:
    """A field's type, where it is one of the plain ones; anything else is taken as it comes, and checked in the job."""
    match node:
        case ast.Constant(value=None):
            return None
        case ast.Name(id=name) if name in _TYPES:
            return _TYPES[name]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            either, other = _type(left), _type(right)
            return Any if Any in (either, other) else either | other
        case ast.Subscript(value=ast.Name(id=("list" | "dict") as name), slice=ast.Tuple(elts=parts)):
            return _TYPES[name][tuple(_type(part) for part in parts)]  # type: ignore[index]
        case ast.Subscript(value=ast.Name(id="list"), slice=part):
            return list[_type(part)]  # type: ignore[misc]
        case ast.Subscript(value=ast.Name(id="Literal"), slice=part):
            try:
                said = ast.literal_eval(part)
            except ValueError:
                return Any
            return Literal[said if isinstance(said, tuple) else (said,)]
    return Any
