from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nlp_skills
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.worker import find_worker

pytestmark = pytest.mark.minutes

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[str]:
    return _BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(Path(nlp_skills.__file__).parent.parent),
        "PYTHONUTF8": "1",
        "NLP_SKILLS_WORKSPACE": str(tmp_path / "workspace"),
        "TMPDIR": str(tmp_path),
        "NLP_SKILLS_SECRETS_DIR": str(tmp_path / "nothing-allowed"),
    }


def run(*command: str, environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        text=True,
        encoding="utf-8",
        capture_output=True,
        timeout=600,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def allowed(base_model: Path, environment: dict[str, str], folder: Path) -> str:
    """A copy of the model that the person lets be read, in a terminal."""
    place = shutil.copytree(base_model, folder / "models" / "base")
    command = "import sys; from nlp_skills.server.cli import main; sys.exit(main())"
    run(sys.executable, "-c", command, "allow", str(place), environment=environment, folder=folder)
    return str(place)


def test_the_example_is_the_same_in_both_languages() -> None:
    assert blocks("programmatic.md") == blocks("programmatic.zh-TW.md")


def test_the_example_goes_from_a_wish_to_an_evaluated_version(
    tmp_path: Path, environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    worker = find_worker(Workspace(tmp_path / "workspace"))
    if worker:  # training needs the worker environment; without it the example ends with the data
        environment["BASE_MODEL"] = allowed(request.getfixturevalue("tiny_model"), environment, tmp_path)
    example = tmp_path / "example.py"
    example.write_text(blocks("programmatic.md")[0], encoding="utf-8")
    said = run(sys.executable, str(example), environment=environment, folder=tmp_path)
    assert "rows {'train': 56, 'valid': 12, 'test': 12}" in said
    assert ("comments evaluating" if worker else "comments configuring") in said
    assert ("macro-F1 {'value':" in said) == bool(worker)


def test_the_notebook_goes_the_same_road_without_a_server(
    tmp_path: Path, environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    worker = find_worker(Workspace(tmp_path / "workspace"))
    if worker:
        environment["BASE_MODEL"] = allowed(request.getfixturevalue("tiny_model"), environment, tmp_path)
    example = tmp_path / "example.py"
    example.write_text(blocks("programmatic.md")[1], encoding="utf-8")
    said = run(sys.executable, str(example), environment=environment, folder=tmp_path)
    assert "rows {'train': 56, 'valid': 12, 'test': 12}" in said
    assert "refused: comments has no version yet." in said
    assert ("comments deployed" if worker else "comments configuring") in said
    if worker:
        assert "plan 2 epochs {'neftune_noise_alpha': 5}" in said
        assert "'macro_f1'" in said and "answers 12" in said and "Order 91: it arrived broken." in said
        assert "compared " in said and "merged" in said
        assert (tmp_path / "workspace" / "comments" / "versions" / "v2" / "results.json").is_file()


def test_the_package_is_light_until_the_notebook_is_asked_for(tmp_path: Path, environment: dict[str, str]) -> None:
    code = "from nlp_skills import Workspace; print(Workspace)"
    light = "import sys, nlp_skills; print([name for name in sys.modules if name.startswith('nlp_skills.')])"
    assert "notebook.workspace.Workspace" in run(sys.executable, "-c", code, environment=environment, folder=tmp_path)
    assert run(sys.executable, "-c", light, environment=environment, folder=tmp_path).strip() == "[]"
    heavy = "import sys; from nlp_skills import Workspace; print({'mcp', 'torch', 'trl', 'pandas'} & set(sys.modules))"
    assert run(sys.executable, "-c", heavy, environment=environment, folder=tmp_path).strip() == "set()"
