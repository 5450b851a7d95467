"""How many rows a second are parsed, deduplicated and split: `.venv/bin/python benchmarks/data_pipeline.py [rows]`.

A JSON-lines file of short Chinese rows, a tenth of them repeated, goes through what `prepare_data` does with a raw
snapshot, stage by stage and in one process: `read_jsonl` and conversion, exact duplicates, split.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / ".dev"))

from nlp_skills.resources.data_source import SplitPolicy
from nlp_skills.resources.files import read_jsonl
from nlp_skills.resources.task import Task
from nlp_skills.tools.data.deduplicate import deduplicate
from nlp_skills.tools.data.mapping import Conversion, find_columns
from nlp_skills.tools.data.sources.file import FileSource
from nlp_skills.tools.data.split import split_rows

LABELS = ("正面", "中性", "負面")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in records(count))
        task = Task(name="benchmark", type="classification", labels=list(LABELS))
        source = FileSource.model_validate({"type": "file", "path": str(path)})
        clock = [time.perf_counter()]
        conversion = Conversion(task)
        conversion.add(read_jsonl(path), find_columns(("text", "label"), source, task), source, "file")
        clock.append(time.perf_counter())
        unique = deduplicate(conversion.rows, ["text", "entity"])
        clock.append(time.perf_counter())
        splits = split_rows(unique.rows, SplitPolicy())
        clock.append(time.perf_counter())
    assert sum(map(len, splits.values())) + unique.removed == count
    seconds = [end - start for start, end in itertools.pairwise(clock)]
    for name, taken in zip(("parsed and converted", "deduplicated", "split"), seconds, strict=True):
        print(f"{name}: {taken:.2f} s, {count / taken:,.0f} rows/s")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"together: {count / sum(seconds):,.0f} rows/s for {count:,} rows; at most {most:,.0f} MB")


def records(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        what = number if number % 10 else number // 10 * 7 + 1
        yield {"text": f"公司{what}本季營收較去年同期成長，董事會通過配發現金股利{what % 97}元。",
               "label": LABELS[what % 3]}


if __name__ == "__main__":
    main()
