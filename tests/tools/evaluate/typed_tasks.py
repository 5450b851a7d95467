"""Small tasks of every type but classification, with rows that a tiny model can learn and a list of phrases cannot."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nlp_skills.resources.files import dump_jsonl, write_atomic, write_yaml
from nlp_skills.resources.task import TaskFolder, TaskType
from nlp_skills.tools.data.types import task_kind

Row = dict[str, Any]
_SCRIPT = """import sys
from nlp_skills.resources.version import task_of_script
from nlp_skills.tools.{module} import run

if __name__ == "__main__":
    sys.exit(run.main(task_of_script(__file__), sys.argv[1:]))
"""
_SYLLABLES = [start + end for start in "bdklmnrstv" for end in "aeo"]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def name(source: random.Random) -> str:
    """A made-up name, so that none of a test is known from training."""
    return "".join(source.choice(_SYLLABLES) for _ in range(3)).capitalize()


def visit(source: random.Random) -> Row:
    """Who goes where: two types of parts."""
    person, place = name(source), name(source)
    layout = source.choice(("{person} went to {place}.", "{person} lives in {place}.", "In {place} we met {person}.",
                            "{person} left {place} today."))
    text = layout.format(person=person, place=place)
    found = [{"type": kind, "text": part, "start": text.find(part), "end": text.find(part) + len(part)}
             for kind, part in (("person", person), ("place", place))]
    return {"text": text, "spans": sorted(found, key=lambda span: int(str(span["start"])))}


def order(source: random.Random) -> Row:
    """An order in words becomes JSON."""
    count, day = source.randrange(2, 100), source.choice(_DAYS)
    layout = source.choice(("please send {count} boxes on {day}", "on {day} we need {count} boxes",
                            "{count} boxes for {day}, thanks"))
    return {"text": layout.format(count=count, day=day), "output": json.dumps({"boxes": count, "day": day})}


def call(source: random.Random) -> Row:
    """The assistant remembers the caller's name from an earlier turn."""
    caller, day = name(source), source.choice(_DAYS)
    said = [("user", f"Hello, {caller} here."), ("assistant", f"Hello {caller}."), ("user", f"Are you open on {day}?"),
            ("assistant", f"Yes {caller}, we are open on {day}.")]
    messages = [{"role": role, "content": content} for role, content in said]
    return {"text": "\n".join(content for _, content in said[:-1]), "messages": messages}


def reply(source: random.Random) -> Row:
    """People prefer the answer that says please; it is the longer one as often as not."""
    day, thing = source.choice(_DAYS), name(source)
    kind, curt = f"Please come on {day}.", f"Come on {day} then."
    if source.random() < 0.5:
        curt += f" Bring the {thing}."
    return {"text": f"When can I fetch the {thing}? {day}?", "chosen": kind, "rejected": curt}


ROWS: dict[TaskType, Callable[[random.Random], Row]] = {
    "extraction": visit, "generation": order, "chat": call, "preference": reply,
}


def write_typed_task(root: Path, kind: TaskType, train: int = 320, held_out: int = 40, **fields: Any) -> TaskFolder:
    """A task of that type with its data as three files written by hand."""
    task, source = TaskFolder(root), random.Random(7)
    labels = ["person", "place"] if kind == "extraction" else []
    write_yaml(task.file, {"name": root.name, "title": root.name, "type": kind, "labels": labels, **fields})
    for number, module in (("04_train", "train"), ("05_evaluate", "evaluate")):
        write_atomic(task.scripts / f"{number}.py", _SCRIPT.format(module=module))
    known: dict[str, Row] = {}
    while len(known) < train + 2 * held_out:
        row = ROWS[kind](source)
        known.setdefault(row["text"], {"id": task_kind(kind).id_of(row), **row})
    rows = list(known.values())
    splits = {"train": rows[:train], "valid": rows[train:train + held_out], "test": rows[train + held_out:]}
    for split, content in splits.items():
        write_atomic(task.data / f"{split}.jsonl", dump_jsonl(content))
    return task
