"""Reading a task out of one verified file: everything is checked against the manifest, and the task appears whole or not
at all.

    python -m nlp_skills.tools.tasks.importing FILE [--name NAME]
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import stat
import sys
import unicodedata
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from ...resources.foundation.errors import TaskError, WorkspaceError
from ...resources.foundation.files import describing_disk_errors
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import COMMAS, Text, several
from ...resources.foundation.wording import misfit_of
from ...resources.paths import expand_home, readable
from ...resources.removal import model_stands, record_removal, removal_file
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version_numbers
from ...resources.workspace import Workspace, check_name
from ..compute.jobs.running import RunningJob, run_job
from ..compute.jobs.words import size
from . import foreign
from .answers import ImportResult, KeptStep
from .create import new_folder
from .export_file import CHUNK_BYTES, MANIFEST, Entry, Manifest, Tell, travels
from .project import FOLDERS

ENTRY = ["-m", "nlp_skills.tools.tasks.importing"]
_MOST_FILES = 100_000
_MANIFEST_BYTES = 32 * 1024**2
_SPARE_BYTES = 256 * 1024**2  # left free on the disk beside what is written
_SWELLING, _SWELLING_FROM = 200, 64 * 1024**2  # text compresses some 10 to 50 times, a bomb a thousand times
_LONGEST_PART = 200
_NAMED = 12  # files that the message names; the result has them all
_RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
_WHY_ABSENT = Text("it was left out of the export", "匯出時沒有包含模型")


class Imported(NamedTuple):
    """The new task, the versions whose models did not come along, and the code of somebody else that was set aside."""

    folder: TaskFolder
    files: int
    bytes: int
    without_model: list[str]
    set_aside: list[str]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m nlp_skills.tools.tasks.importing",
        description="Import a task from an exported file. 由匯出的檔案匯入任務。",
    )
    parser.add_argument("file", type=Path, help="the exported file")
    parser.add_argument("--name", default="", help="the new task's folder name; the exported one if left out")
    given = parser.parse_args(arguments)

    def work(job: RunningJob) -> JsonObject:
        said = Text("Checking and writing the files", "檢查並寫入檔案")
        done = import_task(
            Workspace(), given.file, given.name, tell=lambda step, total: job.progress(step, total, said)
        )
        return {**result_of(done), "message": said_of(done)._asdict(), "next_step": next_of(done)}

    return run_job("import", work, entry=ENTRY, arguments=arguments, resumable=True)


def import_task(workspace: Workspace, file: Path, name: str = "", tell: Tell = lambda done, total: None) -> Imported:
    """Make the task of an export stand in the workspace.

    Arguments:
        name: its folder's name here; the exported one if left out.

    Raises:
        TaskError: the file is no export, is damaged, or holds what no export holds (the entry is named); or the name
            is taken (a free one is offered). Nothing of it was left.
        WorkspaceError: it does not fit on the disk.
    """
    manifest = inspect(workspace, file)
    chosen = check_name(name or manifest.task)

    def fill(root: Path) -> None:
        for place in FOLDERS:
            (root / place).mkdir(parents=True, exist_ok=True)
        done = 0
        with _open_archive(file) as archive:
            for entry, expected in manifest.files.items():
                _extract(archive, entry, expected, root / entry)
                done += expected.bytes
                tell(done, manifest.bytes)
        task = TaskFolder(root)
        definition = task.load()
        if definition.name != chosen:  # whatever the manifest says
            task.save(definition.model_copy(update={"name": chosen}))
        without_model.extend(_mark_absent_models(task))
        aside.extend(foreign.set_aside(task))

    without_model: list[str] = []
    aside: list[str] = []
    folder = new_folder(workspace, chosen, fill)
    return Imported(folder, len(manifest.files), manifest.bytes, without_model, aside)


def inspect(workspace: Workspace, file: Path) -> Manifest:
    """The manifest of an export, after everything was checked that needs no reading of the files themselves.

    Raises:
        TaskError: it is no export, or an entry must not be in one.
        WorkspaceError: it does not fit on the disk.
    """
    with _open_archive(file) as archive:
        entries = archive.infolist()
        if len(entries) > _MOST_FILES:
            raise _refused_error(file, Text(f"it holds {len(entries):,} entries", f"裡面有 {len(entries):,} 個項目"))
        manifest = _manifest(archive, file)
        _check_entries(file, entries, manifest)
    _check_size(workspace, file, manifest, entries)
    return manifest


def locate_file(workspace: Workspace, path: str) -> Path:
    """The file at `path` (absolute, below ~, or relative to the workspace).

    Raises:
        AccessError: nobody has allowed reading it.
        TaskError: there is none.
    """
    file = workspace.root / expand_home(path)
    if path:
        file = readable(file, "path", workspace=workspace.root, suffixes=(".zip",))
    if path and file.is_file():
        return file
    raise TaskError(
        Text(
            f"There is no file {file}." if path else "Which file?", f"找不到檔案 {file}。" if path else "沒有指定檔案。"
        ),
        Text("Give path=, the absolute path of an exported .zip.", "請用 path= 指定匯出的 .zip 檔的絕對路徑。"),
        field="path",
    )


def result_of(done: Imported) -> ImportResult:
    """What it came to, as answers and jobs hold it."""
    return {
        "task": done.folder.name,
        "path": str(done.folder.root),
        "files": done.files,
        "bytes": done.bytes,
        "without_model": done.without_model,
        "set_aside": done.set_aside,
    }


def said_of(done: Imported) -> Text:
    said = Text(
        f"Imported as {done.folder.name} in {done.folder.root}: {several(done.files, 'file')}, {size(done.bytes)}, every hash "
        "as the manifest says.",
        f"已匯入為 {done.folder.name}，位於 {done.folder.root}：{done.files} 個檔案，{size(done.bytes)}，雜湊全部相符。",
    )
    if done.without_model:
        bare = COMMAS.join(done.without_model)
        said += Text(" Without models: ", "沒有附上模型的版本：") + bare
        said += Text("; reproduce trains one again.", "；可用 reproduce 重新訓練。")
    if done.set_aside:
        place, more = done.folder.root / foreign.ASIDE, len(done.set_aside) - _NAMED
        names = Text(
            ", ".join(done.set_aside[:_NAMED]) + (f" and {more} more" if more > 0 else ""),
            "、".join(done.set_aside[:_NAMED]) + (f" 等 {len(done.set_aside)} 個" if more > 0 else ""),
        )
        said += Text(
            f" Code in it that nlp-skills did not write was set aside in {place}, where nothing runs it: ",
            f"其中有不是 nlp-skills 產生的程式，已移到 {place}，不會被執行：",
        )
        said += names + Text(
            ". What nlp-skills generates was written again. Whoever has read such a file and wants it brings it in on "
            "the "
            f'terminal: nlp-skills allow --script "{place / done.set_aside[0]}".',
            "。該由 nlp-skills 產生的檔案已重新寫入。看過內容、確定要用的話，請在終端機執行："
            f'nlp-skills allow --script "{place / done.set_aside[0]}"。',
        )
    return said


def next_of(done: Imported) -> KeptStep:
    """What to do then."""
    say = Text(
        "Ask the coach where it stands. Its secrets are not included: store them here with `nlp-skills secret set`.",
        "問教練目前的狀況。密碼不會跟著匯入，請在這台機器用 `nlp-skills secret set` 存入。",
    )
    return {"tool": "coach", "arguments": {"task": done.folder.name}, "say": say._asdict()}


def _open_archive(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError) as error:
        raise _no_export(file) from error


def _manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    try:
        info = archive.getinfo(MANIFEST)
        if info.file_size > _MANIFEST_BYTES:
            raise _refused_error(file, Text(f"its {MANIFEST} is too large", f"{MANIFEST} 太大"))
        with archive.open(info) as opened:
            return Manifest.model_validate_json(opened.read(_MANIFEST_BYTES))
    except KeyError as error:
        raise _no_export(file) from error
    except ValidationError as error:
        where = misfit_of(error).field
        raise _refused_error(
            file, Text(f"its {MANIFEST} is not of format 1 [{where}]", f"{MANIFEST} 不是格式 1 [{where}]")
        ) from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise _damaged_error(MANIFEST) from error


def _check_entries(file: Path, entries: list[zipfile.ZipInfo], manifest: Manifest) -> None:
    seen: set[str] = set()
    for info in entries:
        name = info.orig_filename
        folded = unicodedata.normalize("NFC", name).casefold()
        if problem := _unsafe(info, manifest.models):
            raise _refused_error(file, Text(f"{name[:120]!r} ", f"「{name[:120]}」") + problem)
        if folded in seen:
            raise _refused_error(file, Text(f"{name[:120]!r} is in it twice", f"「{name[:120]}」出現兩次"))
        seen.add(folded)
        if name == MANIFEST:
            continue
        expected = manifest.files.get(name)
        if expected is None:
            raise _refused_error(
                file, Text(f"{name[:120]!r} is not in its manifest", f"「{name[:120]}」不在清單（manifest）裡")
            )
        if expected.bytes != info.file_size:
            raise _damaged_error(name)
    missing = [name for name in manifest.files if unicodedata.normalize("NFC", name).casefold() not in seen]
    if missing:
        raise _damaged_error(missing[0])


def _unsafe(info: zipfile.ZipInfo, models: bool) -> Text | None:
    """What is wrong with an entry that no export writes; None where nothing is."""
    name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or name.endswith("/"):
        return Text("is a link or a folder, not a file", "是連結或資料夾，不是檔案")
    if any(
        part in ("", ".", "..")
        or part != part.rstrip(" .")
        or len(part) > _LONGEST_PART
        or part.partition(".")[0].lower() in _RESERVED
        for part in name.split("/")
    ) or any(character in '\\:*?"<>|' or ord(character) < 32 for character in name):
        return Text("is not a safe path inside a task", "不是任務底下的安全路徑")
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return Text("is encrypted or compressed in another way", "經過加密或以其他方式壓縮")
    if name != MANIFEST and not travels(name, models):
        return Text("does not belong in an export", "不屬於匯出檔的內容")
    return None


def _check_size(workspace: Workspace, file: Path, manifest: Manifest, entries: list[zipfile.ZipInfo]) -> None:
    total = manifest.bytes
    for swollen, packed in ((total, file.stat().st_size), *((one.file_size, one.compress_size) for one in entries)):
        if swollen > _SWELLING_FROM and swollen > _SWELLING * packed:
            raise _refused_error(
                file,
                Text(
                    f"it would expand from {size(packed)} to {size(swollen)}",
                    f"解開後會從 {size(packed)} 膨脹到 {size(swollen)}",
                ),
            )
    place = next(folder for folder in (workspace.root, *workspace.root.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if total + _SPARE_BYTES > free:
        raise WorkspaceError(
            Text(
                f"The task needs {size(total)}, and {size(free)} are free at {workspace.root}.",
                f"這個任務需要 {size(total)}，而 {workspace.root} 只剩 {size(free)}。",
            ),
            Text(
                "Free some space, or set NLP_SKILLS_WORKSPACE to a larger disk; nothing was written.",
                "請先清出空間，或把 NLP_SKILLS_WORKSPACE 指到較大的磁碟；沒有寫入任何內容。",
            ),
            field="path",
        )


def _extract(archive: zipfile.ZipFile, name: str, expected: Entry, target: Path) -> None:
    """Write one file, at most as many bytes as were declared, and check its hash."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, count = hashlib.sha256(), 0
    try:
        with archive.open(name) as source, describing_disk_errors(target), target.open("xb") as written:
            while count <= expected.bytes and (chunk := source.read(CHUNK_BYTES)):
                digest.update(chunk)
                count += len(chunk)
                written.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _damaged_error(name) from error
    if count != expected.bytes or digest.hexdigest() != expected.sha256:
        raise _damaged_error(name)


def _mark_absent_models(task: TaskFolder) -> list[str]:
    """The trained versions whose model did not come along; each says so from now on."""
    absent = []
    for number in version_numbers(task):
        version = VersionFolder(task, number)
        if version.model_info_file.is_file() and not model_stands(version):
            absent.append(version.name)
            if not removal_file(version).is_file():
                record_removal(version, _WHY_ABSENT, 0)
    return absent


def _no_export(file: Path) -> TaskError:
    return TaskError(
        Text(
            f"{file} is not a complete export: it is truncated, damaged, or another kind of file.",
            f"{file} 不是完整的匯出檔：可能被截斷、損壞，或是別種檔案。",
        ),
        Text(
            "Copy it again and compare its SHA-256 with the one the export named.",
            "請重新複製一次，並與匯出時顯示的 SHA-256 比對。",
        ),
        field="path",
    )


def _refused_error(file: Path, why: Text) -> TaskError:
    return TaskError(
        Text(f"{file.name} is not imported: ", f"沒有匯入 {file.name}：") + why + Text(".", "。"),
        Text(
            "Export the task again with manage_task(action='export'); if somebody sent you this file, do not trust it.",
            "請用 manage_task(action='export') 重新匯出；如果是別人傳來的檔案，請勿信任。",
        ),
        field="path",
    )


def _damaged_error(name: str) -> TaskError:
    return TaskError(
        Text(
            f"{name[:200]} in the file is not what its manifest says: the file is damaged or was changed. Nothing was "
            "imported.",
            f"檔案裡的 {name[:200]} 與清單（manifest）不符：檔案損壞或被改過。沒有匯入任何內容。",
        ),
        Text(
            "Copy it again and compare its SHA-256 with the one the export named.",
            "請重新複製一次，並與匯出時顯示的 SHA-256 比對。",
        ),
        field="path",
        details={"entry": name[:200]},
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
