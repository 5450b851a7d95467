"""`nlp-skills allow`: what the person lets the server read and reach, outside their tasks."""

from __future__ import annotations

from pathlib import Path

from ..resources.foundation.access import AccessError, Need, changing_grants, grant, plain_host, read_grants
from ..resources.foundation.files import sha256_file
from ..resources.foundation.language import Text
from ..tools.tasks.foreign import bring_in


def allow_folder(folder: Path) -> int:
    """Let the data files of a folder be read.

    Raises:
        AccessError: there is no such folder.
    """
    path = folder.expanduser().resolve()
    if not path.is_dir():
        raise AccessError(
            Text(f"There is no folder {path}.", f"找不到資料夾 {path}。"),
            Text("Give the folder that holds the data.", "請指定放資料的資料夾。"),
            field="folder",
        )
    grant([Need(kind="folder", subject=str(path))])
    print(Text(f"Data files in {path} may be read.", f"可以讀取 {path} 裡的資料檔。"))
    return 0


def allow_host(host: str) -> int:
    """Let a host of the person's own network be reached."""
    grant([Need(kind="host", subject=host)])
    print(Text(f"{plain_host(host)} may be reached.", f"可以連線到 {plain_host(host)}。"))
    return 0


def allow_rows(task: str, host: str) -> int:
    """Let the rows of an on-premise task be sent to a host or machine; anywhere, where none is named."""
    grant([Need(kind="rows", subject=task, host=host)])
    print(
        Text(
            f"Rows of {task} may be sent to {host or 'any host'}.",
            f"可以把 {task} 的資料送往{f' {host}' if host else '任何主機'}。",
        )
    )
    return 0


def allow_script(file: Path) -> int:
    """Let the server run a script as it stands now; one that was set aside when its task came in is put back.

    Raises:
        AccessError: there is no such file.
        TaskError: another file has taken its place.
    """
    path = file.expanduser().resolve()
    if not path.is_file():
        raise AccessError(
            Text(f"There is no file {path}.", f"找不到檔案 {path}。"),
            Text("Give the path of the script.", "請指定腳本的路徑。"),
            field="script",
        )
    digest = sha256_file(path)
    if place := bring_in(path):
        print(Text(f"{place} is back in its task.", f"{place} 已放回任務。"))
    if (place or path).suffix == ".py":
        grant([Need(kind="script", subject=digest)], file=str(place or path))
        print(
            Text(
                f"{place or path} may be run with the content it has now (SHA-256 {digest}).",
                f"可以執行 {place or path} 目前的內容（SHA-256 {digest}）。",
            )
        )
    return 0


def show_permissions() -> int:
    """List what is allowed."""
    grants = read_grants()
    lines = [
        *(str(Text(f"folder  {path}", f"資料夾  {path}")) for path in grants.folders),
        *(str(Text(f"file    {path}", f"檔案    {path}")) for path in grants.files),
        *(str(Text(f"host    {host}", f"主機    {host}")) for host in grants.hosts),
        *(
            str(Text(f"secret  {name} → {', '.join(hosts)}", f"密鑰    {name} → {'、'.join(hosts)}"))
            for name, hosts in grants.secrets.items()
        ),
        *(
            str(Text(f"rows    {task} → {', '.join(hosts)}", f"資料    {task} → {'、'.join(hosts)}"))
            for task, hosts in grants.rows.items()
        ),
        *(
            str(Text(f"script  {file} ({digest[:12]})", f"腳本    {file}（{digest[:12]}）"))
            for digest, file in grants.scripts.items()
        ),
    ]
    print(
        "\n".join(lines)
        if lines
        else Text("Nothing beyond your workspace and its inbox is allowed.", "目前只允許工作區和其中的 inbox。")
    )
    return 0


def take_back(what: str) -> int:
    """Withdraw a folder, file, host, secret, script or task's rows as `show_permissions` names it.

    Raises:
        AccessError: nothing of that name is allowed.
    """
    path = str(Path(what).expanduser().resolve())
    with changing_grants() as grants:
        before = grants.model_dump_json()
        grants.folders = [one for one in grants.folders if one != path]
        grants.files = [one for one in grants.files if one != path]
        grants.hosts = [one for one in grants.hosts if one != plain_host(what)]
        grants.secrets = {name: hosts for name, hosts in grants.secrets.items() if name != what}
        grants.rows = {name: hosts for name, hosts in grants.rows.items() if name != what}
        grants.scripts = {digest: file for digest, file in grants.scripts.items() if what not in (digest, digest[:12])}
        if grants.model_dump_json() == before:
            raise AccessError(
                Text(f"{what} was not allowed.", f"{what} 本來就沒有授權。"),
                Text("nlp-skills allow lists what is allowed.", "執行 nlp-skills allow 可列出目前的授權。"),
                field="remove",
            )
    print(Text(f"{what} is no longer allowed.", f"已收回 {what} 的授權。"))
    return 0
