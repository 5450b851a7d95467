"""The reference of everything that can be chosen here, the kinds of installed packages with it: written from the classes
themselves whenever it is read, so that it is never behind them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .foundation.kinds import REGISTRIES, Registry, registry
from .foundation.language import Language, Text

_HEADINGS = {
    "sources": Text("Sources of data", "資料來源"),
    "types": Text("Types of task", "任務類型"),
    "metrics": Text("Metrics", "指標"),
    "baselines": Text("Simple methods to compare with", "用來比較的簡單方法"),
    "causes": Text("Causes of a diagnosis", "診斷的原因"),
    "methods": Text("Training methods", "訓練方法"),
    "rewards": Text("Rewards", "獎勵"),
    "machines": Text("Kinds of machines", "機器種類"),
    "targets": Text("Deployment targets", "部署目標"),
}
_FIELDS = Text("| field | default | |\n|---|---|---|\n", "| 欄位 | 預設值 | |\n|---|---|---|\n")
_NEEDED = Text("needed", "必填")
_CELL = 60  # characters of a default that are shown


def kinds_reference(language: Language) -> str:
    """Every kind of every group as markdown: title, documentation, fields, and where it comes from if not from here."""
    return "\n".join(
        part
        for group in REGISTRIES
        for part in (f"## {_HEADINGS[group].to(language)}\n", *_group(registry(group), language))
    )


def _group(kinds: Registry[Any], language: Language) -> Iterator[str]:
    origins = kinds.origins()
    for name, kind in kinds.classes().items():
        title = getattr(kind, "title", None)
        said = f": {title.to(language)}" if isinstance(title, Text) else ""
        origin = f" ({origins[name].to(language).strip()})" if name in origins else ""
        about = inspect.cleandoc(kind.__doc__ or "")
        yield f"### `{name}`{said}{origin}\n\n{about}\n"
        if issubclass(kind, BaseModel) and kind.model_fields:
            yield _FIELDS.to(language) + "".join(_row(*field, language) for field in kind.model_fields.items())
    for name, fault in kinds.faults().items():
        yield f"### `{name}`\n\n{fault.problem.to(language)} {fault.fix.to(language)}\n"


def _row(name: str, field: FieldInfo, language: Language) -> str:
    default = field.get_default(call_default_factory=True) if not field.is_required() else None
    shown = _NEEDED.to(language) if field.is_required() else "" if default in (None, "", [], {}) else f"`{default}`"
    about = (field.description or "").replace("|", "\\|")
    return f"| `{name}` | {shown[:_CELL]} | {about} |\n"
