"""The words a task's folder is made with: pyproject.toml, README, decisions, .gitignore, the first data_source.yaml."""

from __future__ import annotations

from ... import __version__
from ...resources.foundation.language import Text
from ...resources.task import Decision, Task
from ..data.task_kind import TaskKind, role_title, task_kind

GITIGNORE = """\
# What the sources gave, as it came: it may hold names, numbers and keys that nobody outside should read. To put it under
# version control, look through it first and delete the next line; for one file: git add -f data/raw/<hash>/rows.jsonl
# 來源給的原始資料，可能有不該給外人看的內容。要納入版本控制，請先看過，再刪掉下一行；只放一個檔案：git add -f data/raw/<hash>/rows.jsonl
data/raw/

# Packages that the scripts install; nlp-skills writes them again. To carry them along, delete the next line.
# 腳本會安裝的套件，nlp-skills 可以重新產生。要一起帶著，請刪掉下一行。
wheels/

# The rows that versions are trained on (data/snapshots/, data/*.jsonl, benchmarks/) stay, so that they can be trained again.
# Where those must not leave either, add: data/
# 訓練用的資料會留下來，才能重新訓練。如果這些也不能外流，請加上：data/

# Large, or made again from what is kept. 檔案很大，或可以重新產生。
models/
.cache/
jobs/
data/findings/
data/rows_to_mend.csv
.venv/
__pycache__/
.*.lock
.*.tmp
"""

_PYPROJECT = """\
# {why}
[project]
name = "{name}-task"
version = "1"
description = {description}
requires-python = ">=3.11"
dependencies = ["nlp-skills[train]=={version}"]

[tool.uv]
package = false

[tool.uv.sources]
nlp-skills = {{ path = "wheels/{wheel}" }}
"""
_WHY = Text(
    "What the scripts need: `uv run python scripts/04_train.py` installs it beside them on first use.",
    "腳本所需的套件：第一次執行 `uv run python scripts/04_train.py` 時會自動安裝在旁邊。",
)

# What a person's own columns may be called, in the example.
_COLUMNS = {
    "text": Text("content", "內容"),
    "entity": Text("company", "公司"),
    "label": Text("sentiment", "標籤"),
    "spans": Text("entities", "標註"),
    "output": Text("summary", "摘要"),
    "messages": Text("conversation", "對話"),
    "chosen": Text("better", "較佳回答"),
    "rejected": Text("worse", "較差回答"),
}
_DATA_SOURCE = Text(
    """\
# yaml-language-server: $schema=.schemas/data_source.json
# Where this task's rows come from. Fill in by hand, or let set_data_source do it.
# Besides the two shown: api, web_scrape, huggingface and llm_generated.
# Never put secrets here: write ${NAME} and store the value with `nlp-skills secret set NAME`.
format: 1
sources: []
#  - type: file
#    path: /absolute/path/to/rows.csv        # CSV, TSV, JSON, JSONL, Excel or Parquet
#    mapping: {{mapping}}   # ours: the file's column
#  - type: database
#    connection: postgresql://reader:${PG_PASSWORD}@host/db
#    query: "SELECT {columns} FROM annotations"
deduplicate_on: [{identity}]
split:
  train: 0.7
  valid: 0.15
  test: 0.15
  seed: 42
  stratify: true
regeneration:
  script: scripts/01_regenerate_data.py
""",
    """\
# yaml-language-server: $schema=.schemas/data_source.json
# 這個任務的資料從哪裡來。可以自己填，也可以交給 set_data_source。
# 除了下面兩種，還有 api、web_scrape、huggingface 與 llm_generated。
# 這裡不寫密碼：請寫 ${NAME}，再用 `nlp-skills secret set NAME` 存入內容。
format: 1
sources: []
#  - type: file
#    path: /絕對路徑/資料.csv                # CSV、TSV、JSON、JSONL、Excel 或 Parquet
#    mapping: {{mapping}}   # 我們的欄位: 檔案的欄位
#  - type: database
#    connection: postgresql://reader:${PG_PASSWORD}@host/db
#    query: "SELECT {columns} FROM annotations"
deduplicate_on: [{identity}]
split:
  train: 0.7
  valid: 0.15
  test: 0.15
  seed: 42
  stratify: true
regeneration:
  script: scripts/01_regenerate_data.py
""",
)

_README = Text(
    """\
# {title}

{goal}

This folder is the whole project: copy it to another machine and it works there, without a server.

    uv run python scripts/04_train.py --help

`uv` installs what `pyproject.toml` names beside the scripts on first use (PyTorch included, so give it a few minutes).
Without uv: `python3 -m venv .venv && .venv/bin/pip install 'wheels/{wheel}[train]'`, then
`.venv/bin/python scripts/04_train.py --help`.

| script | what it does |
|---|---|
{scripts}

| here | what it is |
|---|---|
| `task.yaml` | goal, labels, success criteria, constraints, decisions |
| `data_source.yaml` | where the rows come from, how they are split |
| `data/` | `raw/` and `snapshots/` never change; `train.jsonl`, `valid.jsonl`, `test.jsonl` may be edited by hand |
| `configs/` | plans for versions not yet trained |
| `versions/` | `v1`, `v2`, …: configuration, data, results and lineage of each |
| `benchmarks/` | frozen test sets; never trained on |
| `models/` | adapters and merged models (large, not for version control) |
| `docs/` | [decisions](docs/decisions.md) and reports for people |
| `jobs/` | what ran, with its log |

There are never secrets in this folder: files say `${{NAME}}`, and the value comes from the environment or from
`nlp-skills secret set NAME` on each machine.
""",
    """\
# {title}

{goal}

這個資料夾就是完整的專案：複製到另一台機器即可使用，不需要伺服器。

    uv run python scripts/04_train.py --help

第一次執行時，`uv` 會把 `pyproject.toml` 列出的套件裝在旁邊（包含 PyTorch，需要幾分鐘）。
沒有 uv 時：`python3 -m venv .venv && .venv/bin/pip install 'wheels/{wheel}[train]'`，再執行
`.venv/bin/python scripts/04_train.py --help`。

| 腳本 | 用途 |
|---|---|
{scripts}

| 位置 | 內容 |
|---|---|
| `task.yaml` | 目標、標籤、成功標準、限制與決策 |
| `data_source.yaml` | 資料從哪裡來、如何切分 |
| `data/` | `raw/` 與 `snapshots/` 不會變動；`train.jsonl`、`valid.jsonl`、`test.jsonl` 可以手動修改 |
| `configs/` | 尚未訓練的版本計畫 |
| `versions/` | `v1`、`v2`……：每個版本的設定、資料、結果與譜系 |
| `benchmarks/` | 凍結的測試集，永遠不會拿來訓練 |
| `models/` | adapter 與合併後的模型（檔案大，不放進版本控制） |
| `docs/` | 給人看的[決策紀錄](docs/decisions.md)與報告 |
| `jobs/` | 執行過的工作與紀錄 |

密碼與金鑰不會出現在這個資料夾：檔案裡寫 `${{NAME}}`，內容來自環境變數，或在每台機器上用
`nlp-skills secret set NAME` 存入。
""",
)

_DECISIONS = Text(
    "# Decisions: {title}\n\nKept in `task.yaml`; this page is made from it.\n\n",
    "# 決策紀錄：{title}\n\n內容存在 `task.yaml`，這一頁由它產生。\n\n",
)
_NO_DECISIONS = Text("None yet.\n", "目前還沒有。\n")
_NO_GOAL = Text("(The goal is not written down yet: see task.yaml.)", "（尚未寫下目標，請見 task.yaml。）")


def pyproject(task: Task, wheel: str) -> str:
    """The task's own `pyproject.toml`, pinning this nlp-skills and naming the wheel kept in `wheels/`."""
    description = _toml_text(task.title or task.name)
    return _PYPROJECT.format(
        why=_WHY.to(task.language),
        name=_project_name(task.name),
        description=description,
        version=__version__,
        wheel=wheel,
    )


def first_data_source(task: Task) -> str:
    """A `data_source.yaml` without sources, its comments showing how one is written."""
    kind = task_kind(task.type)
    columns = ", ".join(f"{role}: {(_COLUMNS.get(role) or role_title(role)).to(task.language)}" for role in kind.roles)
    return (
        _DATA_SOURCE.to(task.language)
        .replace("{mapping}", columns)
        .replace("{columns}", ", ".join(kind.roles))
        .replace("{identity}", ", ".join(_identity(kind)))
    )


def _identity(kind: TaskKind) -> list[str]:
    """What makes two rows the same where nobody says otherwise."""
    return ["text", "entity"] if kind.answers == "label" else list(kind.roles)


def readme(task: Task, scripts: list[tuple[str, str]], wheel: str) -> str:
    """The README; `scripts` are (file, what it does)."""
    rows = "\n".join(f"| `scripts/{file}` | {does} |" for file, does in scripts)
    return _README.to(task.language).format(
        title=task.title or task.name, goal=task.goal or _NO_GOAL.to(task.language), scripts=rows, wheel=wheel
    )


def decisions(task: Task) -> str:
    """`docs/decisions.md`: every decision with its reason, newest last."""
    head = _DECISIONS.to(task.language).format(title=task.title or task.name)
    if not task.decisions:
        return head + _NO_DECISIONS.to(task.language)
    return head + "\n".join(map(_decision, task.decisions))


def _decision(decision: Decision) -> str:
    day = f"{decision.date[:10]} · " if decision.date else ""
    return f"## {day}{decision.what}\n" + (f"\n{decision.why}\n" if decision.why else "")


def _toml_text(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _project_name(name: str) -> str:
    """A folder brought along may have any name; a Python project may not."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name).strip("-_.")
    return plain or "my"
