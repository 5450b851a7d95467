"""The six scripts of a task: thin, the same entry whether a person, the server or another machine runs them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from .... import __version__
from ....resources.foundation.language import Language, Text


class Script(NamedTuple):
    """A script's file name, the module whose `main` it runs, and what it does."""

    file: str
    module: str
    does: Text


SCRIPTS = (
    Script(
        "01_regenerate_data.py",
        "nlp_skills.tools.data.regenerate",
        Text(
            "Fetch the rows of data_source.yaml again, remove duplicates, split and validate them.",
            "依 data_source.yaml 重新取得資料，去除重複、切分並驗證。",
        ),
    ),
    Script(
        "02_validate_data.py",
        "nlp_skills.tools.data.validate",
        Text(
            "Validate data/train.jsonl, valid.jsonl and test.jsonl, also after you edited them by hand.",
            "驗證 data/train.jsonl、valid.jsonl 與 test.jsonl，手動修改之後也可以執行。",
        ),
    ),
    Script(
        "03_convert_format.py",
        "nlp_skills.tools.data.convert",
        Text(
            "Turn the rows into the chats that training reads; a cache, rebuilt whenever needed.",
            "把資料轉成訓練用的對話格式；這是快取，需要時會自動重做。",
        ),
    ),
    Script(
        "04_train.py",
        "nlp_skills.tools.train.run",
        Text(
            "Train the next version from a plan in configs/; run it again to resume an interrupted training.",
            "依 configs/ 裡的計畫訓練下一個版本；中斷後再執行一次就會接續。",
        ),
    ),
    Script(
        "05_evaluate.py",
        "nlp_skills.tools.evaluate.run",
        Text("Evaluate a version on the frozen benchmark.", "用凍結的評估基準評估一個版本。"),
    ),
    Script(
        "06_upload_hf.py",
        "nlp_skills.tools.deploy.upload",
        Text(
            "Upload a version to the Hugging Face Hub, private unless you say otherwise.",
            "把一個版本上傳到 Hugging Face Hub，除非另外指定，否則不公開。",
        ),
    ),
)

_TEMPLATE = '''"""{does}

    uv run python scripts/{file} --help
"""

import sys

try:
    from nlp_skills import __version__
    from nlp_skills.resources.version import task_of_script
    from {module} import main
except ModuleNotFoundError as missing:
    if (missing.name or "").split(".")[0] != "nlp_skills":
        raise
    sys.exit(
{absent}
    )

if __version__ != "{version}":
    print(f"{other}", file=sys.stderr)

if __name__ == "__main__":
    sys.exit(main(task_of_script(__file__), sys.argv[1:]))
'''

_ABSENT = Text(
    """\
        "nlp-skills {version} is not installed for this Python. In the task's folder, run\\n"
        "  uv run python scripts/{file}\\n"
        "or\\n"
        "  pip install 'wheels/{wheel}[train]' && python scripts/{file}\"""",
    """\
        "這個 Python 沒有安裝 nlp-skills {version}。請在任務資料夾執行\\n"
        "  uv run python scripts/{file}\\n"
        "或\\n"
        "  pip install 'wheels/{wheel}[train]' && python scripts/{file}\"""",
)
_OTHER = Text(
    "note: this task was made with nlp-skills {version}; {{__version__}} is installed here.",
    "注意：這個任務是用 nlp-skills {version} 建立的，這裡安裝的是 {{__version__}}。",
)


def script_texts(language: Language, wheel: str) -> dict[str, str]:
    """File name → content of every script, speaking `language`; `wheel` is the file in `wheels/` to install."""
    texts = {}
    for script in SCRIPTS:
        known = {"version": __version__, "file": script.file, "wheel": wheel}
        texts[script.file] = _TEMPLATE.format(
            **known,
            does=script.does.to(language),
            module=script.module,
            absent=_ABSENT.to(language).format(**known),
            other=_OTHER.to(language).format(**known),
        )
    return texts


def is_generated(file: str, content: bytes) -> bool:
    """Whether that is the script `file` as nlp-skills writes it, in any language and naming any version: a person's own
    change, however small, makes it theirs."""
    shape = _shapes().get(file)
    try:
        return shape is not None and shape.fullmatch(content.replace(b"\r\n", b"\n").decode("utf-8")) is not None
    except UnicodeDecodeError:
        return False


def module_of(file: str) -> str | None:
    """The module that the script `file` runs; None where it is none of ours."""
    return next((script.module for script in SCRIPTS if script.file == file), None)


@lru_cache(maxsize=1)
def _shapes() -> dict[str, re.Pattern[str]]:
    """The template of each script with its words open: what stands there can only be text that is shown."""
    words = {
        "does": r'[^"\\]+',
        "version": r"[\w.+-]+",
        "absent": r'(?: *"(?:[^"\\\n]|\\n)*"\n?)+',
        "other": r'(?:[^"\\{}\n]|\{__version__\})*',
    }
    return {
        script.file: re.compile(_shape({**words, "file": re.escape(script.file), "module": re.escape(script.module)}))
        for script in SCRIPTS
    }


def _shape(words: dict[str, str]) -> str:
    pieces = re.split(r"\{(\w+)\}", _TEMPLATE)
    return "".join(words[piece] if number % 2 else re.escape(piece) for number, piece in enumerate(pieces))
