"""From rows without a label to rows in train that say how they were labelled, through a real client over stdio."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

pytestmark = pytest.mark.anyio

WORDS = {
    "en": {
        "labels": ["complaint", "praise"],
        "keyword": "broken",
        "pattern": "wonder\\w+",
        "coach": "label my rows",
        "texts": ["{0} arrived broken, {1} {2}", "{0} is wonderful, {1} {2}"],
    },
    "zh-TW": {
        "labels": ["客訴", "稱讚"],
        "keyword": "壞",
        "pattern": "很(棒|好)",
        "coach": "幫我標資料",
        "texts": ["{0}送來就壞了{1}{2}", "{0}用起來很棒{1}{2}"],
    },
}


def invent_word(number: int) -> str:
    """A word that no other row has, so that none nearly repeats another one."""
    return "".join(
        "bcdfghklmnprstvz"[(number * 7919 + at * 104_729) % 16] + "aeiou"[(number + at * 3) % 5] for at in range(6)
    )


@pytest.mark.parametrize("language", ["en", "zh-TW"])
async def test_rows_are_proposed_for_reviewed_prepared_and_trained_on(tmp_path: Path, language: str) -> None:
    words: dict[str, Any] = WORDS[language]
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "text\n"
        + "".join(
            f"{words['texts'][n % 2].format(*map(invent_word, (n, n + 40, n + 80)))}\n".replace(",", "")
            for n in range(30)
        ),
        "utf-8",
    )
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "nlp_skills.server.cli", "serve"],
        env={**os.environ, "NLP_SKILLS_WORKSPACE": str(tmp_path / "workspace"), "NLP_SKILLS_LANGUAGE": language},
    )
    async with Client(server) as client:

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            answer = await client.call_tool(tool, arguments)
            assert not answer.is_error and answer.structured_content, answer.content
            content = dict(answer.structured_content)
            while (content.get("job") or {}).get("state") in ("queued", "running"):
                content = await call("job_status", job_id=content["job"]["id"], wait_seconds=20)
            return content

        await call(
            "create_task",
            name="mails",
            title="Mails",
            type="classification",
            language=language,
            goal="sort mails",
            labels=words["labels"],
        )
        await call("set_data_source", task="mails", sources=[{"type": "file", "path": str(rows), "unlabelled": True}])
        fetched = await call("prepare_data", task="mails")
        assert fetched["next_step"]["tool"] == "add_examples" and fetched["job"]["result"]["to_label"] == 30
        asked = await call("coach", task="mails", message=words["coach"])
        assert asked["next_step"]["tool"] == "add_examples"
        proposed = await call(
            "add_examples",
            task="mails",
            action="propose",
            by="rules",
            settings={
                "rules": [
                    {"label": words["labels"][0], "keywords": [words["keyword"]]},
                    {"label": words["labels"][1], "pattern": words["pattern"]},
                ]
            },
        )
        assert proposed["next_step"]["arguments"]["action"] == "review"
        while proposed["next_step"]["arguments"].get("action") == "review":
            shown = await call(proposed["next_step"]["tool"], **proposed["next_step"]["arguments"])
            proposed = await call(
                "add_examples",
                **{
                    **shown["next_step"]["arguments"],
                    "by": "Ann",
                    "examples": [{"id": row["id"]} for row in shown["rows"]],
                },
            )
        assert proposed["next_step"]["tool"] == "prepare_data" and proposed["figures"]["accepted"] == 30
        prepared = await call("prepare_data", task="mails")
    train = [
        json.loads(line) for line in Path(prepared["job"]["result"]["files"]["train"]).read_text("utf-8").splitlines()
    ]
    assert sum(prepared["job"]["result"]["counts"].values()) == 30
    assert not any(said in prepared["message"] for said in ("no label", "沒有標籤")), "all of them are labelled by now"
    assert len(train) >= 20 and {row["label"] for row in train} == set(words["labels"])
    story = train[0]["labelled"]
    assert story["how"] == "accepted" and story["by"] == ["Ann"] and story["proposed"]["by"] == "rules"
