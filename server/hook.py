"""`nlp-skills hook`: the two hooks of the Claude Code plugin, run after the model wrote a file of a task.

The event comes as JSON on standard input (code.claude.com/docs/en/hooks, PostToolUse). Exit status 0 is silence, 2 gives
standard error to the model so that it puts things right, 1 tells the person alone. The file is written by then: nothing
is ever blocked.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import yaml

from ..resources.foundation.account import default_workspace
from ..resources.foundation.errors import NlpSkillsError
from ..resources.foundation.files import read_yaml
from ..resources.foundation.language import Text, speaking
from ..resources.lineage import parse_lineage, track_version
from ..resources.task import TaskFolder
from ..resources.version import VersionFolder

Event = Literal["data-validation", "version-tracking"]
_QUIET, _TELL_PERSON, _TELL_MODEL = 0, 1, 2
_SECTIONS = ("data", "config", "results", "changes")
_VERSION = re.compile(r"v([1-9][0-9]*)")
_FROZEN = (
    "config.yaml",
    "data_snapshot.json",
    "model_info.json",
    "results.json",
    "predictions.jsonl",
    "environment.json",
)


def run_hook(event: Event, received: bytes) -> int:
    """Look at the file the event is about; returns the exit status of the hook protocol."""
    try:
        path = written_file(received)
    except (ValueError, TypeError) as error:
        print(
            Text(
                f"nlp-skills hook {event}: the event on standard input cannot be read: {error}",
                f"nlp-skills hook {event}：無法讀取標準輸入的事件：{error}",
            ),
            file=sys.stderr,
        )
        return _TELL_PERSON
    task = task_of_file(path) if path else None
    if path is None or task is None:
        return _QUIET
    with speaking(_language(task)):
        said = list(check_data(task, path) if event == "data-validation" else check_version(task, path))
        print("\n".join(map(str, said)), end="\n" if said else "", file=sys.stderr)
    return _TELL_MODEL if said else _QUIET


def written_file(received: bytes) -> Path | None:
    """The file a tool wrote, as an absolute path; None where the event names none.

    Raises:
        ValueError, TypeError: `received` is no event.
    """
    event = json.loads(received.decode("utf-8-sig"))
    if not isinstance(event, dict):
        raise TypeError(str(Text("it is not a JSON object", "不是 JSON 物件")))
    tool = event.get("tool_input")
    named = tool.get("file_path") if isinstance(tool, dict) else None
    if not isinstance(named, str) or not named:
        return None
    folder = event.get("cwd")
    return Path(folder if isinstance(folder, str) else ".", named).resolve()


def task_of_file(path: Path) -> TaskFolder | None:
    """The task a file belongs to: the nearest folder above it that holds a `task.yaml`."""
    return next((TaskFolder(folder) for folder in path.parents if _is_task(folder)), None)


def _is_task(folder: Path) -> bool:
    """Whether it holds a task: another program's `task.yaml` has nothing of ours beside it."""
    return (folder / "task.yaml").is_file() and (
        folder.parent == default_workspace()
        or (folder / "data_source.yaml").is_file()
        or (folder / "versions").is_dir()
    )


def check_data(task: TaskFolder, path: Path) -> Iterator[NlpSkillsError | Text]:
    """What the data-validation hook finds after a change of the definition or the rows; nothing is committed."""
    from ..tools.data.rows import many_rows

    place = path.relative_to(task.root).parts
    try:
        if place == ("data_source.yaml",):
            yield from _check_definition(task)
        elif place == ("task.yaml",):
            task.load()
        elif len(place) == 2 and place[0] == "data" and path.suffix == ".jsonl":
            with many_rows():
                _check_rows(task)
    except NlpSkillsError as error:
        yield error


def check_version(task: TaskFolder, path: Path) -> Iterator[NlpSkillsError | Text]:
    """What the version-tracking hook finds after a change below `versions/vN`; a sound lineage is brought up to date."""
    place = path.relative_to(task.root).parts
    if len(place) < 3 or place[0] != "versions" or not (number := _VERSION.fullmatch(place[1])):
        return
    folder = VersionFolder(task, int(number[1]))
    if place[2:] in {(name,) for name in _FROZEN} and folder.status() in ("trained", "evaluated"):
        yield Text(
            f"{path} is part of {folder.name}, which is committed: its files say what was trained and measured.\n"
            "→ Undo the edit. To change a setting, make a new version: plan_training, then train.",
            f"{path} 屬於已經定案的 {folder.name}：這些檔案記錄當時怎麼訓練、量到什麼。\n"
            "→ 請還原這次修改。想改設定，請建立新版本：先 plan_training，再 train。",
        )
        return
    if place[2:] == ("lineage.yaml",) and (wrong := list(lineage_problems(folder))):
        yield from wrong
        return
    if folder.config_file.is_file():
        try:
            yield from _bring_up_to_date(folder)
        except NlpSkillsError as error:
            yield error


def lineage_problems(folder: VersionFolder) -> Iterator[NlpSkillsError | Text]:
    """What is wrong with a `lineage.yaml` as somebody wrote it: version, parent, sections, time."""
    try:
        content: Any = read_yaml(folder.lineage_file)
        lineage = parse_lineage(content if isinstance(content, dict) else {}, folder.lineage_file)
    except FileNotFoundError:
        return
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        yield _lineage(folder, Text(f"cannot be read as YAML: {error}", f"不是有效的 YAML：{error}"))
        return
    except NlpSkillsError as error:
        yield error
        return
    if lineage.version != folder.name:
        yield _lineage(
            folder,
            Text(
                f"version must be {folder.name}, as its folder is named", f"version 必須是 {folder.name}，與資料夾同名"
            ),
        )
    parent = lineage.parent
    if parent is not None and not ((named := _VERSION.fullmatch(str(parent))) and int(named[1]) < folder.number):
        yield _lineage(
            folder,
            Text(
                f"parent {str(parent)[:40]!r} is not a version before {folder.name}",
                f"parent「{str(parent)[:40]}」不是 {folder.name} 之前的版本",
            ),
        )
    if missing := ", ".join(name for name in _SECTIONS if name not in lineage.model_fields_set):
        yield _lineage(folder, Text(f"these sections are missing: {missing}", f"缺少這些段落：{missing}"))
    if not _is_time(lineage.created):
        yield _lineage(
            folder,
            Text(
                "created must be an ISO 8601 time such as 2026-01-06T14:00:00",
                "created 必須是 ISO 8601 時間，例如 2026-01-06T14:00:00",
            ),
        )


def _bring_up_to_date(folder: VersionFolder) -> Iterator[Text]:
    """Write the lineage from the version's own files; say so where that puts back what was just written."""
    written = read_yaml(folder.lineage_file) if folder.lineage_file.is_file() else {}
    lineage = track_version(folder).to_dict()
    if restored := ", ".join(name for name, value in written.items() if lineage.get(name) != value):
        yield Text(
            f"{folder.lineage_file}: {restored} restored: a version's record comes from its own files.\n"
            "→ Put your own notes in changes or in a field of your own; a new setting makes a new version.",
            f"{folder.lineage_file}：{restored} 已還原，版本的紀錄來自它自己的檔案。\n"
            "→ 你自己的話請寫進 changes 或自訂的欄位；要改設定請建立新版本。",
        )


def _check_definition(task: TaskFolder) -> Iterator[Text]:
    """Check `data_source.yaml`, and say which secrets were moved out of it.

    Raises:
        DataSourceError: a field is wrong or a source's type is unknown.
    """
    from ..tools.data.definition import load_definition, rotate_notice
    from ..tools.data.source import source_kind

    data_source, moved = load_definition(task)
    if notice := rotate_notice(moved):
        yield notice
    for number, source in enumerate(data_source.sources):
        source_kind(source, number)


def _check_rows(task: TaskFolder) -> None:
    """Validate `data/*.jsonl` as they stand, as training would before it uses them.

    Raises:
        DataError: a line cannot be read, or validation found errors.
    """
    from ..resources.data_source import load_data_source
    from ..tools.data.benchmark import held_out_rows
    from ..tools.data.checks import validation_report
    from ..tools.data.decisions import apply_decisions, standing
    from ..tools.data.editing import read_split
    from ..tools.data.rules import rules_of
    from ..tools.data.snapshot import last_report, validation_error, working_file
    from ..tools.data.split import SPLITS

    data_source = load_data_source(task)
    splits = {name: read_split(working_file(task, name)) for name in SPLITS}
    rules = rules_of(task.load(), data_source, data_source.split.group_by)
    report = apply_decisions(validation_report(splits, rules, held_out_rows(task)), standing(last_report(task)))
    if report.errors:
        raise validation_error(
            task,
            report,
            Text("data/*.jsonl, as just written, does not pass validation", "剛寫入的 data/*.jsonl 沒有通過驗證"),
        )


def _lineage(folder: VersionFolder, what: Text) -> Text:
    return Text("{lineage_file}: {what}.\n→ Correct it.", "{lineage_file}：{what}。\n→ 請更正。").format(
        lineage_file=folder.lineage_file, what=what
    )


def _is_time(value: Any) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _language(task: TaskFolder) -> Any:
    try:
        return task.load().language
    except NlpSkillsError:  # the check itself says what is wrong with task.yaml
        return None
