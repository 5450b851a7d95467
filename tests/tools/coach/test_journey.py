"""A person and a client that know no tool order: they answer the question and obey `next_step`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings

MOST_CALLS = 25
WORDS = {
    "en": {"billing": "My invoice number {} is wrong", "delivery": "Parcel {} has not arrived"},
    "zh-TW": {"帳務": "第 {} 號發票金額有誤", "物流": "編號 {} 的包裹還沒送到"},
}
SAID: dict[str, dict[str, Any]] = {
    "en": {
        "pain_point": "Two people sort 400 mails by hand",
        "current_method": "By hand",
        "impact": "Ten hours a week",
        "goal": "Every mail in the right queue within a minute",
        "deadline": "May",
        "example": "Late again → delivery",
        "hardware": "laptop",
        "budget": "none",
    },
    "zh-TW": {
        "pain_point": "兩位同事每天手動分 400 封信",
        "current_method": "人工處理",
        "impact": "每週十小時",
        "goal": "每封信一分鐘內進到正確的佇列",
        "deadline": "五月",
        "example": "又延遲了 → 物流",
        "hardware": "筆電",
        "budget": "沒有",
    },
}
WISH = {"en": "I want to train a model", "zh-TW": "我想訓練一個模型"}


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_a_clear_goal_is_led_to_a_plan_by_next_step_alone(tmp_path: Path, language: str) -> None:
    rows = tmp_path / "mails.csv"
    with rows.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["body", "topic"])
        for label, text in WORDS[language].items():
            writer.writerows([text.format(number), label] for number in range(60))
    person = {
        **SAID[language],
        "type": "classification",
        "labels": list(WORDS[language]),
        "privacy": "open",
        "threshold": 0.8,
        "baseline": 0.6,
        "path": str(rows),
        "text": "body",
        "label": "topic",
        "name": "mail",
    }
    called = anyio.run(_lead_person, tmp_path / "workspace", language, person)
    assert called[-1] == "plan_training"
    assert {"coach", "create_task", "set_data_source", "prepare_data"} <= set(called)


async def _lead_person(workspace: Path, language: str, person: dict[str, Any]) -> list[str]:
    called: list[str] = []
    async with Client(build_server(Settings(workspace=workspace))) as client:
        tool, arguments = "coach", {"message": WISH[language]}
        while len(called) < MOST_CALLS:
            called.append(tool)
            if tool == "plan_training":
                break
            answered = await client.call_tool(tool, arguments)
            assert not answered.is_error, answered.content
            step = (answered.structured_content or {})["next_step"]
            tool, arguments = step["tool"], _fill_slots(step["arguments"], person)
    return called


def _fill_slots(value: Any, person: dict[str, Any], key: str = "") -> Any:
    """What `next_step` leaves open in <angle brackets>, answered by the name of the field it stands in."""
    if isinstance(value, dict):
        return {name: _fill_slots(inner, person, name.rpartition(".")[2]) for name, inner in value.items()}
    if isinstance(value, list):
        open_list = any(isinstance(item, str) and item.startswith("<") for item in value)
        return person[key] if open_list else [_fill_slots(item, person, key) for item in value]
    return person[key] if isinstance(value, str) and value.startswith("<") else value
