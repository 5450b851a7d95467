"""How many rows a second are parsed, deduplicated and split, beside pandas: `.worker/bin/python benchmarks/data_pipeline.py`.

A JSON-lines file of short Chinese rows, a tenth of them repeated, goes through what `prepare_data` does with a raw
snapshot, in one process: lines into canonical rows with their ids, exact duplicates, stratified split. Fetching before
it, validating and writing after it are not in the figure. pandas and scikit-learn do the same in their own way: read,
NFKC and white space, SHA-256 of each text, duplicates, two stratified splits. Without pandas only ours is measured.
Arguments: the number of rows (1,000,000). Both are given as rows per second of the clock and of the processor.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
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
from nlp_skills.tools.data.rows import many_rows
from nlp_skills.tools.data.sources.file import FileSource
from nlp_skills.tools.data.split import split_rows

LABELS = ("正面", "中性", "負面")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in records(count))
        ours(path, count)
        if importlib.util.find_spec("pandas"):
            by_pandas(path, count)


def ours(path: Path, count: int) -> None:
    task = Task(name="benchmark", type="classification", labels=list(LABELS))
    source = FileSource.model_validate({"type": "file", "path": str(path)})
    clock, processor = [time.perf_counter()], time.process_time()
    with many_rows():
        conversion = Conversion(task)
        conversion.add(read_jsonl(path), find_columns(("text", "label"), source, task), source, "file")
        clock.append(time.perf_counter())
        unique = deduplicate(conversion.rows, ["text", "entity"])
        clock.append(time.perf_counter())
        splits = split_rows(unique.rows, SplitPolicy())
        clock.append(time.perf_counter())
    processor = time.process_time() - processor
    assert sum(map(len, splits.values())) + unique.removed == count
    seconds = [end - start for start, end in itertools.pairwise(clock)]
    for name, taken in zip(("parsed and converted", "deduplicated", "split"), seconds, strict=True):
        print(f"{name}: {taken:.2f} s, {count / taken:,.0f} rows/s")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"nlp-skills: {count / sum(seconds):,.0f} rows/s, {count / processor:,.0f} rows per processor second, "
          f"for {count:,} rows; at most {most:,.0f} MB")


def by_pandas(path: Path, count: int) -> None:
    pandas, selection = importlib.import_module("pandas"), importlib.import_module("sklearn.model_selection")
    started, processor = time.perf_counter(), time.process_time()
    rows = pandas.read_json(path, lines=True, dtype=False)
    rows["key"] = rows["text"].str.normalize("NFKC").str.split().str.join(" ")
    rows["id"] = rows["key"].map(lambda key: hashlib.sha256(key.encode()).hexdigest()[:16])
    rows = rows.drop_duplicates("id")
    train, rest = selection.train_test_split(rows, train_size=0.7, random_state=42, stratify=rows["label"])
    valid, test = selection.train_test_split(rest, train_size=0.5, random_state=42, stratify=rest["label"])
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    assert len(train) + len(valid) + len(test) == len(rows)
    print(f"pandas {pandas.__version__}: {count / seconds:,.0f} rows/s, {count / processor:,.0f} rows per processor second")


def records(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        what = number if number % 10 else number // 10 * 7 + 1
        yield {"text": f"公司{what}本季營收較去年同期成長，董事會通過配發現金股利{what % 97}元。",
               "label": LABELS[what % 3]}


if __name__ == "__main__":
    main()
