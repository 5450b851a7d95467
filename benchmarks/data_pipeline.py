"""How many rows a second are parsed, deduplicated and split, beside pandas: `.worker/bin/python benchmarks/data_pipeline.py`.

A JSON-lines file of short Chinese rows, a tenth of them repeated, is fetched into a raw snapshot. What `prepare_data`
then does with it, by the functions of that job and in one process, is measured: lines into canonical rows with their
ids, exact duplicates, stratified split, the rows of each split in the order they are written in. Fetching before it,
validating and writing after it are not in the figure. pandas and scikit-learn do the same in their own way: read, NFKC
and white space, SHA-256 of each text, duplicates, two stratified splits. Without pandas only ours is measured. Each has
a process of its own. Arguments: the number of rows (1,000,000). Both are given as rows per second of the clock and of
the processor, with the most memory that was held.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import itertools
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / ".dev"))

from nlp_skills.resources.data_source import DataSource
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.tools.data.columnar import ColumnRows
from nlp_skills.tools.data.fetch import fetch
from nlp_skills.tools.data.preparing import into_splits, prepare
from nlp_skills.tools.data.rows import many_rows
from nlp_skills.tools.data.sources.file import FileSource
from nlp_skills.tools.data.split import SPLITS

LABELS = ("正面", "中性", "負面")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in records(count))
        alone = multiprocessing.get_context("spawn")
        for measured in (ours, *((by_pandas,) if importlib.util.find_spec("pandas") else ())):
            process = alone.Process(target=measured, args=(path, count))
            process.start()
            process.join()


def ours(path: Path, count: int) -> None:
    task, data_source = Task(name="benchmark", type="classification", labels=list(LABELS)), DataSource()
    folder = TaskFolder(path.parent)  # a task may read what stands in its own folder
    source = FileSource.model_validate({"type": "file", "path": str(path)})
    raw = fetch(folder, source, 0)
    clock, processor = [time.perf_counter()], time.process_time()
    with many_rows():
        prepared = prepare(folder, task, data_source, [source], [raw])
        clock.append(time.perf_counter())
        splits = into_splits(prepared.rows, data_source.split, None, ())
        clock.append(time.perf_counter())
    processor = time.process_time() - processor
    assert sum(map(len, splits.values())) + prepared.removed == count
    assert all(splits[name][0]["id"] < splits[name][-1]["id"] for name in SPLITS)
    seconds = [end - start for start, end in itertools.pairwise(clock)]
    for name, taken in zip(("parsed, converted, deduplicated", "split"), seconds, strict=True):
        print(f"{name}: {taken:.2f} s, {count / taken:,.0f} rows/s")
    print(
        f"nlp-skills ({'in columns' if isinstance(splits['train'], ColumnRows) else 'one by one'}): "
        + figures(count, sum(seconds), processor),
        flush=True,
    )


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
    print(f"pandas {pandas.__version__}: {figures(count, seconds, processor)}", flush=True)


def figures(count: int, seconds: float, processor: float) -> str:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{count / seconds:,.0f} rows/s, {count / processor:,.0f} rows per processor second, for {count:,} rows; "
        f"at most {most:,.0f} MB"
    )


def records(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        what = number if number % 10 else number // 10 * 7 + 1
        yield {
            "text": f"公司{what}本季營收較去年同期成長，董事會通過配發現金股利{what % 97}元。",
            "label": LABELS[what % 3],
        }


if __name__ == "__main__":
    main()
