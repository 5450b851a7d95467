"""The package of docs/extending.md: its files as they stand on the page, built into a wheel and installed into a folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_FILE = re.compile(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files_of(page: str) -> dict[str, str]:
    """The content of each file that the page shows, by its path."""
    return dict(_FILE.findall((DOCS / page).read_text(encoding="utf-8")))


def install_example(folder: Path) -> Path:
    """Build the package of the page and install it, offline, into a folder that has to be put on the path."""
    source, site = folder / "acme-nlp", folder / "site"
    (source / "acme_nlp").mkdir(parents=True)
    (source / "acme_nlp" / "__init__.py").touch()
    for name, content in files_of("extending.md").items():
        (source / name).write_text(content, encoding="utf-8")
    _run("-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source))
    [wheel] = folder.glob("*.whl")
    _run("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile", "--target", str(site), str(wheel))
    return site


def _run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
