"""Fields that a model does not know: in a call they are refused, in a file a near-miss is a fault and the rest is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from .language import Text
from .wording import nearest

_NEAR = 0.75
_SLIP = 0.85  # of a field that stands there already only a slip of the pen: `created_by` beside `created` is meant so


class Unknown(NamedTuple):
    """A field that nothing knows: where it stands, the known one that is perhaps meant, and all that there are."""

    field: str
    near: str | None
    known: tuple[str, ...]
    given: bool = False  # the near one stands there too

    def problem(self, where: str, place: str = "") -> Text:
        """What is wrong with `where`, which stands at `place`: the field as it was written there."""
        written = self.field.removeprefix(f"{place}.")[:80]
        return Text(f"{where} has no field {written!r}.", f"{where} 沒有「{written}」這個欄位。")

    def fix(self) -> Text:
        fields = ", ".join(self.known)
        meant = Text(f"Did you mean {self.near}? ", f"你是不是要用 {self.near}？") if self.near else Text("", "")
        if self.given:
            meant = Text(
                "{meant}That field already exists: put the value there, or rename this one. ",
                "{meant}那個欄位已經有了：請把內容寫進去，或把這個欄位改名。",
            ).format(meant=meant)
        return Text("{meant}Its fields are: {fields}.", "{meant}可用的欄位：{fields}。").format(
            meant=meant, fields=fields
        )


def unknown_field_warnings(unknown: Sequence[Unknown], where: str) -> list[Text]:
    """The warning that fields of a file are kept and do nothing."""
    names = ", ".join(one.field[:80] for one in unknown)
    return (
        [
            Text(
                f"{where}: no such field: {names}; kept as it is, without effect.",
                f"{where}：沒有 {names} 這個欄位；原樣保留，但不會有作用。",
            )
        ]
        if unknown
        else []
    )


def unknown_fields(
    model: type[BaseModel], content: Any, place: str = "", leave: Sequence[str] = ()
) -> Iterator[Unknown]:
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
            near = _nearest(str(name), [known for known in model.model_fields if known not in content], _NEAR)
            slip = (
                None
                if near
                else _nearest(str(name), [known for known in model.model_fields if known in content], _SLIP)
            )
            yield Unknown(field, near or slip, tuple(model.model_fields), given=slip is not None)
        elif name not in leave and (group := _group_of(model, name)):
            for number, part in enumerate(value if isinstance(value, list) else [value]):
                yield from unknown_fields(group, part, f"{field}[{number}]" if isinstance(value, list) else field)


def _nearest(name: str, known: Sequence[str], cutoff: float) -> str | None:
    plain = name.casefold().replace("-", "_").replace(" ", "_")
    swapped = next((one for one in known if sorted(one) == sorted(plain)), None)  # `tset`, and `Test`
    return swapped or next(iter(nearest(name, known, cutoff=cutoff)), None)


def _group_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    annotation = model.model_fields[name].annotation
    return next(
        (
            part
            for part in (annotation, *get_args(annotation))
            if isinstance(part, type) and issubclass(part, BaseModel)
        ),
        None,
    )
