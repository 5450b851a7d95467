"""`nlp-skills install`: show what would change in a client's configuration, ask, and write it; or take it out again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from ..resources.foundation.access import YES
from ..resources.foundation.errors import NlpSkillsError
from ..resources.foundation.files import read_json
from ..resources.foundation.json_object import JsonObject
from ..resources.foundation.language import COMMAS, Text
from ..resources.foundation.secrets import redact
from .client import SERVER_NAME, Client, ClientError, Place, client_named, clients
from .configuration import ConfigurationFile, merge_entry, read_configuration
from .launch import launch_entry, passing_warning
from .personal_folders import folders_to_ask_for, settle_personal_folders, tell_of_permission
from .settings import Settings

_OWN_COMMAND_SECONDS = 60
_FIRST_WORDS = Text("Then say: I want to train a model", "然後說：我想訓練一個模型")


@dataclass(frozen=True)
class ClientStatus:
    """How one client stands on this machine.

    Arguments:
        command: what our entry starts; None where the client has none.
        plugin: whether our plugin is switched on, which brings the server along.
        problem: why its configuration cannot be read, where that is so.
    """

    client: Client
    file: Path
    found: bool
    command: str | None = None
    plugin: bool = False
    problem: NlpSkillsError | None = None

    @property
    def configured(self) -> bool:
        return self.command is not None or self.plugin


def install(
    name: str, settings: Settings, *, project: Path | None = None, remove: bool = False, yes: bool = False
) -> int:
    """Configure (or remove) this server for a client, after showing the change and asking; returns the exit status.

    Raises:
        ClientError: the client is unknown, or its file cannot be read or changed; it is as it was.
    """
    client, place = client_named(name), Place.here()
    file = read_configuration(client, _file(client, place, project))
    standing = file.entry()
    entry = None if remove else merge_entry(standing, launch_entry(settings, typed=client.typed))
    if entry == standing:
        print(
            Text(
                f"{file.named}: nlp-skills is {'not there' if remove else 'there already'}, nothing to change.",
                f"{file.named}：{'沒有 nlp-skills' if remove else '已經有 nlp-skills'}，不需要更動。",
            )
        )
        return 0
    after = file.without_entry() if entry is None else file.with_entry(entry)
    own = [] if project else client.own_commands(_program(client), entry, replaces=standing is not None)
    file.check_writable()
    _show(file, after, own)
    if entry is not None and _has_plugin(client, place):
        print(
            Text(
                f"[ ! ] {client.title} already starts it through the plugin; one of the two is enough.",
                f"[ ! ] {client.title} 的外掛已經會啟動它，兩者擇一即可。",
            )
        )
    folders = [] if remove else folders_to_ask_for()
    agreed = Agreement(change=True) if yes else _ask(folders)
    if not agreed.change:
        print(Text("Nothing was changed.", "沒有更動任何內容。"))
        return 1
    backup = file.back_up()
    if own:
        _run(client, own, file, entry)
    else:
        file.write(after)
    if agreed.folders is not None:
        settle_personal_folders(folders if agreed.folders else [])
    elif folders:
        tell_of_permission(folders)
    _tell(client, file, backup, remove)
    return 0


def snippet(name: str, settings: Settings) -> str:
    """The JSON a client's configuration takes, to be pasted by hand."""
    client = client_named(name)
    entry = launch_entry(settings, typed=client.typed)
    return json.dumps({client.section: {SERVER_NAME: entry}}, ensure_ascii=False, indent=2)


def where_it_goes(name: str, project: Path | None = None) -> Text:
    """Which file of the client takes that JSON."""
    file = _file(client_named(name), Place.here(), project)
    return Text(f"Put this into {file}, then restart the client.", f"請貼進 {file}，再重新啟動用戶端。")


def standings(place: Place | None = None) -> Iterator[ClientStatus]:
    """Every known client as it stands on this machine, by the person's own configuration."""
    place = place or Place.here()
    for client in clients().values():
        path = Path(client.file(place))
        found = _program(client) is not None or any(Path(sign).exists() for sign in client.signs(place))
        plugin = _has_plugin(client, place)
        try:
            entry = read_configuration(client, path).entry()
            yield ClientStatus(client, path, found, None if entry is None else str(entry.get("command", "")), plugin)
        except ClientError as error:
            yield ClientStatus(client, path, found, plugin=plugin, problem=error)


def show_clients() -> int:
    """List the clients, which of them are on this machine, and how to install into each."""
    for standing in standings():
        print(f"{_state(standing)}  {standing.client.title}: {standing.file}")
        if standing.problem:
            print(f"      {standing.problem}")
        elif standing.found and not standing.configured:
            print(f"      → nlp-skills install --client {standing.client.name}")
    print(
        Text(
            "\nFor one project: --project DIR (claude-code, vscode, cursor). Claude Code's plugin: nlp-skills plugin "
            "DIR. Claude Desktop's bundle: nlp-skills bundle DIR.",
            "\n只給一個專案用：--project 資料夾（claude-code、vscode、cursor）。Claude Code 外掛：nlp-skills plugin "
            "資料夾。Claude Desktop 擴充套件：nlp-skills bundle 資料夾。",
        )
    )
    return 0


def _state(standing: ClientStatus) -> str:
    if standing.problem:
        return "[ X ]"
    if standing.configured:
        return str(Text("[ok] plugin", "[ok] 外掛") if standing.plugin else Text("[ok] configured", "[ok] 已設定"))
    return str(
        Text("[ ! ] not configured yet", "[ ! ] 尚未設定")
        if standing.found
        else Text("[ - ] not found here", "[ - ] 這台機器上沒有")
    )


def _file(client: Client, place: Place, project: Path | None) -> Path:
    if project is None:
        return Path(client.file(place))
    if not project.is_dir():
        raise ClientError(
            Text(f"{project} is not a folder.", f"{project} 不是資料夾。"),
            Text("Name the folder of your project: --project DIR.", "請指定專案的資料夾：--project 資料夾。"),
            field="project",
        )
    return Path(client.file(place, project.absolute()))


def _program(client: Client) -> str | None:
    return shutil.which(client.program) if client.program else None


def _has_plugin(client: Client, place: Place) -> bool:
    settings = client.plugin_settings(place)
    try:
        switched = read_json(Path(settings))["enabledPlugins"] if settings else {}
        return any(on is True and name.startswith(f"{SERVER_NAME}@") for name, on in switched.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # its own file, in a shape we do not know
        return False


def _show(file: ConfigurationFile, after: str | None, own: list[list[str]]) -> None:
    what: Literal["new", "changed", "gone"] = "new" if file.content is None else "gone" if after is None else "changed"
    print(
        {
            "new": Text(f"A new file, {file.named}:", f"新檔案 {file.named}："),
            "changed": Text(
                f"In {file.named} this changes (other values are not shown):",
                f"{file.named} 會有以下更動（其他設定的值不顯示）：",
            ),
            "gone": Text(
                f"{file.named} holds nothing else and would be removed:", f"{file.named} 沒有其他內容，會整個移除："
            ),
        }[what]
    )
    if file.named != file.path:
        print(Text(f"(a link to {file.path}, which is what changes)", f"（這是連結，實際更動的是 {file.path}）"))
    print(redact(file.difference(after)))
    for command in own:
        shown = " ".join("'{…}'" if part.startswith("{") else part for part in command)
        print(
            Text(f"{file.client.title} makes this change itself: {shown}", f"由 {file.client.title} 自己執行：{shown}")
        )
    if after is not None and (warning := passing_warning()):
        print(f"[ ! ] {warning}")


class Agreement(NamedTuple):
    """What the person said: whether to make the change, and whether their folders may be read (None: not asked)."""

    change: bool
    folders: bool | None = None


def _ask(folders: list[Path]) -> Agreement:
    """One question for the change and, where they were never asked for, the folders people keep files in."""
    if not sys.stdin.isatty():
        print(
            Text("There is nobody to ask here: add --yes to make this change.", "這裡無法詢問：要更動請加上 --yes。"),
            file=sys.stderr,
        )
        return Agreement(change=False)
    question = Text("Make this change? [y/N] ", "要這樣更動嗎？[y/N] ")
    if folders:
        shown = COMMAS.join(map(str, folders))
        question = Text(
            "\nWhen you speak of data files (CSV, Excel, JSON, …), may they be read in {shown}? Hidden "
            "folders, keys and passwords never are.\nMake this change? [y] yes, and read data files there  "
            "[c] the change alone  [N] no: ",
            "\n你提到的資料檔（CSV、Excel、JSON 等）如果放在 {shown}，可以讀取嗎？隱藏資料夾、"
            "金鑰與密碼一律不讀。\n要這樣更動嗎？[y] 要，也可以讀取這些資料夾　[c] 只要更動　[N] 不要：",
        ).format(shown=shown)
    try:
        answer = input(str(question)).strip().lower()
    except EOFError:
        return Agreement(change=False)
    if not folders:
        return Agreement(answer in YES)
    return Agreement(answer in (*YES, "c"), answer in YES if answer in (*YES, "c") else None)


def _run(client: Client, commands: list[list[str]], file: ConfigurationFile, entry: JsonObject | None) -> None:
    """Let the client change its own file, and look whether it did."""
    said = ""
    try:
        for command in commands:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=_OWN_COMMAND_SECONDS,
                check=False,
            )
            said = (done.stderr or done.stdout).strip()[:500]
            if done.returncode:
                break
    except (OSError, subprocess.SubprocessError) as error:
        said = str(error)
    now = read_configuration(client, file.named).entry()
    if now != entry:
        raise ClientError(
            Text(f"{client.title} did not make the change: {said}", f"{client.title} 沒有完成更動：{said}"),
            Text(
                f"Paste it in by hand: nlp-skills install --client {client.name} --print",
                f"請自行貼上：nlp-skills install --client {client.name} --print",
            ),
            field=client.name,
        )


def _tell(client: Client, file: ConfigurationFile, backup: Path | None, remove: bool) -> None:
    print(Text(f"\nDone: {file.named}", f"\n完成：{file.named}"))
    if backup:
        print(Text(f"Backup of the original file: {backup}", f"原本的檔案：{backup}"))
    if remove:
        print(
            Text(
                f"Restart {client.title} and nlp-skills is gone; your tasks stay where they are.",
                f"重新啟動 {client.title} 後就沒有 nlp-skills 了；你的任務都還在原處。",
            )
        )
        return
    print(client.afterwards)
    print(_FIRST_WORDS)
