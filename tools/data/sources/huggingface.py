"""Rows of a data set on the Hugging Face Hub."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from ....resources.foundation.access import Need
from ....resources.foundation.errors import DataSourceError, MissingRequirement
from ....resources.foundation.language import Text
from ....resources.foundation.secrets import host_of, lookup, redact, references, resolve, unbound
from ....resources.foundation.wording import written_as
from ..compression import unpacked_name
from ..own_split import split_called
from ..retrying import TransientError, retry
from ..source import Record, SourceKind
from ..watching import Watch
from .file import FileSource

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_ENDINGS = (".parquet", ".jsonl", ".ndjson", ".csv", ".tsv", ".json")
_NO_DATA = ("readme", "dataset_infos", ".", "_")
_TOKEN = "HF_TOKEN"


class HuggingfaceSource(SourceKind):
    """The files of a data set on the Hugging Face Hub, at one revision.

    Parquet, JSONL, JSON, CSV and TSV files are read as they stand; data sets that need code of their own to load are
    not run. Name `revision` (a commit) so that the same rows come again; it is told if left out. Read the
    data set's licence first.
    """

    dataset: Annotated[str, written_as(r"[\w.-]+(/[\w.-]+)?", Text("owner/name", "owner/name"))] = Field(
        description="owner/name, as in the hub's address."
    )
    revision: str | None = Field(None, description="A commit of the hub; the current main if left out.")
    config: str | None = Field(None, description="A folder or name part of the files, such as a language.")
    split: str | None = Field("train", description="Name part of the files; train+test for two, null for all of them.")
    files: str | None = Field(None, description="A pattern of paths instead: data/*.parquet.")
    token: str | None = Field(None, description="${HF_TOKEN} where it is stored and this is left out.")
    retries: int = Field(3, ge=0, le=20, description="Where the hub is busy or out of reach.")
    retry_seconds: float = Field(1.0, gt=0, description="Before the first retry; doubles.")

    secret_fields: ClassVar[tuple[str, ...]] = ("token",)

    def batches(self, folder: Path, field: str, watch: Watch | None = None) -> Generator[list[Record], None, None]:
        watch = watch or Watch()
        token = resolve(self.token, host=host_of(_endpoint())) if self.token else lookup(_TOKEN)
        commit, paths, unread = retry(lambda: self._files(token, field), self.retries, self.retry_seconds, watch)
        if self.revision is None:
            watch.warn(
                Text(
                    f"{self.dataset} is read as of now; add revision: {commit} to read the same again.",
                    f"{self.dataset} 讀的是目前的內容；加上 revision: {commit} 才能再讀到相同的資料。",
                )
            )
        watch.provenance |= {"revision": commit, "files": paths, **({"unread_splits": unread} if unread else {})}
        for path in paths:
            watch.check()
            file = retry(
                partial(self._download_file, path, commit, token, field), self.retries, self.retry_seconds, watch
            )
            reader = FileSource(type="file", path=str(file))
            watch.places.begin(file=path)
            for batch in reader.read([file], False, folder, field, watch):
                yield [{"file": path, **record} for record in batch] if len(paths) > 1 else batch

    def needs(self, folder: Path, field: str) -> list[Need]:
        return unbound(references(self.token or ""), host_of(_endpoint()))

    def origin(self, folder: Path) -> str:
        return self.dataset + (f"@{self.revision[:12]}" if self.revision else "")

    def _files(self, token: str | None, field: str) -> tuple[str, list[str], list[str]]:
        """The commit, the paths of the files wanted, and the names of splits for testing that are not among them."""
        with _described(self.dataset, self.revision, field):
            info = _hub(token).dataset_info(self.dataset, revision=self.revision)
        there = [str(entry.rfilename) for entry in info.siblings or []]
        wanted = [path for path in there if self._is_wanted(path)]
        if self.files is None and (best := _best(wanted)):
            wanted = [path for path in wanted if path.lower().removesuffix(".gz").removesuffix(".zst").endswith(best)]
        if not wanted:
            data = ", ".join(path for path in there if _is_data(path))[:300]
            raise DataSourceError(
                Text(
                    f"{self.dataset} has no file for split {self.split!r}"
                    f"{f' and config {self.config!r}' if self.config else ''} that can be read.",
                    f"{self.dataset} 沒有 split「{self.split}」"
                    f"{f'、config「{self.config}」' if self.config else ''}可讀取的檔案。",
                ),
                Text(
                    f"Set split, config or files to fit one of: {data or 'none of its files is parquet, jsonl, csv'}.",
                    f"請調整 split、config 或 files；現有檔案：{data or '沒有 parquet、jsonl、csv'}。",
                ),
                field=f"{field}.split",
            )
        return str(info.sha), sorted(wanted), self._unread(there)

    def _is_wanted(self, path: str) -> bool:
        if self.files is not None:
            return fnmatch.fnmatchcase(path, self.files)
        return self._of_config(path) and (
            self.split is None or bool({*self.split.lower().split("+")} & {*_words(path)})
        )

    def _of_config(self, path: str) -> bool:
        return _is_data(path) and (
            self.config is None or self.config.lower() in (*_words(path), *path.lower().split("/"))
        )

    def _unread(self, there: list[str]) -> list[str]:
        if self.files is not None or self.split is None:
            return []
        read = self.split.lower().split("+")
        found = {
            word for path in there if self._of_config(path) for word in _words(path) if split_called(word) == "test"
        }
        return (
            sorted(found.difference(read))
            if "train" in read and not any(split_called(word) == "test" for word in read)
            else []
        )

    def _download_file(self, path: str, commit: str, token: str | None, field: str) -> Path:
        with _described(self.dataset, self.revision, field):
            from huggingface_hub import hf_hub_download

            return Path(
                hf_hub_download(
                    self.dataset, path, repo_type="dataset", revision=commit, token=token or False, endpoint=_endpoint()
                )
            )


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _hub(token: str | None) -> HfApi:
    from huggingface_hub import HfApi

    return HfApi(endpoint=_endpoint(), token=token or False)


def _is_data(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return unpacked_name(Path(name)).suffix in _ENDINGS and not name.startswith(_NO_DATA)


def _words(path: str) -> list[str]:
    """The parts of a path's folders and name: `data/train-00000-of-00001.parquet` has data, train, …"""
    plain = path.lower()
    for sign in "/-_.":
        plain = plain.replace(sign, " ")
    return plain.split()


def _best(paths: list[str]) -> str | None:
    """Of the same rows in several formats one is read."""
    return next(
        (
            ending
            for ending in _ENDINGS
            if any(str(unpacked_name(Path(path))).lower().endswith(ending) for path in paths)
        ),
        None,
    )


class _described:
    """Says in the person's terms what the hub's client raises in the block."""

    def __init__(self, dataset: str, revision: str | None, field: str) -> None:
        self._dataset, self._revision, self._field = dataset, revision, field

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None:
            return
        if isinstance(error, ImportError):
            raise MissingRequirement(
                Text(
                    "Reading from the hub needs huggingface_hub, which this job's environment lacks.",
                    "從 Hugging Face Hub 讀取需要 huggingface_hub，但執行此工作的環境沒有安裝。",
                ),
                Text(
                    "Build the worker environment with set_up(what='environment').",
                    "請用 set_up(what='environment') 建立工作環境。",
                ),
                field=self._field,
            ) from error
        status = getattr(getattr(error, "response", None), "status_code", None)
        for names, problem, fix, part in self._causes():
            if status in names or any(base.__name__ in names for base in type(error).__mro__):
                raise DataSourceError(problem, fix, field=f"{self._field}.{part}") from None
        if isinstance(error, OSError) or type(error).__module__.startswith(("httpx", "httpcore", "huggingface_hub")):
            passes = status is None or status == 429 or status >= 500
            raise (TransientError if passes else DataSourceError)(
                Text(
                    f"The hub cannot be read: {redact(str(error))[:200]}", f"無法讀取 Hub：{redact(str(error))[:200]}"
                ),
                Text(
                    "Check the network and try again; downloaded files are kept.",
                    "請檢查網路後再試；已下載的檔案會保留。",
                ),
                field=f"{self._field}.dataset",
            ) from None

    def _causes(self) -> Iterator[tuple[tuple[str | int, ...], Text, Text, str]]:
        """Names of the client's errors or statuses, what they mean, what helps, and the field."""
        yield (
            ("GatedRepoError",),
            Text(f"{self._dataset} requires its terms to be accepted.", f"{self._dataset} 需要先同意條款。"),
            Text(
                f"Accept them at {_endpoint()}/datasets/{self._dataset}, then: nlp-skills secret set {_TOKEN}.",
                f"請在 {_endpoint()}/datasets/{self._dataset} 同意，再執行：nlp-skills secret set {_TOKEN}。",
            ),
            "token",
        )
        yield (
            ("RevisionNotFoundError",),
            Text(
                f"{self._dataset} has no revision {self._revision!r}.",
                f"{self._dataset} 沒有 revision「{self._revision}」。",
            ),
            Text("Copy the commit from the data set's history on the hub.", "請從 Hub 的歷史紀錄複製 commit。"),
            "revision",
        )
        yield (
            ("RepositoryNotFoundError", "EntryNotFoundError", 401, 403, 404),
            Text(
                f"The hub has no data set {self._dataset}, or it is private.",
                f"Hub 沒有資料集 {self._dataset}，或它是私有的。",
            ),
            Text(
                f"Check owner/name; for a private one: nlp-skills secret set {_TOKEN}.",
                f"請檢查 owner/name；私有的資料集請先執行：nlp-skills secret set {_TOKEN}。",
            ),
            "dataset",
        )
