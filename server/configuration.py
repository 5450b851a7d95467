"""A client's configuration file: read whole, changed in our entry alone, written atomically with a backup beside it."""

from __future__ import annotations

import codecs
import contextlib
import difflib
import glob
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..resources.foundation.errors import WorkspaceError
from ..resources.foundation.files import write_atomic
from ..resources.foundation.json_object import JsonObject
from ..resources.foundation.language import Text
from ..resources.foundation.reasons import reason_of
from .client import SERVER_NAME, Client, ClientError
from .json_text import JsonProblem, Node, fresh, mask_values, parse, position, value_of, with_member, without_member


@dataclass(frozen=True)
class ConfigurationFile:
    """One file as it was read.

    Arguments:
        named: where the client looks for it.
        path: where it really stands (a link is followed, and stays a link).
        content: its bytes; None where it does not exist.
    """

    client: Client
    named: Path
    path: Path
    content: bytes | None

    @property
    def text(self) -> str:
        """What stands in it, without a byte order mark.

        Raises:
            ClientError: it is not UTF-8.
        """
        content = (self.content or b"").removeprefix(codecs.BOM_UTF8)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise self.problem(
                Text(f"it is not UTF-8 (line {line})", f"不是 UTF-8 編碼（第 {line} 行）"),
                Text("Save it as UTF-8 in your editor, then run this again.", "請在編輯器裡另存成 UTF-8，再執行一次。"),
            ) from error

    def entry(self) -> JsonObject | None:
        """Our entry as it stands; None where there is none.

        Raises:
            ClientError: the file is not what the client reads; names line and column.
        """
        text = self.text
        section = self._section(text)
        member = section.member(SERVER_NAME) if section else None
        if member is None:
            return None
        if member.value.kind != "object":
            raise self._wrong_kind(text, member.value, f"{self.client.section}.{SERVER_NAME}")
        return dict(value_of(text, member.value))

    def with_entry(self, entry: Mapping[str, Any]) -> str:
        """The text with our entry set to `entry`."""
        return self._set(self.text, entry)

    def without_entry(self) -> str | None:
        """The text without our entry; None where the file holds nothing but what installing wrote, and goes.

        Where the entry was the only change to a backup, the text is that backup's to the byte.
        """
        text, entry = self.text, self.entry()
        if entry is None:
            return text
        earlier = [before for before in self._backed_up() if not before._has_entry()]
        for before in earlier:
            with contextlib.suppress(ClientError):
                if before.with_entry(entry) == text:
                    return before.text
        if not earlier and not self.named.is_symlink() and self._set("", entry) == text:
            return None
        section = self._section(text)
        assert section is not None
        return self._check_change(without_member(text, section, SERVER_NAME), text)

    def difference(self, after: str | None) -> str:
        """What would change, as a diff; the values of other servers are not shown."""

        def lines(text: str | None) -> list[str]:
            shown = (self.client.section, SERVER_NAME)
            return mask_values(text, comments=self.client.comments, shown=shown).splitlines() if text else []

        old, new, name = lines(self.text), lines(after), str(self.named)
        # Only the part between the common beginning and end is compared line by line: such files grow to megabytes.
        begin = _common(old, new)
        end = _common(old[begin:][::-1], new[begin:][::-1])
        changed = difflib.unified_diff(old[begin : len(old) - end], new[begin : len(new) - end], n=0, lineterm="")
        around = [[f" {line}" for line in part] for part in (old[max(0, begin - 1) : begin], old[len(old) - end :][:1])]
        return "\n".join(
            [
                f"--- {name}",
                f"+++ {name}",
                *around[0],
                *[line for line in list(changed)[2:] if not line.startswith("@@")],
                *around[1],
            ]
        )

    def back_up(self) -> Path | None:
        """Copy the file as it is to a dated sibling, with its permissions."""
        if self.content is None:
            return None
        moment = datetime.now().strftime("%Y-%m-%dT%H-%M-%S.%f")
        copy = self.path.with_name(f"{self.path.name}.{moment}.bak")
        try:
            shutil.copy2(self.path, copy)
        except OSError as error:
            raise self._unwritable(self.path.parent, str(reason_of(error))) from error
        return copy

    def write(self, after: str | None) -> None:
        """Replace the content (None: remove the file), keeping byte order mark and permissions.

        Raises:
            ClientError: file or folder cannot be written, or somebody changed the file since it was read.
        """
        self.check_writable()
        if _content(self.path) != self.content:
            raise self.problem(
                Text("it was changed by another program just now", "剛剛被其他程式修改過"),
                Text(f"Close {self.client.title} and run this again.", f"請關閉 {self.client.title} 再執行一次。"),
            )
        if after is None:
            self.path.unlink()
            return
        mark = codecs.BOM_UTF8 if (self.content or b"").startswith(codecs.BOM_UTF8) else b""
        mode = stat.S_IMODE(self.path.stat().st_mode) if self.content is not None else None
        try:
            write_atomic(self.path, mark + after.encode("utf-8"), mode=mode)
        except (OSError, WorkspaceError) as error:
            raise self._unwritable(self.path, str(reason_of(error.__cause__ or error))) from error

    def check_writable(self) -> None:
        """Raise `ClientError` where the file or its folder is read-only: a rename would replace it all the same."""
        folder = next(place for place in self.path.parents if place.exists())
        if not folder.is_dir():
            raise self._unwritable(folder, str(Text("it is not a folder", "它不是資料夾")))
        for place in (self.path, folder):
            if place.exists() and not (os.access(place, os.W_OK) and place.stat().st_mode & 0o222):
                raise self._unwritable(place, str(Text("it is read-only", "它是唯讀的")))

    def problem(self, what: Text, fix: Text) -> ClientError:
        """An error about this file, which is left as it is."""
        return ClientError(
            Text("{named}: {what}. Nothing was changed.", "{named}：{what}。沒有更動任何內容。").format(
                named=self.named, what=what
            ),
            Text(
                "{fix} Or paste it in by hand: nlp-skills install --client {client} --print",
                "{fix}也可以自行貼上：nlp-skills install --client {client} --print",
            ).format(fix=fix, client=self.client.name),
            field=self.client.name,
        )

    def _backed_up(self) -> Iterator[ConfigurationFile]:
        """The file as its dated copies have it, newest first."""
        for copy in sorted(self.path.parent.glob(f"{glob.escape(self.path.name)}.*.bak"), reverse=True):
            yield ConfigurationFile(self.client, self.named, copy, copy.read_bytes())

    def _has_entry(self) -> bool:
        try:
            return self.entry() is not None
        except ClientError:
            return False

    def _set(self, text: str, entry: Mapping[str, Any]) -> str:
        if not text.strip():
            return fresh({self.client.section: {SERVER_NAME: dict(entry)}})
        root, section = self._root(text), self._section(text)
        after = (
            with_member(text, section, SERVER_NAME, dict(entry))
            if section
            else with_member(text, root, self.client.section, {SERVER_NAME: dict(entry)})
        )
        return self._check_change(after, text, entry)

    def _root(self, text: str) -> Node:
        try:
            root = parse(text, comments=self.client.comments)
        except JsonProblem as error:
            line, column = position(text, error.offset)
            raise self.problem(
                Text("line {line}, column {column}: {problem}", "第 {line} 行第 {column} 欄：{problem}").format(
                    line=line, column=column, problem=error.problem
                ),
                Text("Fix that place, then run this again.", "請修正那裡，再執行一次。"),
            ) from error
        if root.kind != "object":
            raise self._wrong_kind(text, root, "the file", "整個檔案")
        return root

    def _section(self, text: str) -> Node | None:
        if not text.strip():
            return None
        member = self._root(text).member(self.client.section)
        if member is None:
            return None
        if member.value.kind != "object":
            raise self._wrong_kind(text, member.value, self.client.section)
        return member.value

    def _wrong_kind(self, text: str, node: Node, what: str, what_zh: str | None = None) -> ClientError:
        line, column = position(text, node.start)
        return self.problem(
            Text(
                f"line {line}, column {column}: {what} must be an object in braces, {{ … }}",
                f"第 {line} 行第 {column} 欄：{what_zh or what} 必須是大括號包起來的物件 {{ … }}",
            ),
            Text("Correct that place, then run this again.", "請更正那裡，再執行一次。"),
        )

    def _unwritable(self, place: Path, why: str) -> ClientError:
        return self.problem(
            Text(f"{place} cannot be written ({why})", f"無法寫入 {place}（{why}）"),
            Text("Give yourself permission to write there, then run this again.", "請取得寫入權限，再執行一次。"),
        )

    def _check_change(self, after: str, before: str, entry: Mapping[str, Any] | None = None) -> str:
        """`after`, held against what the change was meant to be: the same values, but for our entry."""
        root = parse(before, comments=self.client.comments)
        wanted = value_of(before, root)
        section = wanted.setdefault(self.client.section, {})
        section.pop(SERVER_NAME, None)
        if entry is not None:
            section[SERVER_NAME] = dict(entry)
        try:
            same = value_of(after, parse(after, comments=self.client.comments)) == wanted
        except JsonProblem:
            same = False
        if not same:
            raise self.problem(
                Text("its layout is too unusual to be edited safely", "它的排版太特別，無法安全地修改"),
                Text("Make the change in your editor.", "請在編輯器裡修改。"),
            )
        return after


def read_configuration(client: Client, named: Path) -> ConfigurationFile:
    """The configuration of `client` at the path it looks at; missing is fine.

    Raises:
        ClientError: it cannot be read, there is a folder in its place, or its link leads in a circle.
    """
    bare = ConfigurationFile(client, named, named, None)
    try:
        path = named.resolve()
        return ConfigurationFile(client, named, path, _content(path))
    except (OSError, RuntimeError) as error:
        kind = (
            Text("there is a folder in its place", "那裡是一個資料夾")
            if named.is_dir()
            else Text(f"it cannot be read ({error})", f"無法讀取（{error}）")
        )
        raise bare.problem(kind, Text("Fix that, then run this again.", "請先處理，再執行一次。")) from error


def merge_entry(standing: Mapping[str, Any] | None, entry: Mapping[str, Any]) -> JsonObject:
    """Our entry over the one that stands there: fields and variables somebody added to it are kept."""
    kept = dict(standing or {})
    environment = kept.get("env")
    variables = {**(environment if isinstance(environment, dict) else {}), **entry["env"]}
    return {**kept, **entry, "env": variables}


def _common(one: list[str], other: list[str]) -> int:
    """How many lines at the beginning are the same."""
    return next(
        (number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
