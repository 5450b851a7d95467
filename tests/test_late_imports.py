"""Imports stand at the top of a file. Inside a function they stand only for a reason that is listed here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import nlp_skills

ROOT = Path(nlp_skills.__file__).resolve().parent
FOLDERS = ("server", "prompts", "tools", "resources")

# Libraries that neither the server's start nor a job that does without them shall pay for, or that may not be installed.
HEAVY = {
    "accelerate": "the worker's",
    "bitsandbytes": "the worker's, an extra",
    "datasets": "the worker's",
    "huggingface_hub": "the worker's",
    "gguf": "the worker's",
    "jinja2": "the worker's",
    "peft": "the worker's",
    "tokenizers": "the worker's",
    "torch": "the worker's",
    "transformers": "the worker's",
    "trl": "the worker's",
    "numpy": "for measures and simple methods only",
    "sklearn": "for simple methods only",
    "threadpoolctl": "comes with scikit-learn",
    "pyarrow": "for columnar files only",
    "PIL": "for pictures only",
    "asyncpg": "for one kind of database",
    "pymysql": "for one kind of database, an extra",
    "asyncssh": "for machines over SSH, an extra",
    "cssselect": "for web pages, an extra",
    "lxml": "for web pages, an extra",
    "protego": "for web pages, an extra",
    "trafilatura": "for web pages, an extra",
    "httpcore2": "loads what speaks HTTP",
    "httpx": "loads what speaks HTTP",
    "httpx2": "loads what speaks HTTP",
    "openai": "for endpoints, an extra",
    "openpyxl": "for Excel files, an extra",
    "zstandard": "for compressed files, an extra",
    "re2": "may be missing on a platform",
    "idna": "few addresses need it",
    "keyring": "looks through its backends on import",
    "platformdirs": "for `install` only",
    "uvicorn": "for HTTP only",
}
PLATFORM = {"fcntl", "pwd", "winreg"}  # not everywhere

# Files of ours that may import others of ours late (a glob), with the reason.
START = "`serve` loads it before the first call, and the call loads the rest (tests/server/test_startup.py)"
SELDOM = "loads much that most of its callers do not need"
LATE = {
    "server/app.py": START,
    "server/cli.py": "each command loads its own",
    "server/hook.py": "runs at each edit of a file, mostly to say nothing",
    "prompts/flows.py": START,
    "tools/*/tool.py": START,
    "tools/notebook/*.py": "`import nlp_skills` in a notebook is light; each verb loads its own",
    "tools/compute/machines_file.py": START,
    "tools/tasks/reading_answer.py": START,
    "tools/tasks/task_answer.py": START,
    "tools/tasks/update.py": SELDOM,
    "tools/data/content.py": "its patterns take a while to compile",
    "tools/data/origins.py": "its patterns take a while to compile",
    "tools/data/definition.py": SELDOM,
    "tools/data/types/*.py": SELDOM,
    "tools/evaluate/endpoint.py": SELDOM,
    "tools/evaluate/run.py": "the server imports it for its entry point alone",
    "tools/deploy/serve.py": "the server imports it for its entry point alone",
    "tools/deploy/targets/ollama.py": SELDOM,
    "tools/train/environment.py": SELDOM,
    "tools/train/methods/*.py": "the server lists methods; their trainers are the worker's",
    "tools/train/remote_submit.py": SELDOM,
    "tools/train/run.py": "the server imports it for its entry point alone; the rest is the worker's",
    "tools/train/together.py": "the rest is the worker's",
    "resources/browsing/reading.py": START,
    "resources/foundation/plugin_process.py": "runs in a process of its own before anything else is loaded",
    "resources/foundation/plugins.py": START,
    "resources/knowledge.py": SELDOM,
    "resources/published.py": START,
    "resources/record.py": START,
    "resources/task.py": START,
    "resources/version.py": START,
}


def late_imports() -> Iterator[tuple[str, str]]:
    """`(file, what it imports)` of every import inside a function; ours as `.module` relative to the package."""
    for file in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        yield from ((file.relative_to(ROOT).as_posix(), name) for name in _inside(ast.parse(file.read_bytes()), False))


def _inside(node: ast.AST, within: bool) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if within and isinstance(child, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in child.names)
        elif within and isinstance(child, ast.ImportFrom):
            yield "." if child.level else str(child.module).partition(".")[0]
        yield from _inside(child, within or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))


def test_an_import_inside_a_function_keeps_something_light() -> None:
    unlisted = [
        f"{file} imports {'one of ours' if name == '.' else name}"
        for file, name in late_imports()
        if name not in HEAVY and name not in PLATFORM and not (name == "." and _may_import_late(file))
    ]
    assert not unlisted, "import at the top of the file, or say here why not"


def test_the_list_names_files_that_stand() -> None:
    assert all(any(ROOT.glob(pattern)) for pattern in LATE)


def _may_import_late(file: str) -> bool:
    return any(Path(file).match(pattern) for pattern in LATE)
