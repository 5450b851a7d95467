"""A version whose model is not here any more: tidied away, or left out of an export. Its record stays whole.

    versions/vN/model_removed.json   {"format": 1, "date", "why": {"en", "zh"}, "bytes", "files": {path: hash}}

The record is written before the files go, so that a kill in between leaves a model that still counts as present.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from .foundation.clock import now
from .foundation.errors import EvaluationError
from .foundation.language import Text
from .record import Part, Record
from .version import VersionFolder


class Reason(Part):
    """Why it went, in both languages."""

    en: str = ""
    zh: str = ""


class Removal(Record):
    """The content of `model_removed.json`; `bytes` became free, `files` are the hashes of what went."""

    date: str = ""
    why: Reason = Field(default_factory=Reason)
    bytes: int = 0
    files: dict[str, str] = Field(default_factory=dict)


def removal_file(version: VersionFolder) -> Path:
    return version.root / "model_removed.json"


def model_stands(version: VersionFolder) -> bool:
    """Whether the files the version was committed with are in their place (their hashes are not checked)."""
    if not version.model_info_file.is_file():
        return False
    files = version.model_info().files
    return all((version.task.root / name).is_file() for name in files)


def record_removal(version: VersionFolder, why: Text, size: int) -> None:
    """Say that the version's model is about to go, and why.

    Arguments:
        size: bytes that become free.
    """
    record = Removal(date=now(), why=Reason(**why._asdict()), bytes=size, files=version.model_info().files)
    record.write(removal_file(version))


def removal(version: VersionFolder) -> Removal | None:
    """The record of a model that is gone; None where the model stands or went some other way."""
    file = removal_file(version)
    return Removal.read(file) if file.is_file() and not model_stands(version) else None


def require_model(version: VersionFolder) -> None:
    """Refuse a version whose model was removed on purpose.

    Raises:
        EvaluationError: names the call that trains it again, identically where the machine is the same.
    """
    record = removal(version)
    if record is None:
        return
    why, day = Text(record.why.en, record.why.zh), record.date[:10]
    call = f"reproduce(task={version.task.name!r}, version={version.name!r})"
    raise EvaluationError(
        Text(
            "The model of {version} is not here: {why} ({day}). Its configuration, data and results are.",
            "{version} 的模型已不在這裡：{why}（{day}）。設定、資料與結果都還在。",
        ).format(version=version.name, why=why, day=day),
        Text(
            f"Train it again from its snapshot with {call}; if the result is identical, the model is put back in "
            f"place. Or use another version.",
            f"請用 {call} 依快照重新訓練；結果相同時，模型會放回原處。也可以改用其他版本。",
        ),
        field="version",
        details={"removed": record.date, "bytes": record.bytes},
    )
