"""The folders people keep their files in: asked for once, when the server is installed."""

from __future__ import annotations

import sys
from pathlib import Path

from ..resources.access import Need, changing_grants, grant, read_grants
from ..resources.language import Text

_YES = {"y", "yes", "是", "好", "對"}


def personal_folders() -> list[Path]:
    """Desktop, Documents and Downloads, wherever this system has put them (translated, moved to a cloud drive)."""
    from platformdirs import user_desktop_dir, user_documents_dir, user_downloads_dir

    named = [Path(folder).resolve() for folder in (user_desktop_dir(), user_documents_dir(), user_downloads_dir())]
    home = Path.home().resolve()  # what XDG answers where there is no such folder
    return [folder for folder in dict.fromkeys(named) if folder.is_dir() and not home.is_relative_to(folder)]


def offer_personal_folders() -> None:
    """Ask once whether data files in those folders may be read, where a person can answer."""
    grants = read_grants()
    folders = [folder for folder in personal_folders() if not grants.allows_path(folder)]
    if grants.asked_for_personal_folders or not folders:
        return
    shown = Text(", ".join(map(str, folders)), "、".join(map(str, folders)))
    if not sys.stdin.isatty():
        print(Text(f"Data files outside of the workspace's inbox are asked for when they are needed. To allow a folder now: "
                   f"nlp-skills allow {folders[0]}",
                   f"工作區 inbox 以外的資料檔，會在需要時再詢問。要先允許某個資料夾：nlp-skills allow {folders[0]}"))
        return
    print(Text(f"\nMay data files (CSV, Excel, JSON, …) in these folders be read when you speak of them? {shown.en}\n"
               "Hidden folders, keys and passwords never are.",
               f"\n你提到的資料檔（CSV、Excel、JSON 等）如果放在這些資料夾，可以讀取嗎？{shown.zh}\n"
               "隱藏資料夾、金鑰與密碼一律不讀。"))
    try:
        agreed = input(str(Text("[y/N] ", "[y/N] "))).strip().lower() in _YES
    except EOFError:
        return
    if agreed:
        grant(Need(kind="folder", subject=str(folder)) for folder in folders)
    with changing_grants() as changed:
        changed.asked_for_personal_folders = True
