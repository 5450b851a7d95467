"""`data_source.yaml` as the stages need it: secrets moved out, sources as their kinds, the last run noted."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from ...resources.data_source import DataSource, Quality, SplitPolicy, load_data_source, save_data_source, unknown_in
from ...resources.foundation.clock import now
from ...resources.foundation.errors import DataSourceError, NlpSkillsError
from ...resources.foundation.files import dump_yaml, lock, parse_yaml, read_yaml, write_atomic
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ...resources.foundation.typed_secrets import move_inline
from ...resources.foundation.unknown_fields import unknown_field_warnings, unknown_fields
from ...resources.schemas import schema_line
from ...resources.task import Task, TaskFolder, describe_validation, field_of
from .source import SourceKind, check_kind, kinds, refuse, source_kind, unknown_in_source
from .split import check_policy

_LAST_RUN = re.compile(r"(?m)^(?P<before>[ \t]+last_run:[ \t]*)(?P<value>[^#\n]*?)(?P<after>[ \t]*(?:#.*)?)$")


def load_definition(task: TaskFolder) -> tuple[DataSource, list[str]]:
    """The checked `data_source.yaml`, and the names of secrets that stood in it and were moved to the store.

    Raises:
        DataSourceError: a field is wrong, a source's type is unknown, the shares do not add up to 1.
    """
    data_source = load_data_source(task)
    check(data_source)
    with lock(task.data_source_file):
        moved = _move_secrets(task)
    return (load_data_source(task) if moved else data_source), moved


def change_definition(
    task: TaskFolder,
    *,
    sources: list[JsonObject] | None = None,
    split: JsonObject | None = None,
    quality: JsonObject | None = None,
    deduplicate_on: list[str] | None = None,
    allowed: Callable[[DataSource], None] = lambda _: None,
) -> tuple[DataSource, list[str]]:
    """Change parts of `data_source.yaml`; what is None stays.

    Arguments:
        sources: replaces the whole list; secrets typed into it are moved to the store.
        split, quality: only the fields given change.
        allowed: raises where the person has not allowed what the new sources need.

    Returns:
        the new content, and the names of moved secrets.

    Raises:
        DataSourceError: a field is wrong; the file is as it was.
        AccessError: `allowed` says so; the file is as it was.
    """
    _refuse_unknown(sources, split, quality)
    with lock(task.data_source_file):
        current = load_data_source(task).model_dump(mode="json", exclude_none=True)
        changes: JsonObject = {
            "split": None if split is None else {**current["split"], **split},
            "quality": None if quality is None else {**current["quality"], **quality},
            "deduplicate_on": deduplicate_on,
            "sources": sources,
        }
        content = {**current, **{name: value for name, value in changes.items() if value is not None}}
        _check_content(task, content)
        clean, moved = move_inline(content)
        data_source = _check_content(task, clean)
        if sources:
            allowed(data_source)
        save_data_source(task, data_source)
    return data_source, moved


def _refuse_unknown(
    sources: Sequence[Mapping[str, Any]] | None, split: Mapping[str, Any] | None, quality: Mapping[str, Any] | None
) -> None:
    """Raise `DataSourceError` for a field in a call that nothing knows; the nearest is offered."""
    for name, model, given in (("split", SplitPolicy, split), ("quality", Quality, quality)):
        for unknown in unknown_fields(model, given, name):
            raise refuse(unknown, name, name)
    for number, source in enumerate(sources or ()):
        kind = kinds().get(str(source.get("type")))
        field = f"sources[{number}]"
        for unknown in unknown_in_source(source, kind, field) if kind else ():
            raise refuse(unknown, str(source["type"]), field)


def unknown_kept(task: TaskFolder, data_source: DataSource) -> list[Text]:
    """The warnings that fields of the two files do nothing."""
    content = read_yaml(task.data_source_file) if task.data_source_file.is_file() else {}
    unknown = unknown_in(content or {})
    for number, source in enumerate(data_source.sources):
        if kind := kinds().get(source.type):
            unknown += unknown_in_source(source.model_dump(exclude_none=True), kind, f"sources[{number}]")
    return [
        *unknown_field_warnings(list(unknown_fields(Task, read_yaml(task.file))), task.file.name),
        *unknown_field_warnings(unknown, task.data_source_file.name),
    ]


def _check_content(task: TaskFolder, content: Mapping[str, Any]) -> DataSource:
    try:
        data_source = DataSource.model_validate(content)
    except ValidationError as error:
        raise DataSourceError(*describe_validation(error, task.data_source_file), field=field_of(error)) from None
    check(data_source)
    for number, source in enumerate(data_source.sources):
        source_kind(source, number)
    return data_source


def check(data_source: DataSource) -> None:
    """Raise `DataSourceError` for an unknown type or field, or shares that do not add up."""
    check_policy(data_source.split)
    for number, source in enumerate(data_source.sources):
        check_kind(source.type, f"sources[{number}]")


def source_kinds(data_source: DataSource, task: TaskFolder) -> list[SourceKind]:
    """Every source as its kind, and after them what labelling and the model in the chat gave.

    Raises:
        DataSourceError: there is none, or one of them cannot be fetched.
    """
    from .labelling.kinds import labelling_kinds  # only stages that fetch need it

    labelled = labelling_kinds(task)
    if not data_source.sources and not labelled:
        raise DataSourceError(
            Text(f"{task.data_source_file} names no source.", f"{task.data_source_file} 沒有任何資料來源。"),
            Text(
                "Say where the rows come from with set_data_source, for example a CSV file or a database query.",
                "請用 set_data_source 說明資料從哪裡來，例如 CSV 檔或資料庫查詢。",
            ),
            field="sources",
        )
    return [*(source_kind(source, number) for number, source in enumerate(data_source.sources)), *labelled]


def source_name(source: SourceKind, number: int) -> str:
    return source.name or f"{source.type}-{number + 1}"


def rotate_notice(moved: list[str]) -> Text | None:
    """What to tell the person whose secrets stood in the open."""
    if not moved:
        return None
    names = ", ".join(moved)
    return Text(
        f"A secret was written in plain text; it is now in the secret store as {names} and the file keeps a reference. "
        f"Change it where it was issued, then run: nlp-skills secret set {moved[0]}.",
        f"設定裡有明文密鑰，已移到密鑰庫（{names}），檔案只留參照。"
        f"請到原系統更換密碼，再執行：nlp-skills secret set {moved[0]}。",
    )


@contextlib.contextmanager
def add_rotation_notice(moved: list[str]) -> Iterator[None]:
    """Whatever goes wrong in the block also says that secrets were moved and must be rotated."""
    try:
        yield
    except NlpSkillsError as error:
        if notice := rotate_notice(moved):
            error.fix = Text("{fix} {notice}", "{fix}{notice}").format(fix=error.fix, notice=notice)
        raise


def stamp_last_run(task: TaskFolder) -> None:
    """Note in `regeneration.last_run` that the data was regenerated now; comments and layout stay."""
    with lock(task.data_source_file):
        if not task.data_source_file.is_file():
            return
        text, moment = task.data_source_file.read_text(encoding="utf-8"), now()
        wanted = dict(read_yaml(task.data_source_file) or {})
        wanted["regeneration"] = {**(wanted.get("regeneration") or {}), "last_run": moment}
        patched = _LAST_RUN.sub(lambda found: f"{found['before']}{moment}{found['after']}", text, count=1)
        if patched == text and "regeneration" not in (read_yaml(task.data_source_file) or {}):
            patched = f"{text.rstrip()}\nregeneration:\n  last_run: {moment}\n"
        _write_edited(task, patched, wanted)


def _move_secrets(task: TaskFolder) -> list[str]:
    if not task.data_source_file.is_file():
        return []
    content = read_yaml(task.data_source_file) or {}
    clean, moved = move_inline(content)
    if moved:
        text = task.data_source_file.read_text(encoding="utf-8")
        for before, after in sorted(_changed_leaves(content, clean), key=lambda pair: -len(pair[0])):
            text = text.replace(before, after)
        _write_edited(task, text, clean)
    return moved


def _changed_leaves(before: Any, after: Any) -> Iterator[tuple[str, str]]:
    if isinstance(before, Mapping):
        for key, value in before.items():
            yield from _changed_leaves(value, after[str(key)])
    elif isinstance(before, list):
        for value, other in zip(before, after, strict=True):
            yield from _changed_leaves(value, other)
    elif before != after:
        yield str(before), str(after)


def _write_edited(task: TaskFolder, text: str, wanted: Mapping[str, Any]) -> None:
    """Write `text`, the person's own file with small edits, if it says what is wanted; else write that again."""
    try:
        as_wanted = parse_yaml(text) == wanted
    except yaml.YAMLError:
        as_wanted = False
    head = schema_line(task.data_source_file, task.schema("data_source"))
    write_atomic(task.data_source_file, text if as_wanted else head + dump_yaml(dict(wanted)))
