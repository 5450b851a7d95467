"""What the story needs before it starts: a small base model, and two exports of annotated sentences."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import subprocess
from importlib.resources import files
from pathlib import Path

from ...resources.foundation.errors import JobError
from ...resources.foundation.language import Language, Text
from ...resources.workspace import cache_folder
from ...tools.data.rows import Skeletons
from .told import Told

_RECIPE = ("base_model.py", "corpus.py", "corpus_en.py", "corpus_lexicon.py", "corpus_zh.py")
_PROGRESS = re.compile(r"(\d+)/(\d+) (.*)")
_LATER_SHARES = {"neutral": 0.45, "中立": 0.45}
_LATER_SHARE = 0.28


def base_model(worker: Path, told: Told) -> Path:
    """The offline base model, built by the worker environment on first need and cached by its recipe's hash.

    Raises:
        JobError: building failed; names the log.
    """
    here = files("nlp_skills.server.demo")
    recipe = hashlib.sha256(b"".join((here / name).read_bytes() for name in _RECIPE)).hexdigest()[:12]
    destination = cache_folder() / f"demo-base-model-{recipe}"
    if (destination / "config.json").is_file():
        told.note(Text(f"cached: {destination}", f"已有快取：{destination}"))
        return destination
    destination.parent.mkdir(parents=True, exist_ok=True)
    log = destination.with_suffix(".log")
    with log.open("w", encoding="utf-8") as output, told.bar() as bar:
        shown = bar.add_task(
            str(Text("pre-training on everyday chat tasks", "以日常對話任務預訓練")), total=None, measures=""
        )
        with subprocess.Popen(
            [str(worker), "-m", "nlp_skills.server.demo.base_model", str(destination)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            # Threads that spin while they wait take the time of whoever else is at work.
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                output.write(line)
                if told_of := _PROGRESS.fullmatch(line.rstrip()):
                    bar.update(shown, completed=int(told_of[1]), total=int(told_of[2]), measures=told_of[3][:40])
    if process.returncode != 0:
        raise JobError(
            Text("The base model could not be built.", "基礎模型建立失敗。"),
            Text(f"See the end of {log}.", f"請看 {log} 的結尾。"),
        )
    told.note(str(destination))
    return destination


def exports(language: Language, folder: Path) -> tuple[Path, Path]:
    """Two CSV files: what the person has today, and what the annotation database holds besides.

    Whole sentence skeletons go to one of the two, so that the second brings new wordings, neutral ones above all.
    """
    source = files("nlp_skills.server.demo") / "data" / f"entity_sentiment.{language}.csv"
    rows = list(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))
    skeletons = Skeletons({row["entity"] for row in rows})
    today: list[dict[str, str]] = []
    later: list[dict[str, str]] = []
    for row in rows:
        draw = int(hashlib.sha256(skeletons.of(row["text"]).encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
        (later if draw < _LATER_SHARES.get(row["label"], _LATER_SHARE) else today).append(row)
    paths = folder / "annotated.csv", folder / "annotations_database.csv"
    folder.mkdir(parents=True, exist_ok=True)
    for path, part in zip(paths, (today, later), strict=True):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(part)
    return paths
