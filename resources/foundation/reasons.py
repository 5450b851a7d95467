"""Why the system or the network refused, in both languages."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

from .language import Text

_REASONS = {
    errno.ENOENT: Text("there is no such file or folder", "沒有這個檔案或資料夾"),
    errno.EACCES: Text("permission denied", "沒有權限"),
    errno.EPERM: Text("not permitted", "不被允許"),
    errno.EROFS: Text("the file system is read-only", "檔案系統是唯讀的"),
    errno.ENOSPC: Text("the disk is full", "磁碟已滿"),
    errno.EDQUOT: Text("the disk quota is used up", "磁碟配額已用完"),
    errno.EFBIG: Text("the disk is full, or the file size limit was reached", "磁碟已滿，或檔案已達允許的大小上限"),
    errno.EISDIR: Text("it is a folder", "它是資料夾"),
    errno.ENOTDIR: Text("a part of the path is a file", "路徑中有一段是檔案"),
    errno.ENOEXEC: Text("it is not a program this machine can run", "它不是這台機器能執行的程式"),
    errno.ENAMETOOLONG: Text("the name is too long", "名稱太長"),
    errno.EMFILE: Text("too many files are open", "開啟的檔案太多"),
    errno.ENOMEM: Text("there is not enough memory", "記憶體不足"),
    errno.EIO: Text("the disk cannot be read or written", "磁碟讀寫失敗"),
    errno.EADDRINUSE: Text("the port is taken", "連接埠已被占用"),
    errno.ECONNREFUSED: Text("the connection was refused", "連線被拒絕"),
    errno.ECONNRESET: Text("the connection was cut", "連線中斷"),
    errno.ETIMEDOUT: Text("there was no answer in time", "沒有在時限內回應"),
    errno.EHOSTUNREACH: Text("the host cannot be reached", "無法連到主機"),
    errno.ENETUNREACH: Text("the network cannot be reached", "無法連上網路"),
}
_NO_SUCH_HOST = Text("there is no host with that name", "找不到這個主機名稱")
# Classes of httpx, which most callers do not import; the first that an error is an instance of counts.
_NETWORK = {
    "TimeoutException": Text("there was no answer in time", "沒有在時限內回應"),
    "ConnectError": Text("the connection failed", "連線失敗"),
    "RemoteProtocolError": Text("the connection was cut in the middle of an answer", "回應途中斷線"),
    "NetworkError": Text("the connection was cut", "連線中斷"),
}


def reason_of(error: BaseException) -> Text:
    """Half a sentence that says why `error` happened: in the words it was raised with where these are a `Text`, an
    `OSError` by its number, one of httpx by the `OSError` it came from, else by its class.

    What is neither, or of a number not listed here, is quoted as it came.
    """
    if error.args and isinstance(error.args[0], Text):
        return error.args[0]
    if isinstance(error, OSError) and (known := _known_reason(error)):
        return known
    if isinstance(error, OSError) and error.errno is not None:
        said = error.strerror or os.strerror(error.errno)
        return Text(said, said)
    for kind in type(error).__mro__:
        if kind.__name__ in _NETWORK:
            return next(
                (known for behind in _behind(error) if (known := _known_reason(behind))), _NETWORK[kind.__name__]
            )
    said = str(error) or type(error).__name__
    return Text(said, said)


def _known_reason(error: OSError) -> Text | None:
    return _NO_SUCH_HOST if isinstance(error, socket.gaierror) else _REASONS.get(error.errno or 0)


def _behind(error: BaseException) -> Iterator[OSError]:
    """The `OSError`s behind an error, the nearest first."""
    behind = error.__cause__ or error.__context__
    while behind:
        if isinstance(behind, OSError):
            yield behind
        behind = behind.__cause__ or behind.__context__
