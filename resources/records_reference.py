"""The reference of the records: every field of every file that a job writes, made from the models.

    python -m nlp_skills.resources.records_reference docs

writes it into the pages on the format, between the marks.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from .benchmark import BenchmarkManifest
from .deployment import Deployment
from .environment import Environment
from .evaluation import Results
from .evidence import Evidence
from .foundation.language import COMMAS, Language, Text
from .job import Cut, JobExit, JobSpec, Place
from .job_event import JobEvent
from .labelling import DecisionLine, Sheet
from .lineage_record import Lineage
from .model_info import ModelInfo
from .record import Record
from .removal import Removal
from .reservation import Failure, Reservation
from .snapshot import DataSnapshot, SnapshotManifest
from .spending import SpendingLine
from .validation import ValidationReport
from .version_config import VersionConfig

RECORDS: dict[str, type[Record]] = {
    "versions/vN/config.yaml": VersionConfig,
    "versions/vN/data_snapshot.json": DataSnapshot,
    "versions/vN/environment.json": Environment,
    "versions/vN/model_info.json": ModelInfo,
    "versions/vN/results.json": Results,
    "versions/vN/evidence.json": Evidence,
    "versions/vN/lineage.yaml": Lineage,
    "versions/vN/reservation.json": Reservation,
    "versions/vN/failure.json": Failure,
    "versions/vN/model_removed.json": Removal,
    "data/snapshots/<hash>/manifest.json": SnapshotManifest,
    "data/snapshots/<hash>/validation.json": ValidationReport,
    "data/labelling/decisions.jsonl": DecisionLine,
    "data/labelling/sheets/<name>/sheet.json": Sheet,
    "benchmarks/<name>/benchmark.json": BenchmarkManifest,
    "deployments/<job>.json": Deployment,
    "jobs/<id>/spec.json": JobSpec,
    "jobs/<id>/events.jsonl": JobEvent,
    "jobs/<id>/exit.json": JobExit,
    "jobs/<id>/queued.json": Place,
    "jobs/<id>/cut.json": Cut,
    "spending.jsonl": SpendingLine,
}
PAGES: dict[Language, str] = {"en": "format.md", "zh-TW": "format.zh-TW.md"}
BEGIN, END = "<!-- records: made from the models -->\n", "<!-- end of records -->\n"
_HEAD = Text("| field | holds |\n|---|---|\n", "| 欄位 | 內容 |\n|---|---|\n")
_WORDS: dict[Any, Text] = {
    str: Text("text", "文字"),
    int: Text("whole number", "整數"),
    float: Text("number", "數字"),
    bool: Text("true or false", "true 或 false"),
    Any: Text("any value", "任何值"),
}


def records_reference(language: Language) -> str:
    """A table for each record, groups by dotted names: `base_model.hash`; `[]` is of each entry, `*` of each name."""
    return "\n".join(f"### `{file}`\n\n{_table(record, language)}" for file, record in RECORDS.items())


def _table(record: type[Record], language: Language) -> str:
    return _HEAD.to(language) + "".join(f"| `{name}` | {holds.to(language)} |\n" for name, holds in _fields(record))


def _fields(model: type[BaseModel], place: str = "") -> Iterator[tuple[str, Text]]:
    for name, field in model.model_fields.items():
        group, path = _group_in(field.annotation, f"{place}{field.alias or name}")
        if group is None:
            yield path, _describe_type(field.annotation)
        else:
            yield from _fields(group, f"{path}.")


def _group_in(annotation: Any, path: str) -> tuple[type[BaseModel] | None, str]:
    """The group of fields that an annotation holds, if any, and the path to one of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, path
    marks = {list: "[]", dict: ".*"}
    for inner in _parts(annotation):
        group, found = _group_in(inner, path + marks.get(get_origin(annotation), ""))
        if group is not None:
            return group, found
    return None, path


def _parts(annotation: Any) -> tuple[Any, ...]:
    origin = get_origin(annotation)
    if origin is dict:
        return get_args(annotation)[1:]
    return get_args(annotation) if origin in (list, Union, types.UnionType) else ()


def _describe_type(annotation: Any) -> Text:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        kinds = [part for part in parts if part is not type(None)]
        if set(kinds) == {int, float}:
            return _WORDS[float]
        return Text(" or ", "或").join(map(_describe_type, kinds))
    if origin is Literal:
        return COMMAS.join(f"`{part}`" for part in parts)
    if origin is list:
        inner = _describe_type(parts[0])
        return Text("list: {inner}", "清單：{inner}").format(inner=inner)
    if origin is dict:
        inner = _describe_type(parts[1])
        return Text("by name: {inner}", "依名稱：{inner}").format(inner=inner)
    return _WORDS.get(annotation, _WORDS[Any])


def main(arguments: list[str]) -> int:
    for language, name in PAGES.items():
        page = Path(arguments[0]) / name
        before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        page.write_text(f"{before}{BEGIN}\n{records_reference(language)}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
