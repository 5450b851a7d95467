"""The folders people keep their files in: asked for once, when the server is installed."""

from __future__ import annotations

from pathlib import Path

from ..resources.foundation.access import Need, changing_grants, grant, read_grants
from ..resources.foundation.language import Text


def personal_folders() -> list[Path]:
    """Desktop, Documents and Downloads, wherever this system has put them (translated, moved to a cloud drive)."""
    from platformdirs import user_desktop_dir, user_documents_dir, user_downloads_dir

    named = [Path(folder).resolve() for folder in (user_desktop_dir(), user_documents_dir(), user_downloads_dir())]
    home = Path.home().resolve()  # what XDG answers where there is no such folder
    return [folder for folder in dict.fromkeys(named) if folder.is_dir() and not home.is_relative_to(folder)]


def folders_to_ask_for() -> list[Path]:
    """Those of them that are not allowed yet; none where the person was asked before."""
    grants = read_grants()
    return (
        []
        if grants.asked_for_personal_folders
        else [folder for folder in personal_folders() if not grants.allows_path(folder)]
    )


def settle_personal_folders(allowed: list[Path]) -> None:
    """Keep the person's answer; it is not asked for again."""
    grant(Need(kind="folder", subject=str(folder)) for folder in allowed)
    with changing_grants() as changed:
        changed.asked_for_personal_folders = True


def tell_of_permission(folders: list[Path]) -> None:
    """Say how those folders are allowed, where nobody could be asked."""
    print(
        Text(
            f"Access to data files outside the workspace's inbox is asked for when needed. To allow a folder now: "
            f"nlp-skills allow {folders[0]}",
            f"工作區 inbox 以外的資料檔，會在需要時再詢問。要先允許某個資料夾：nlp-skills allow {folders[0]}",
        )
    )
