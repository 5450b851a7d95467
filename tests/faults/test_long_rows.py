"""One row of 20 kB among good ones: told when the data or the plan is made, with choices, and never after consent."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import read_yaml
from nlp_skills.resources.job import job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from tests.tools.deploy.conftest import Conversation

pytestmark = [pytest.mark.anyio, pytest.mark.minutes]
# Six rows of 20,000 characters, each in its own words, so that some are dealt to training whatever the split.
FILLERS = (
    "shares rose and rose again; ",
    "the price went up once more, ",
    "buyers came from all over town, ",
    "nobody had seen such a week; ",
    "orders kept pouring in by post, ",
    "profits doubled month by month; ",
)
SIZE = 20_000
KEY = "ticket-4711"
# What a person may choose about rows too long → the settings of plan_training that say it. Whoever builds it names them.
CHOICES: dict[str, dict[str, Any]] = {
    "drop": {"long_rows": "drop"},
    "cut": {"long_rows": "cut"},
    "raise": {"max_length": 4096},
}


class Road:
    """One task from a file to a training, and all that was said on the way."""

    def __init__(self, root: Path, base: Path) -> None:
        self.workspace, self.base = Workspace(root), base
        self.task = TaskFolder(root / "mood")
        self.conversation = Conversation(self.workspace)
        self.said: list[dict[str, Any]] = []

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = await self.conversation.call(tool, **({"task": "mood"} if tool != "create_task" else {}), **arguments)
        self.said.append(answer)
        return answer

    async def prepare(self, size: int = SIZE) -> None:
        file = self.workspace.root / "inbox" / "mails.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["ticket", "text", "label"])
            writer.writerows(
                [f"ticket-{number}", f"{'rose' if number % 2 else 'fell'} by {number}", "good" if number % 2 else "bad"]
                for number in range(80)
            )
            writer.writerows(
                [f"{KEY}-{number}", (filler * (size // len(filler) + 1))[:size], "good"]
                for number, filler in enumerate(FILLERS)
            )
        for tool, arguments in (
            (
                "create_task",
                {
                    "title": "Mood",
                    "name": "mood",
                    "type": "classification",
                    "language": "en",
                    "labels": ["good", "bad"],
                },
            ),
            ("set_data_source", {"sources": [{"type": "file", "path": str(file)}]}),
            ("prepare_data", {}),
        ):
            answer = await self.call(tool, **arguments)
            assert "error" not in answer, answer
        lines = (self.task.data / "train.jsonl").read_text("utf-8").splitlines()
        assert max(map(len, lines)) > size, "one was dealt to training"

    async def plan(self, **settings: Any) -> dict[str, Any]:
        return await self.call(
            "plan_training", settings={"base_model": str(self.base), "epochs": 1, "threads": 1, **settings}
        )

    def everything(self) -> str:
        """All that was said; the report of the data too, where the last answer names it."""
        return json.dumps(self.said, ensure_ascii=False)


@pytest.fixture
async def road(
    tmp_path: Path, tiny_model: Path, with_jobs: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Road]:
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(tmp_path / "workspace"))
    (tmp_path / "workspace").mkdir()
    road = Road(tmp_path / "workspace", tiny_model)
    yield road
    for folder in job_folders(road.workspace):
        job_control.cancel(folder)


async def test_a_row_that_is_too_long_is_named_with_its_tokens_and_the_choices_before_any_consent(road: Road) -> None:
    await road.prepare()
    planned = await road.plan()
    said = road.everything()
    numbers = set(re.findall(r"\brows? (\d+)", said)) | set(re.findall(r'"row": (\d+)', said))
    assert KEY in said or numbers & {"81", "82", "83", "84", "85", "86", "87"}, "the row, by its own key or number"
    assert re.search(r"\b\d{1,2},?\d{3} tokens", said), "its tokens"
    assert f"{planned['settings']['max_length']:,}" in said and all(
        re.search(word, said, re.I) for word in (r"\bdrop|leave .{0,12}out", r"\bcut", r"\brais")
    )
    assert not road.task.jobs.exists() or not list(road.task.jobs.glob("*train*")), "nothing was begun"


async def test_the_memory_and_time_of_a_plan_are_those_of_its_max_length(road: Road, tmp_path: Path) -> None:
    """A row of 20 kB takes what one of 3.5 kB takes: both end at max_length."""
    await road.prepare()
    other = Road(tmp_path / "other", road.base)
    (tmp_path / "other").mkdir()
    await other.prepare(3_500)
    plans = [await one.plan() for one in (road, other)]
    assert not any("error" in plan for plan in plans), plans
    memory, less = (sum(plan["estimate"]["memory_bytes"].values()) for plan in plans)
    assert memory <= 1.05 * less, (memory, less)
    assert plans[0]["estimate"]["tokens"][1] <= 1.05 * plans[1]["estimate"]["tokens"][1], [
        plan["estimate"] for plan in plans
    ]


@pytest.mark.parametrize("choice", ["raise", "drop", "cut"])
async def test_each_choice_is_recorded_and_the_training_that_follows_ends_well(road: Road, choice: str) -> None:
    await road.prepare(3_000)
    planned = await road.plan(**CHOICES[choice])
    assert "error" not in planned, planned
    trained = await road.call("train", plan=planned["plan"], confirm=True)
    assert "error" not in trained and trained["job"]["state"] == "succeeded", trained
    version = VersionFolder(road.task, 1)
    config = read_yaml(version.config_file)
    assert all(config[name] == value for name, value in CHOICES[choice].items())
    kept = json.dumps([read_yaml(version.lineage_file), version.model_info().to_dict(), config])
    if choice == "drop":
        assert re.search("drop|left out", kept) and KEY in road.everything()


async def test_a_training_is_not_begun_that_would_be_refused_for_a_row(road: Road) -> None:
    """Without a choice the call that asks for consent says it, and no job fails afterwards."""
    await road.prepare()
    planned = await road.plan()
    answer = await road.call("train", confirm=True) if "error" not in planned else planned
    ended = [folder.state() for folder in job_folders(road.workspace) if folder.spec().kind == "train"]
    assert "failed" not in ended, (answer, ended)


async def test_a_row_cut_from_the_middle_keeps_its_whole_answer(road: Road) -> None:
    """Nothing of what is trained on is cut once more: no row longer than the limit, none without its whole answer."""
    await road.prepare(3_000)
    planned = await road.plan(**CHOICES["cut"])
    assert "error" not in planned, planned
    trained = await road.call("train", plan=planned["plan"], confirm=True)
    assert "error" not in trained, trained
    audit = json.loads((VersionFolder(road.task, 1).evidence_file).read_text("utf-8"))["training"]["audit"]
    assert audit["problems"] == {} and audit["longest"] <= planned["settings"]["max_length"], audit
