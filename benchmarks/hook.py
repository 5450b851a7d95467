"""What the data-validation hook takes after a file of rows was written, beside reading the same file as JSON.

The hook runs after every file that a model writes, so its time is a person's. Measured in turn, processor time, the least
of the rounds; what both import is loaded before. Run: `.venv/bin/python benchmarks/hook.py [rows]` (5,000).
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / ".dev"))

from nlp_skills.resources.foundation.files import write_yaml
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.server.hook import run_hook

LABELS = ["refund", "delivery"]
ROUNDS = 7


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    with tempfile.TemporaryDirectory() as folder:
        path = task_with(count, Path(folder) / "mails").data / "train.jsonl"
        event = json.dumps({"cwd": str(path.parent), "tool_input": {"file_path": str(path)}}).encode()
        ours = least(lambda: run_hook("data-validation", event))
        bare = least(lambda: [json.loads(line) for line in io.StringIO(path.read_text(encoding="utf-8"))])
    print(f"{count:,} rows: hook {ours:.3f} s, bare read {bare:.3f} s of processor time, {ours / bare:.0f} times")


def task_with(count: int, root: Path) -> TaskFolder:
    task = TaskFolder(root)
    root.mkdir()
    task.save(Task(name=root.name, labels=LABELS))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "mails.csv"}]})
    task.data.mkdir()
    for split, rows in {"train": count, "valid": 6, "test": 6}.items():
        (task.data / f"{split}.jsonl").write_text(
            "".join(
                json.dumps({"text": f"Where is my parcel, please? {split} {number}", "label": LABELS[number % 2]})
                + "\n"
                for number in range(rows)
            ),
            encoding="utf-8",
        )
    return task


def least(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        assert not isinstance(result := work(), int) or result == 0, "the hook found something wrong"
        taken.append(time.process_time() - began)
    return min(taken)


if __name__ == "__main__":
    main()
