"""Small tasks of every type but classification, with rows that a tiny model can learn and a list of phrases cannot."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nlp_skills.resources.foundation.files import dump_jsonl, write_atomic, write_yaml
from nlp_skills.resources.task import TaskFolder, TaskType
from nlp_skills.tools.data.task_kind import task_kind
from tests.permissions import agree_to_script

Row = dict[str, Any]
_SCRIPT = """import sys
from nlp_skills.resources.version import task_of_script
from nlp_skills.tools.{module} import run

if __name__ == "__main__":
    sys.exit(run.main(task_of_script(__file__), sys.argv[1:]))
"""
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_COUNTS = ["two", "three", "four", "five", "six", "seven", "eight", "nine"]
_THINGS = ["boxes", "chairs", "lamps", "tables", "cups", "doors"]
# Each of these is a person or a place, and only the words around it say which: a dictionary cannot know.
_NAMES = ["Paris", "Jordan", "Sydney", "Austin", "Chelsea", "Carson", "Dakota", "Victoria"]
_CALLERS = [*_NAMES, "Florence", "Lorraine"]
_PROMPTS = {"extraction": "Parts: {labels}", "generation": "JSON", "chat": "", "preference": ""}


def visit(source: random.Random) -> Row:
    """Who goes where: two types of parts."""
    person, place = source.sample(_NAMES, 2)
    layout = source.choice(
        (
            "{person} went to {place}.",
            "{person} lives in {place}.",
            "In {place} we met {person}.",
            "At {place} sits {person}.",
        )
    )
    text = layout.format(person=person, place=place)
    found = [
        {"type": kind, "text": part, "start": text.find(part), "end": text.find(part) + len(part)}
        for kind, part in (("person", person), ("place", place))
    ]
    return {"text": text, "spans": found}


def order(source: random.Random) -> Row:
    """An order in words becomes JSON."""
    count, day, thing = source.randrange(len(_COUNTS)), source.choice(_DAYS), source.choice(_THINGS)
    layout = source.choice(
        ("please send {count} {thing} on {day}", "on {day} we need {count} {thing}", "{count} {thing} for {day}")
    )
    return {
        "text": layout.format(count=_COUNTS[count], day=day, thing=thing),
        "output": json.dumps({thing: count + 2, "day": day}),
    }


def call(source: random.Random) -> Row:
    """The assistant remembers the caller's name from an earlier turn."""
    caller, day, opening = source.choice(_CALLERS), source.choice(_DAYS), source.choice(("Hello", "Hi", "Good day"))
    said = [
        ("user", f"{opening}, {caller} here."),
        ("assistant", f"{opening}!"),
        ("user", f"Open on {day}?"),
        ("assistant", f"Yes {caller}, {day} is fine."),
    ]
    messages = [{"role": role, "content": content} for role, content in said]
    return {"text": "\n".join(content for _, content in said[:-1]), "messages": messages}


def reply(source: random.Random) -> Row:
    """People prefer the answer that does not say please, which the untuned model would; it is the longer one as often as
    not."""
    day, thing, caller = source.choice(_DAYS), source.choice(_THINGS), source.choice(_CALLERS)
    kind, curt = f"Please come on {day}.", f"Come {day}."
    if source.random() < 0.5:
        curt += f" Fetch the {thing} then."
    return {"text": f"{caller} here. When for my {thing}? {day}?", "chosen": curt, "rejected": kind}


ROWS: dict[TaskType, Callable[[random.Random], Row]] = {
    "extraction": visit,
    "generation": order,
    "chat": call,
    "preference": reply,
}


def write_typed_task(root: Path, kind: TaskType, sizes: Sequence[int] = (140, 20, 40), **fields: Any) -> TaskFolder:
    """A task of that type with its data as three files written by hand."""
    task, source = TaskFolder(root), random.Random(7)
    labels = ["person", "place"] if kind == "extraction" else []
    write_yaml(
        task.file,
        {
            "name": root.name,
            "title": root.name,
            "type": kind,
            "labels": labels,
            "prompt": {"system": _PROMPTS[kind], "user": "{text}"},
            **fields,
        },
    )
    for number, module in (("04_train", "train"), ("05_evaluate", "evaluate")):
        write_atomic(task.scripts / f"{number}.py", _SCRIPT.format(module=module))
        agree_to_script(task.scripts / f"{number}.py")
    known: dict[str, Row] = {}
    while len(known) < sum(sizes):
        row = ROWS[kind](source)
        known.setdefault(row["text"], {"id": task_kind(kind).id_of(row), **row})
    rows = iter(known.values())
    for split, size in zip(("train", "valid", "test"), sizes, strict=True):
        write_atomic(task.data / f"{split}.jsonl", dump_jsonl(itertools.islice(rows, size)))
    return task
