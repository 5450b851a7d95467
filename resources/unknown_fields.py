"""Fields that a model does not know: in a call they are refused, in a file a near-miss is a fault and the rest is kept."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from .language import Text

_NEAR = 0.75


class Unknown(NamedTuple):
    """A field that nothing knows: where it stands, the known one that is perhaps meant, and all that there are."""

    field: str
    near: str | None
    known: tuple[str, ...]

    def problem(self, where: str) -> Text:
        return Text(f"{where} has no field {self.field[:80]!r}.", f"{where} 沒有「{self.field[:80]}」這個欄位。")

    def fix(self) -> Text:
        fields = ", ".join(self.known)
        meant = Text(f"Did you mean {self.near!r}? ", f"你是不是要用「{self.near}」？") if self.near else Text("", "")
        return Text(f"{meant.en}Its fields are: {fields}.", f"{meant.zh}可用的欄位：{fields}。")


def kept(unknown: Sequence[Unknown], where: str) -> list[Text]:
    """The warning that fields of a file are kept and do nothing."""
    names = ", ".join(one.field[:80] for one in unknown)
    return [Text(f"{where}: nothing knows {names}; kept as it is, without effect.",
                 f"{where}：沒有 {names} 這個欄位；原樣保留，但不會有作用。")] if unknown else []


def unknown_fields(model: type[BaseModel], content: Any, place: str = "", leave: Sequence[str] = ()) -> Iterator[Unknown]:
    """The fields of `content` and of its groups that `model` does not know.

    Arguments:
        place: how the fields of `content` are named, such as `split`.
        leave: fields whose own content is not looked at.
    """
    if not isinstance(content, Mapping):
        return
    for name, value in content.items():
        field = f"{place}.{name}" if place else str(name)
        if name not in model.model_fields:
            free = [known for known in model.model_fields if known not in content]
            near = difflib.get_close_matches(str(name), free, n=1, cutoff=_NEAR)
            yield Unknown(field, near[0] if near else None, tuple(model.model_fields))
        elif name not in leave and (group := _group_of(model, name)):
            for number, part in enumerate(value if isinstance(value, list) else [value]):
                yield from unknown_fields(group, part, f"{field}[{number}]" if isinstance(value, list) else field)


def _group_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    annotation = model.model_fields[name].annotation
    return next((part for part in (annotation, *get_args(annotation))
                 if isinstance(part, type) and issubclass(part, BaseModel)), None)
