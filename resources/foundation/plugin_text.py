"""What a file of kinds says of itself, read off its text: the classes in it, their titles, fields and other literals.

Nothing of the file is run. A stand-in made of it has the class's name, documentation and fields; what it would have to
do, it asks `call` for.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import new_class
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, Field

from .language import Text
from .plugins import light_imports

_PACKAGE = __name__.partition(".")[0]
_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict, "None": None, "Any": Any}
_UNKNOWN = object()

Call = Callable[
    [str, object, tuple[object, ...], Mapping[str, object]], Any
]  # a method's name, whose it is, its arguments


class WorkedOut(Exception):
    """What the server has to know of a kind is worked out by the file's code, and not written out."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.said = Text(
            f"its {name} is worked out by code, which the server does not run; write the value out",
            f"它的 {name} 是用程式算出來的，伺服器不會執行；請直接寫出值",
        )


class DefinedClass(NamedTuple):
    """A class that a file defines, with ours that it is a subclass of, and the names by which the file knows values."""

    node: ast.ClassDef
    base: type
    names: Mapping[str, Any]


@lru_cache(maxsize=256)
def defined_classes(content: bytes) -> list[DefinedClass]:
    """The classes that a file defines as subclasses of ours, the last first."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    ours = dict(_imported_classes(tree, "tools"))
    names: dict[str, Any] = {**_data_classes(tree), "Text": Text, "Field": Field}
    for part in tree.body:
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
            names[part.targets[0].id] = _value(part.value, names)
    defined = [node for node in reversed(tree.body) if isinstance(node, ast.ClassDef)]
    return [
        DefinedClass(node, ours[name.id], names)
        for node in defined
        for name in node.bases[:1]
        if isinstance(name, ast.Name) and name.id in ours
    ]


def make_stand_in(defined: DefinedClass, module: str, call: Call) -> type:
    """A class that says of itself what the file's does; its methods ask `call`.

    Raises:
        WorkedOut: a value that every such class must have is not written out.
        Exception: whatever pydantic makes of what the file says.
    """
    node, base = defined.node, defined.base

    def fill(space: dict[str, Any]) -> None:
        space["__doc__"] = ast.get_docstring(node)
        space["__module__"] = module
        space["is_stand_in"] = True
        annotations: dict[str, Any] = {"is_stand_in": ClassVar[bool]}
        for name, annotation, value in _attributes(node):
            said = _value(value, defined.names)
            of_class = annotation is None or "ClassVar" in ast.unparse(annotation) or not issubclass(base, BaseModel)
            if said is _UNKNOWN and value is not None:
                if of_class and not hasattr(base, name):
                    raise WorkedOut(name)
                said, annotation = (_UNKNOWN, annotation) if of_class else (None, ast.Name("Any"))
            if said is not _UNKNOWN:
                space[name] = said
            if annotation is not None:
                annotations[name] = ClassVar[Any] if of_class else _type(annotation)
        space["__annotations__"] = annotations
        for part in node.body:
            if isinstance(part, ast.FunctionDef) and _is_own(part.name) and hasattr(base, part.name):
                space[part.name] = _method(part.name, base, call)

    return new_class(node.name, (base,), {}, fill)


def _method(name: str, base: type, call: Call) -> Any:
    """A method of ours that the file writes anew, as one that asks `call`."""
    ours = inspect.getattr_static(base, name)

    def ask(subject: object, *given: Any, **named: Any) -> Any:
        return call(name, subject, given, named)

    if isinstance(ours, property | functools.cached_property):
        return property(ask)
    return classmethod(ask) if isinstance(ours, classmethod) else ask


def _imported(tree: ast.Module, part: str) -> Iterator[tuple[str, Any]]:
    """What the file imports from a part of our package, by the names it gives it."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{_PACKAGE}.{part}."):
            try:
                with light_imports():
                    module = importlib.import_module(str(node.module))
            except ImportError:  # a slip in its name: said when a job loads the file
                continue
            for name in node.names:
                yield name.asname or name.name, getattr(module, name.name, None)


def _imported_classes(tree: ast.Module, part: str) -> Iterator[tuple[str, type]]:
    return ((name, found) for name, found in _imported(tree, part) if isinstance(found, type))


def _data_classes(tree: ast.Module) -> dict[str, type]:
    """Those of our classes that the file imports and that only hold values, such as `Prompt`."""
    return {name: found for name, found in _imported_classes(tree, "resources") if issubclass(found, BaseModel | tuple)}


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


def _value(node: ast.expr | None, names: Mapping[str, Any]) -> Any:
    """What an expression says without being run: literals, names of such, and `Text(…)`, `Field(…)`, `Prompt(…)` of them."""
    match node:
        case ast.Name(id=name):
            found = names.get(name, _UNKNOWN)
            return _UNKNOWN if callable(found) else found
        case ast.Call(func=ast.Name(id=name)) if callable(names.get(name)):
            return _made(node, names)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            said = [_value(part, names) for part in parts]
            return _UNKNOWN if _UNKNOWN in said else tuple(said) if isinstance(node, ast.Tuple) else said
        case ast.Dict(keys=keys, values=values):
            left, right = ([_value(part, names) for part in parts] for parts in (keys, values))
            return _UNKNOWN if _UNKNOWN in (*left, *right) else dict(zip(left, right, strict=True))
    try:
        return ast.literal_eval(node) if node is not None else _UNKNOWN
    except ValueError:
        return _UNKNOWN


def _made(node: ast.Call, names: Mapping[str, Any]) -> Any:
    """What one of our classes of values holds, or a field says, as the file writes it."""
    assert isinstance(node.func, ast.Name)
    given = [_value(one, names) for one in node.args]
    named = {one.arg: said for one in node.keywords if one.arg and (said := _value(one.value, names)) is not _UNKNOWN}
    if node.func.id == "Field":
        return Field(*([] if not given else [None] if given[0] is _UNKNOWN else given[:1]), **named)
    if _UNKNOWN in given or len(named) < len(node.keywords):
        return _UNKNOWN
    try:
        return names[node.func.id](*given, **named)
    except (TypeError, ValueError):
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
