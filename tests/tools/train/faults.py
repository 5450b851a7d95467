"""Tasks with one fault planted in them, trained and evaluated for real on the small base model.

A fault that the product refuses (rows cut, an end of turn that is not trained, another template when it is asked) is
planted around it, never by a switch in it.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from nlp_skills.resources.foundation.files import dump_jsonl, write_atomic, write_json
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import Prompt, SuccessCriteria, Task, TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.environments.libraries import settle_libraries
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.near_duplicates import near_duplicates_of
from nlp_skills.tools.data.rows import Row, row_id
from nlp_skills.tools.data.snapshot import current_snapshot
from nlp_skills.tools.evaluate import model, predicting
from nlp_skills.tools.evaluate import run as evaluating
from nlp_skills.tools.train import row_checks, tokenise
from nlp_skills.tools.train import run as training
from nlp_skills.tools.train.methods import sft
from nlp_skills.tools.train.planning import plan_training

_COURSE = "nlp_skills.tools.train.run_training"  # it reads PyTorch: imported once the libraries are settled
LABELS = ["praise", "notice", "complaint"]
_EVENTS = {
    "praise": (
        "the staff were wonderful",
        "the repair was done in an hour",
        "the soup was excellent",
        "the screen is bright and sharp",
        "the room was spotless",
        "delivery came a day early",
        "the guide was very funny",
        "the price was fair",
        "the app is a joy to use",
        "the bed was soft",
        "the teacher was patient",
        "the view was splendid",
    ),
    "notice": (
        "the shop moves to another street",
        "opening hours change in June",
        "the menu is printed on paper",
        "the box holds twelve pieces",
        "the course starts on Monday",
        "the bus stops at the station",
        "the form has two pages",
        "the museum shows old maps",
        "the phone comes in grey",
        "tickets are sold at the door",
        "the lobby is on the first floor",
        "the list has ten names",
    ),
    "complaint": (
        "the staff were rude",
        "the repair took three weeks",
        "the soup was cold",
        "the screen broke on the first day",
        "the room was filthy",
        "delivery never came",
        "the guide did not turn up",
        "the price was outrageous",
        "the app crashes all the time",
        "the bed was broken",
        "the teacher shouted at us",
        "the view was a brick wall",
    ),
}
_PLACES = (
    "Alder House",
    "Birch Lane",
    "Cedar Court",
    "Dove Street",
    "Elm Park",
    "Fern Hill",
    "Glen Bay",
    "Holly Inn",
    "Iris Square",
    "Juniper Hall",
    "Kite Harbour",
    "Larch Corner",
)
_PEOPLE = ("Ann", "Ben", "Carla", "Dora", "Emil", "Fay", "Gus", "Hana", "Ida", "Jon", "Kim", "Leo")
_ASIDES = (
    "I went there with my sister",
    "it had rained all morning",
    "we had booked by telephone",
    "this is my second visit",
    "I write on behalf of a friend",
    "we came by train",
    "it was a weekday",
    "there were six of us",
    "my cousin lives nearby",
    "I kept the receipt",
)


def rows_of(count: int, seed: int, shares: tuple[float, float, float] = (1, 1, 1)) -> list[Row]:
    """Mails about a place: asides that decide nothing, then the event that does."""
    source = random.Random(seed)
    found: dict[str, Row] = {}
    while len(found) < count:
        label = source.choices(LABELS, shares)[0]
        asides = source.sample(_ASIDES, source.choice((0, 1, 2, 3)))
        place, event = source.choice(_PLACES), source.choice(_EVENTS[label])
        opening = f"{source.choice(_PEOPLE)}, {place}, {source.randrange(1, 29)} May."
        text = " ".join([opening, *(f"{aside[0].upper()}{aside[1:]}." for aside in asides), f"There {event}."])
        found[text] = {"id": row_id(text), "text": text, "label": label}
    return list(found.values())


def make_task(root: Path, splits: dict[str, list[Row]], threshold: float = 0.85) -> TaskFolder:
    task = TaskFolder(root)
    task.root.mkdir(parents=True)
    prompt = Prompt(system="Which one: {labels}?", user="{text}")  # short: every token of it is paid for in each row
    task.save(Task(name=root.name, labels=LABELS, prompt=prompt, success_criteria=SuccessCriteria(threshold=threshold)))
    for name, rows in splits.items():
        write_atomic(task.data / f"{name}.jsonl", dump_jsonl(rows))
    current_snapshot(task)
    return task


def trained_and_evaluated(task: TaskFolder, base: Path, **settings: Any) -> VersionFolder:
    """Plan, train and evaluate through the product's own functions, in this process."""
    workspace = Workspace(task.root.parent)
    given = {"base_model": str(base), "threads": 1, "save_every": 10_000, **settings}
    plan_training(workspace, task, given, "none", [], "first")
    return trained_from(task, "first")


def trained_from(task: TaskFolder, plan: str) -> VersionFolder:
    """Train a plan that stands, and evaluate what came of it."""
    folder = training.reserve(_job(task, f"train-{plan}"), task, plan)
    training.train_version(_job(task, f"train-{plan}"), task.load(), folder)
    evaluating.evaluate_version(_job(task, f"evaluate-{plan}"), folder)
    return folder


def _job(task: TaskFolder, kind: str) -> RunningJob:
    folder = JobFolder(task.jobs / kind)
    folder.root.mkdir(parents=True, exist_ok=True)
    write_json(
        folder.spec_file,
        {"id": kind, "kind": kind, "entry": ["x"], "python": "python", "created": "2026-11-06T14:00:00Z"},
    )
    return RunningJob(folder, task, by_hand=False)


Plant = Callable[[Path, Path, int], VersionFolder]
_TRAIN, _VALID, _TEST = 300, 60, 120


def _splits(seed: int, train: int = _TRAIN, shares: tuple[float, float, float] = (1, 1, 1)) -> dict[str, list[Row]]:
    rows = rows_of(train + _VALID, 10 * seed, shares)
    # What a training row nearly repeats is no test, and the product would say so.
    drawn = rows_of(_TEST + 40, 10 * seed + 1)
    alike = near_duplicates_of(
        [row["text"] for row in rows], [row["text"] for row in drawn], [""] * len(rows), [""] * len(drawn)
    )
    test = [row for row, near in zip(drawn, alike, strict=True) if near is None][:_TEST]
    return {"train": rows[:train], "valid": rows[train:], "test": test}


def healthy(root: Path, base: Path, seed: int) -> VersionFolder:
    return trained_and_evaluated(make_task(root, _splits(seed)), base, seed=seed)


def rate_too_high(root: Path, base: Path, seed: int) -> VersionFolder:
    return trained_and_evaluated(make_task(root, _splits(seed)), base, seed=seed, learning_rate=0.05)


def too_few_epochs(root: Path, base: Path, seed: int) -> VersionFolder:
    return trained_and_evaluated(make_task(root, _splits(seed)), base, seed=seed, epochs=1)


def overfit(root: Path, base: Path, seed: int) -> VersionFolder:
    """Few rows, shown far too often, and the last epoch kept."""
    return trained_and_evaluated(
        make_task(root, _splits(seed, train=60)),
        base,
        seed=seed,
        epochs=30,
        keep_best="last",
        lora_r=0,
        scheduler="constant_with_warmup",
    )


def label_noise(root: Path, base: Path, seed: int) -> VersionFolder:
    """A quarter of the labels are wrong, in training and validation."""
    splits, source = _splits(seed), random.Random(seed)
    for name in ("train", "valid"):
        for row in splits[name]:
            if source.random() < 0.25:
                row["label"] = source.choice([label for label in LABELS if label != row["label"]])
    return trained_and_evaluated(make_task(root, splits), base, seed=seed)


def imbalance(root: Path, base: Path, seed: int) -> VersionFolder:
    splits = _splits(seed, shares=(14, 14, 1))
    return trained_and_evaluated(make_task(root, splits), base, seed=seed)


def wrong_template(root: Path, base: Path, seed: int) -> VersionFolder:
    """Asked with another family's chat template than the one it was trained with."""
    load = model.load_for_inference

    def with_another(*arguments: Any) -> Any:
        loaded = load(*arguments)
        loaded.tokenizer.chat_template = (
            "{%- for message in messages %}{{- '### ' + message['role'] + ':\\n' + message['content'] + '\\n\\n' }}"
            "{%- endfor %}{%- if add_generation_prompt %}{{- '### Response:\\n' }}{%- endif %}"
        )
        return loaded

    with mock.patch.object(predicting, "load_for_inference", with_another):
        return healthy(root, base, seed)


def end_of_turn_untrained(root: Path, base: Path, seed: int) -> VersionFolder:
    """The rows lose their end of turn after they were tokenised, and nobody stops it."""
    read = tokenise.read_tokenised

    def without_the_end(folder: Path) -> Any:
        return [type(row)(row.id, row.answer, row.input_ids[:-1], row.start, row.context) for row in read(folder)]

    with _audit_ignored(), mock.patch(f"{_COURSE}.read_tokenised", without_the_end):
        return healthy(root, base, seed)


def truncation(root: Path, base: Path, seed: int) -> VersionFolder:
    """Rows longer than max_length are cut to it, as most trainers do in silence."""
    limit = 74
    dataset = sft._dataset

    def cut_rows(rows: Any, processes: int = 1) -> Any:
        return dataset(
            [type(row)(row.id, row.answer, row.input_ids[:limit], min(row.start, limit), row.context) for row in rows],
            processes,
        )

    with _audit_ignored(), mock.patch.object(sft, "_dataset", cut_rows):
        return trained_and_evaluated(make_task(root, _splits(seed)), base, seed=seed, max_length=limit)


@contextmanager
def _audit_ignored() -> Iterator[None]:
    with ExitStack() as patches:
        patches.enter_context(mock.patch(f"{_COURSE}.refuse", lambda _task, _audit: None))
        patches.enter_context(mock.patch.object(row_checks, "said_of_long_rows", lambda *_: []))
        yield


FAULTS: dict[str, Plant] = {
    "rate_too_high": rate_too_high,
    "underfitting": too_few_epochs,
    "overfitting": overfit,
    "label_noise": label_noise,
    "imbalance": imbalance,
    "wrong_template": wrong_template,
    "end_of_turn": end_of_turn_untrained,
    "truncation": truncation,
}


def quiet() -> None:
    """Before a process that plants faults begins: two of them share the machine."""
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ["NLP_SKILLS_WORKER"] = sys.executable
    settle_libraries()


def plant(name: str, root: Path, base: Path, seed: int) -> None:
    """One fault by its name."""
    FAULTS[name](root, base, seed)
