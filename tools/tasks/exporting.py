"""Writing a task into one verified file.

    python -m nlp_skills.tools.tasks.exporting TASK_FOLDER --to FILE [--models]

The file appears by a rename once it is whole; a kill leaves the old one or none.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ... import __version__
from ...resources.browsing.contents import without_secrets
from ...resources.data_source import load_data_source
from ...resources.foundation.clock import now
from ...resources.foundation.errors import SecretError, TaskError
from ...resources.foundation.files import describing_disk_errors, lock, sha256_file
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text, several
from ...resources.foundation.secrets import lookup, redact, references
from ...resources.paths import expand_home, writable
from ...resources.task import TaskFolder
from ..compute.jobs.running import RunningJob, run_job
from ..compute.jobs.words import size
from .answers import ExportResult, KeptStep
from .export_file import CHUNK_BYTES, MANIFEST, Entry, Manifest, Tell, travels
from .tidy import refuse_beside_work

ENTRY = ["-m", "nlp_skills.tools.tasks.exporting"]
_STORED = {".safetensors", ".bin", ".gguf", ".whl", ".zip", ".parquet", ".png"}  # compressing these again gains nothing
_CHECKED = {".yaml", ".yml", ".toml", ".json", ".md", ".py", ".txt", ".sh", ".ini", ".cfg"}
_ROWS = ("data", "benchmarks", "models", "versions")  # what people wrote in rows is data, whatever it looks like
_SHORTEST_SECRET = 6
_LEFT_OUT_SHOWN = 10


class Exported(NamedTuple):
    """The file written, its size and hash, what is in it, the links that were left out, and whether its rows are to stay
    on the premises."""

    path: Path
    bytes: int
    sha256: str
    files: int
    models: bool
    left_out: list[str]
    on_premise: bool


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m nlp_skills.tools.tasks.exporting",
        description="Write a task into one verified file. 把任務匯出成一個可驗證的檔案。",
    )
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("--to", type=Path, required=True, help="the file to write; an existing one is replaced")
    parser.add_argument("--models", action="store_true", help="trained models too")
    given = parser.parse_args(arguments)

    def work(job: RunningJob) -> JsonObject:
        said = Text("Writing the file", "寫入檔案")
        done = export(
            TaskFolder(given.task),
            given.to,
            models=given.models,
            own_job=job.folder.id,
            tell=lambda step, total: job.progress(step, total, said),
        )
        return {**result_of(done), "message": said_of(done)._asdict(), "next_step": next_of(done)}

    return run_job("export", work, entry=ENTRY, arguments=arguments, task=given.task, resumable=True)


def export(
    folder: TaskFolder, to: Path, *, models: bool = False, own_job: str = "", tell: Tell = lambda done, total: None
) -> Exported:
    """Write the task into `to`.

    Arguments:
        models: the trained models too; without them a version is trained again with `reproduce`.
        own_job: the job doing this, which does not stand in its own way.

    Raises:
        SecretError: a file holds a secret itself.
        JobError: a job of the task is changing it.
    """
    refuse_beside_work(folder, own_job)
    task = folder.load()
    chosen, left_out = chosen_files(folder, models)
    _refuse_secrets(folder, chosen)
    total = sum(path.stat().st_size for path in chosen.values())
    temporary = to.with_name(f".{to.name}.{uuid.uuid4().hex[:8]}.tmp")
    with describing_disk_errors(to), lock(folder.root / "export"):
        to.parent.mkdir(parents=True, exist_ok=True)
        for stale in to.parent.glob(f".{to.name}.????????.tmp"):  # of an export that was killed
            stale.unlink()
        try:
            files: dict[str, Entry] = {}
            done = 0
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, path in chosen.items():
                    files[name] = _write(archive, name, path)
                    done += files[name].bytes
                    tell(done, max(total, done))
                manifest = Manifest(
                    nlp_skills=__version__,
                    task=folder.name,
                    title=task.title,
                    created=now(),
                    models=models,
                    files=files,
                )
                archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
            os.replace(temporary, to)
        finally:
            temporary.unlink(missing_ok=True)
    return Exported(
        to, to.stat().st_size, sha256_file(to), len(files), models, left_out, task.constraints.privacy == "on-premise"
    )


def chosen_files(folder: TaskFolder, models: bool) -> tuple[dict[str, Path], list[str]]:
    """The files that travel, by their path below the task, sorted; and the links that do not."""
    chosen: dict[str, Path] = {}
    links: list[str] = []
    for root, folders, files in os.walk(folder.root):
        for name in [*folders, *files]:
            path = Path(root) / name
            relative = path.relative_to(folder.root).as_posix()
            if path.is_symlink():
                links += [relative] if travels(relative, models) else []
            elif name in files and path.is_file() and travels(relative, models):
                chosen[relative] = path
        folders[:] = [name for name in folders if not (Path(root) / name).is_symlink()]
    return dict(sorted(chosen.items())), sorted(links)


def bytes_to_export(folder: TaskFolder, models: bool) -> int:
    """How much would be written, before it is compressed."""
    return sum(path.stat().st_size for path in chosen_files(folder, models)[0].values())


def destination(workspace_root: Path, folder: TaskFolder, path: str, replace: bool) -> Path:
    """Where the file goes: `path`, or into the folder `path`, or beside the tasks.

    Raises:
        AccessError: it is outside the folders that may be written to.
        TaskError: it would lie inside the task, or a file stands there and `replace` is not said.
    """
    named = f"{folder.name}-{now()[:10]}.zip"
    target = writable(workspace_root / (expand_home(path) if path else named), "path", workspace=workspace_root)
    if target.is_dir():
        target = target / named
    if target.suffix.lower() != ".zip":
        target = target.with_name(f"{target.name}.zip")
    target = writable(target, "path", workspace=workspace_root)
    if target.is_relative_to(folder.root):
        raise TaskError(
            Text(f"{target} is inside the task to be exported.", f"{target} 位在要匯出的任務裡。"),
            Text("Name a path outside it.", "請指定任務以外的路徑。"),
            field="path",
        )
    if target.exists() and not replace:
        raise TaskError(
            Text(f"{target} already exists.", f"{target} 已經存在。"),
            Text("Name another path, or replace it with confirm=true.", "請改用別的路徑，或用 confirm=true 取代它。"),
            field="path",
        )
    return target


def result_of(done: Exported) -> ExportResult:
    """What it came to, as answers and jobs hold it."""
    return {
        "path": str(done.path),
        "bytes": done.bytes,
        "sha256": done.sha256,
        "files": done.files,
        "models": done.models,
        "left_out": done.left_out[:_LEFT_OUT_SHOWN],
    }


def said_of(done: Exported) -> Text:
    models = Text("with its models", "含模型") if done.models else Text("without models", "不含模型")
    links = (
        Text(f" Left out: {several(len(done.left_out), 'link')}.", f"略過 {len(done.left_out)} 個連結。")
        if done.left_out
        else Text("", "")
    )
    rows = (
        Text(" It holds rows that must stay on-premise: keep it inside.", "其中的資料不得離開內部環境，請勿外傳。")
        if done.on_premise
        else Text("", "")
    )
    written = Text(
        f"Written to {done.path}: {several(done.files, 'file')}, {size(done.bytes)}, ",
        f"已匯出到 {done.path}：{done.files} 個檔案，{size(done.bytes)}，",
    )
    proof = Text(f"; it contains no secrets. SHA-256 {done.sha256}.", f"；其中沒有任何密碼。SHA-256 為 {done.sha256}。")
    return written + models + proof + links + rows


def next_of(done: Exported) -> KeptStep:
    """What to do then."""
    say = Text(
        "On another machine (or here, under another name) this call brings it back.",
        "在另一台機器上（或在這裡換個名稱）用這個呼叫匯入。",
    )
    return {"tool": "manage_task", "arguments": {"action": "import", "path": str(done.path)}, "say": say._asdict()}


def _write(archive: zipfile.ZipFile, name: str, path: Path) -> Entry:
    """Copy one file into the archive; the manifest says what was really written."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_STORED if path.suffix.lower() in _STORED else zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    digest, count = hashlib.sha256(), 0
    with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            count += len(chunk)
            target.write(chunk)
    return Entry(bytes=count, sha256=digest.hexdigest())


def _refuse_secrets(folder: TaskFolder, chosen: dict[str, Path]) -> None:
    content = load_data_source(folder).model_dump(mode="json", exclude_none=True)
    if without_secrets(content) != content:
        raise _secret_found_error(folder.data_source_file)
    named = references(folder.data_source_file.read_text(encoding="utf-8")) if folder.data_source_file.is_file() else []
    values = [value for name in named if (value := lookup(name)) and len(value) >= _SHORTEST_SECRET]
    for name, path in chosen.items():
        if path.suffix.lower() in _CHECKED and not name.startswith(tuple(f"{place}/" for place in _ROWS)):
            for line in _lines(path):
                if redact(line) != line or any(value in line for value in values):
                    raise _secret_found_error(path)


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from file


def _secret_found_error(path: Path) -> SecretError:
    return SecretError(
        Text(
            f"{path} holds a password or key itself, so the task is not exported.",
            f"{path} 裡直接寫了密碼或金鑰，因此不匯出。",
        ),
        Text(
            "Write ${NAME} there and store the value with `nlp-skills secret set NAME` in a terminal; set_data_source "
            "moves a typed password by itself. Then rotate it.",
            "請改寫成 ${NAME}，並在終端機用 `nlp-skills secret set NAME` 存入；set_data_source 會自動搬移直接輸入的密碼。"
            "之後請更換該密碼。",
        ),
        field=path.name,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
