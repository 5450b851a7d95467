"""An answer that is not JSON document but a file of rows: lines of JSON, CSV, Excel, Parquet, packed or not."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from ....resources.foundation.errors import DataSourceError, NlpSkillsError
from ....resources.foundation.language import Text
from ..compression import unpacked_name
from ..delimited import delimited_records
from ..encoding import check_encoding, detect_encoding
from ..excel import excel_records
from ..parquet import parquet_records
from ..reading import jsonl_records
from ..rows import Record
from ..watching import Watch
from .bounded import TooLarge, Truncated, collect_bytes
from .client import Answer, hide_url_secrets

_GZIP = b"\x1f\x8b"
_BY_TYPE = {
    "application/x-ndjson": "jsonl",
    "application/ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/x-jsonl": "jsonl",
    "application/jsonlines": "jsonl",
    "application/x-jsonlines": "jsonl",
    "application/json-lines": "jsonl",
    "application/json-seq": "jsonl",
    "text/csv": "csv",
    "application/csv": "csv",
    "text/x-csv": "csv",
    "text/comma-separated-values": "csv",
    "text/tab-separated-values": "tsv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.apache.parquet": "parquet",
    "application/x-parquet": "parquet",
}
_BY_SUFFIX = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
}
_SILENT = (
    "",
    "text/plain",
    "application/octet-stream",
    "binary/octet-stream",
    "application/gzip",
    "application/x-gzip",
)


def unpack_body(answer: Answer, limit: int, field: str) -> bytes:
    """The answer's body; a file that is packed by gzip, whatever its headers say, as what is in it.

    Arguments:
        limit: bytes after unpacking.

    Raises:
        DataSourceError: it is larger, or damaged.
    """
    if not answer.content.startswith(_GZIP):
        return answer.content
    where = hide_url_secrets(answer.url)
    try:
        return collect_bytes([answer.content], "gzip", limit)
    except TooLarge:
        raise DataSourceError(
            Text(
                f"The compressed answer of {where} is larger than {limit >> 20 or 1} MB unpacked; reading stopped "
                f"there.",
                f"{where} 的壓縮回應解開後超過 {limit >> 20 or 1} MB，已停止讀取。",
            ),
            Text(
                "Ask for smaller pages, or raise max_answer_mb if the size is right.",
                "請縮小每頁筆數；若大小正常，可調高 max_answer_mb。",
            ),
            field=f"{field}.endpoint",
        ) from None
    except Truncated:
        raise DataSourceError(
            Text(f"The compressed answer of {where} is damaged or cut off.", f"{where} 的壓縮回應損壞或不完整。"),
            Text("Try again; the earlier data is untouched.", "請再試一次；先前的資料沒有變動。"),
            field=f"{field}.endpoint",
        ) from None


def table_format(answer: Answer, content: bytes) -> str | None:
    """The format of rows that an answer is in, as its type, its address or its beginning says; None where it is JSON, a
    page, or nothing known."""
    if content.lstrip()[:1] == b"<":  # a page, whatever its type says
        return None
    if found := _BY_TYPE.get(answer.media_type):
        return found
    if answer.media_type in _SILENT and (found := _BY_SUFFIX.get(_suffix(answer.url))):
        return found
    if content.startswith(b"PAR1"):
        return "parquet"
    return "jsonl" if _is_lines(content) else None


def table_rows(
    answer: Answer, content: bytes, format: str, encoding: str | None, field: str, watch: Watch
) -> list[Record]:
    """The rows of an answer in that format.

    Arguments:
        encoding: recognised where it is None; what the server claims decides in doubt.

    Raises:
        DataError, DataSourceError, MissingRequirement: as a file of that format would be told.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"answer.{format}"
        path.write_bytes(content)
        try:
            return list(_records(path, format, encoding, answer.charset, field, watch))
        except NlpSkillsError as error:
            where = hide_url_secrets(answer.url)
            error.problem = Text(*(text.replace(str(path), where) for text in error.problem))
            raise


def _records(
    path: Path, format: str, encoding: str | None, claimed: str | None, field: str, watch: Watch
) -> Iterator[Record]:
    if format == "xlsx":
        return excel_records(path, None, field, note=watch.note)
    if format == "parquet":
        return parquet_records(path, field)
    codec = check_encoding(path, encoding, field) if encoding else detect_encoding(path, field, claimed=claimed)
    if format == "jsonl":
        return jsonl_records(path, codec, field)
    return delimited_records(path, codec, "\t" if format == "tsv" else None, field, note=watch.note)


def _suffix(url: str) -> str:
    try:
        return unpacked_name(Path(PurePosixPath(unquote(urlsplit(url).path)).name)).suffix.lower()
    except ValueError:
        return ""


def _is_lines(content: bytes) -> bool:
    """Whether the first line is an object of its own, and another follows."""
    first, _, more = content.lstrip().partition(b"\n")
    if first[:1] != b"{" or more.lstrip()[:1] != b"{":
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False
