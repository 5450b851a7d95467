"""A disk that takes no more: recognised wherever it stands behind an error, and told in words."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from pathlib import Path

from .errors import NlpSkillsError, WorkspaceError
from .language import Text

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# As libraries say it whose errors are no `OSError`: SQLite, and writers of weights that are no Python.
_SAID = re.compile(
    rf"No space left on device|disk is full|Disk quota exceeded|\(os error (?:{'|'.join(map(str, FULL))})\)"
)


def full_disk(error: BaseException, path: Path | None = None) -> WorkspaceError | None:
    """What to tell the person where `error`, or one behind it, is that the disk takes no more; else None.

    Arguments:
        path: what was being written, where the error itself does not say it.
    """
    for behind in _chain(error):
        if isinstance(behind, OSError) and behind.errno in FULL:
            return _disk_error(behind.filename or path, behind.errno)
        if not isinstance(behind, NlpSkillsError) and _SAID.search(str(behind)[:2000]):
            return _disk_error(path, errno.ENOSPC)
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    behind: BaseException | None = error
    while behind is not None and not any(behind is one for one in seen):
        seen.append(behind)
        yield behind
        behind = behind.__cause__ or (None if behind.__suppress_context__ else behind.__context__)


def _disk_error(path: object, number: int) -> WorkspaceError:
    written = (
        Text(f"{path} could not be written", f"無法寫入 {path}")
        if path
        else Text("a file could not be written", "有檔案無法寫入")
    )
    if number == errno.EFBIG:
        return WorkspaceError(
            Text(
                "The disk is full, or the file size limit was reached: {written}.",
                "磁碟已滿，或檔案已達這裡允許的大小上限：{written}。",
            ).format(written=written),
            Text(
                "Free some space, or raise the file size limit (ulimit -f; a FAT32 disk allows 4 GB per file). Then "
                "call the same tool again; what was saved before is still there.",
                "請清出空間，或放寬檔案大小的限制（ulimit -f；FAT32 格式的磁碟單檔上限 4 GB），再呼叫同一個工具；先前存好的內容都還在。",
            ),
        )
    full = (
        Text("The disk quota is used up", "磁碟配額已用完")
        if number == errno.EDQUOT
        else Text("The disk is full", "磁碟已滿")
    )
    return WorkspaceError(
        Text("{full}: {written}.", "{full}，{written}。").format(full=full, written=written),
        Text(
            "Free some space: empty the bin, and manage_task(action='tidy') shows which old models and caches of a task can go. "
            "Then call the same tool again; what was saved before is still there.",
            "請清出空間：清空資源回收筒，也可用 manage_task(action='tidy') 看任務有哪些舊模型和快取可以清掉。再呼叫同一個工具；"
            "先前存好的內容都還在。",
        ),
    )
