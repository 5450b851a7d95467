"""The mission's page: what it names exists, nothing is left out, and both languages say the same. Reads files alone."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("mission.md", "mission.zh-TW.md")
NAMED = re.compile(r"`([^`]+)`")
SCRIPTS = (
    "01_regenerate_data.py",
    "02_validate_data.py",
    "03_convert_format.py",
    "04_train.py",
    "05_evaluate.py",
    "06_upload_hf.py",
)
FILES = (
    "task.yaml",
    "data_source.yaml",
    "config.yaml",
    "data_snapshot.json",
    "results.json",
    "model_info.json",
    "lineage.yaml",
    "train.jsonl",
    "valid.jsonl",
    "test.jsonl",
    "data/raw/",
    "configs/",
    "models/",
    "benchmarks/",
    "docs/",
    "scripts/",
    "versions/",
)
FIELDS = (
    "connection",
    "query",
    "snapshot_date",
    "endpoint",
    "params",
    "urls",
    "keywords",
    "prompt_template",
    "model",
    "count",
    "script",
    "last_run",
    "version",
    "created",
    "parent",
    "source_hash",
    "train_count",
    "valid_count",
    "test_count",
    "base_model",
    "method",
    "lora_r",
    "epochs",
    "macro_f1",
    "accuracy",
    "changes",
)
HOOKS = ("data-validation", "version-tracking")
SERVER, WORKER = (
    ("anyio", "asyncpg", "httpx", "mcp", "pydantic", "pyyaml"),
    ("datasets", "huggingface_hub", "peft", "torch", "transformers", "trl"),
)


def rows(page: str) -> list[list[str]]:
    """The cells of every row: item, where it lives, the tests that prove it."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    found = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]
    return [row for row in found if "---" not in row[0] and NAMED.search(row[-1])]


@cache
def functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def every_flow_and_skill() -> set[str]:
    """Commands, agents and skills. What else can be chosen stands in a reference that is written from the code."""
    flows = {path.name.split(".")[0] for path in (ROOT / "prompts" / "flows").glob("*.md")}
    return flows | {path.name for path in (ROOT / "resources" / "skills").iterdir() if path.is_dir()}


@pytest.mark.parametrize("page", PAGES)
def test_every_row_names_files_and_tests_that_exist(page: str) -> None:
    assert len(rows(page)) > 100
    for row in rows(page):
        item, where, proof = row
        places, tests = NAMED.findall(where), NAMED.findall(proof)
        assert places and tests, item
        assert [place for place in places if not (ROOT / place).exists()] == [], item
        for test in tests:
            file, _, name = test.partition("::")
            assert (ROOT / file).is_file() and name in functions(file), f"{item}: {test}"


@pytest.mark.parametrize("page", PAGES)
def test_nothing_that_can_be_chosen_and_no_name_of_the_seed_is_left_out(page: str) -> None:
    named = {name for row in rows(page) for name in NAMED.findall(row[0])}
    assert every_flow_and_skill() | set(HOOKS) | set(FIELDS) <= named
    items = " ".join(row[0] for row in rows(page))
    assert [name for name in (*SCRIPTS, *FILES) if name not in items] == []


def test_both_languages_have_the_same_rows() -> None:
    first, second = ([row[1:] for row in rows(page)] for page in PAGES)
    assert first == second


def test_the_packages_of_the_design_card_are_those_that_are_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parts = {"server": project["dependencies"], "worker": project["optional-dependencies"]["train"]}
    wanted = {
        name: {re.split(r"[\[<>=!~; ]", one)[0].lower().replace("-", "_") for one in listed}
        for name, listed in parts.items()
    }
    assert set(SERVER) <= wanted["server"] and set(WORKER) <= wanted["worker"]
