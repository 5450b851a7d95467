"""A folder is a registry: a file in it is a kind, and costs nothing before kinds are asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import nlp_skills
from nlp_skills.resources.foundation.kind_folder import kinds_in, names_in

FILES = {
    "__init__.py": "class Base:\n    pass\n",
    "cat.py": "from . import Base\nclass Cat(Base):\n    pass\n",
    "ant.py": "from . import Base\nfrom .cat import Cat\nclass Ant(Base):\n    pass\n",
    "paws.py": "from .cat import Cat\ncount = 4\n",
}


def test_each_file_is_the_kind_it_defines_and_not_what_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "menagerie").mkdir()
    for name, text in FILES.items():
        (tmp_path / "menagerie" / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert names_in("menagerie") == ["ant", "cat", "paws"]
    assert "menagerie.cat" not in sys.modules, "a name is told without loading its file"
    base = sys.modules["menagerie"].Base
    found = kinds_in("menagerie", base)
    assert [(name, kind.__name__) for name, kind in found.items()] == [("ant", "Ant"), ("cat", "Cat")]


def test_a_server_that_starts_loads_no_kind() -> None:
    root = Path(nlp_skills.__path__[0])
    folders = (
        "data.sources",
        "data.types",
        "train.methods",
        "evaluate.metrics",
        "evaluate.baselines",
        "evaluate.diagnosis",
        "deploy.targets",
    )
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from nlp_skills.server.app import build_server; build_server(); print(*sys.modules)",
        ],
        env={"PYTHONPATH": str(root.parent), "HOME": "/"},
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    ).stdout.split()
    prefixes = tuple(f"nlp_skills.tools.{folder}." for folder in folders)
    assert "nlp_skills.tools.data.tool" in told and not [name for name in told if name.startswith(prefixes)]
