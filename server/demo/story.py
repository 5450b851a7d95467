"""The demonstration: from "I want to train a model" to a deployed model, through a real MCP client, offline."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx

from ...resources.foundation.errors import NlpSkillsError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Language, Text, as_language, speaking
from ...resources.task import Prompt
from ...resources.workspace import Workspace
from ...tools.compute.worker import worker_python
from ...tools.data.prompting import chat_messages
from . import fixtures, real_models
from .client import Conversation, ToolFailed, conversation
from .postgres import PostgresServer, find_postgres, running_postgres
from .script import SCRIPTS, Script
from .told import Told

TASK = "entity-sentiment"
_MARK = ".nlp-skills-demo"
FIRST_SPLIT = {"train": 0.58, "valid": 0.10, "test": 0.32, "group_by": "skeleton"}
# The benchmark is frozen by then, so every new row may be learnt from.
SECOND_SPLIT = {"train": 0.75, "valid": 0.25, "test": 0.0, "group_by": "skeleton"}
_SHOWN = ("macro_f1", "accuracy", "invalid_rate")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="nlp-skills demo", description=__doc__)
    parser.add_argument("--language", default=os.environ.get("NLP_SKILLS_LANGUAGE", "en"), help="en or zh-TW")
    parser.add_argument(
        "--workspace",
        type=Path,
        default=Path("nlp-skills-demo"),
        help="where the demonstration's task is kept (replaced at each run)",
    )
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--model", choices=[*real_models.NAMES], help="train this pretrained model, fetched once, without asking"
    )
    model.add_argument(
        "--offline-tiny", action="store_true", help="train the tiny model that is built here, without asking"
    )
    parser.add_argument("--stop-after", choices=["v1", "v2", "deploy"], default="deploy")
    options = parser.parse_args(arguments)
    language: Language = as_language(options.language) or "en"
    told, return_code = Told(), 0
    with speaking(language):
        try:
            chosen = None if options.offline_tiny else real_models.choose(told, language, options.model)
            if chosen and not options.model and not real_models.try_fetch(chosen, told):
                chosen = None
            anyio.run(_tell, told, options.workspace.resolve(), language, options.stop_after, chosen)
        except* (NlpSkillsError, ToolFailed) as failed:
            for problem in failed.exceptions:
                told.note(f"✗ {problem}")
            return_code = 1
    return return_code


async def _tell(
    told: Told, workspace: Path, language: Language, stop_after: str, chosen: real_models.RealModel | None
) -> None:
    script = SCRIPTS[language]
    _fresh(workspace)
    worker = worker_python(Workspace(workspace))
    if chosen:
        told.chapter(Text("Before the story: a pretrained base model", "故事開始前：準備一個預訓練的基礎模型"))
        base_model = await anyio.to_thread.run_sync(real_models.fetch, chosen, told)
    else:
        told.chapter(
            Text(
                "Before the story: a small base model, built offline and cached",
                "故事開始前：離線建立一個小型基礎模型（會快取）",
            )
        )
        base_model = await anyio.to_thread.run_sync(fixtures.base_model, worker, told)
    first, more = fixtures.exports(language, workspace / "incoming")
    async with conversation(told, workspace, language, worker) as client:
        await _goal(told, client, script)
        await _first_version(told, client, script, first, base_model)
        if stop_after == "v1":
            return
        await _second_version(told, client, script, first, more)
        if stop_after == "v2":
            return
        await _deployment(told, client, script)
        await _where_everything_is(told, client, workspace)


async def _goal(told: Told, client: Conversation, script: Script) -> None:
    told.chapter(Text("1 · A wish becomes a goal", "1 · 把想法變成目標"))
    told.person(script.wish)
    _print_coach_answer(told, await client.call("coach", message=script.wish))
    told.person(script.problem)
    _print_coach_answer(told, await client.call("coach", message=script.problem))
    told.person(script.details)
    created = await client.call("create_task", name=TASK, **script.task)
    told.coach(created["message"])


async def _first_version(told: Told, client: Conversation, script: Script, first: Path, base_model: Path) -> None:
    told.chapter(Text("2 · Data: from a file to checked splits", "2 · 資料：從檔案到驗證過的切分"))
    told.person(script.data(first))
    source = await client.call(
        "set_data_source", task=TASK, sources=[{"type": "file", "path": str(first)}], split=FIRST_SPLIT
    )
    told.coach(source["message"])
    told.coach((await client.call("prepare_data", task=TASK))["message"])
    told.chapter(Text("3 · v1: plan, label audit, training", "3 · v1：計畫、標籤稽核、訓練"))
    if base_model.suffix == ".gguf":
        asked = await client.call("set_up", what="base_model", name=str(base_model))
        told.coach(asked["message"])
        if asked.get("plan"):
            told.person(script.agreed)
            told.coach((await client.call("set_up", what="base_model", name=str(base_model), confirm=True))["message"])
    plan = await client.call("plan_training", task=TASK, settings={"base_model": str(base_model), **script.v1_settings})
    told.coach(plan["message"])
    told.coach((await client.call("train", task=TASK))["message"])
    told.chapter(Text("4 · v1 on the frozen benchmark", "4 · v1 在凍結的評估基準上"))
    _results_told(told, await client.call("evaluate", task=TASK, version="v1"))
    _print_coach_answer(told, await client.call("coach", task=TASK, message=script.what_next))


async def _second_version(told: Told, client: Conversation, script: Script, first: Path, more: Path) -> None:
    told.chapter(Text("5 · v2: one change, more rows", "5 · v2：只改一件事，增加資料"))
    with contextlib.ExitStack() as running:
        server = None
        if find_postgres():  # it waits with an event loop of its own, so it starts in a thread
            server = await anyio.to_thread.run_sync(running.enter_context, running_postgres())
        if server is None:
            told.note(
                Text(
                    "(no PostgreSQL here: the second export is read from its file)",
                    "（這台機器沒有 PostgreSQL：第二批資料改由檔案讀取）",
                )
            )
            second: JsonObject = {"type": "file", "path": str(more)}
        else:
            await anyio.to_thread.run_sync(_fill, server, more)
            second = {
                "type": "database",
                "connection": server.address(),
                "query": "SELECT text, entity, label, source FROM annotations",
            }
        told.person(script.more(second["type"]))
        source = await client.call(
            "set_data_source", task=TASK, sources=[{"type": "file", "path": str(first)}, second], split=SECOND_SPLIT
        )
        told.coach(source["message"])
        told.coach((await client.call("prepare_data", task=TASK))["message"])
    plan = await client.call("plan_training", task=TASK, parent="v1", changes=[script.change])
    told.coach(plan["message"])
    told.coach((await client.call("train", task=TASK))["message"])
    _results_told(told, await client.call("evaluate", task=TASK, version="v2"))
    told.chapter(Text("6 · Is v2 better than v1?", "6 · v2 比 v1 好嗎？"))
    told.person(script.compare)
    compared = await client.call("compare_versions", task=TASK, a="v1", b="v2")
    told.coach(compared["message"])


def _fill(server: PostgresServer, export: Path) -> None:
    """Put the export into the table `annotations`, every column text."""
    columns, *rows = csv.reader(export.read_text(encoding="utf-8").splitlines())
    server.execute(f"CREATE TABLE annotations ({', '.join(f'{column} text' for column in columns)})")
    server.insert("annotations", columns, [tuple(row) for row in rows])


async def _deployment(told: Told, client: Conversation, script: Script) -> None:
    told.chapter(Text("7 · Deployment, and proof that it answers as evaluated", "7 · 部署，並證明回答與評估時一致"))
    [row] = (await client.call("list_tasks"))["tasks"]
    try:
        deployed = await client.call("deploy", task=TASK, version=row["best_version"])
    except ToolFailed as refused:
        told.coach(str(refused))
        told.person(script.override)
        deployed = await client.call("deploy", task=TASK, version=row["best_version"], override_reason=script.override)
    told.coach(deployed["message"])
    live = deployed["job"]["result"]
    version = json.loads(await client.read(f"nlp-skills://tasks/{TASK}/versions/{live['version']}"))
    prompt = Prompt.model_validate(version["model"]["prompt"])
    async with httpx.AsyncClient(base_url=live["url"], timeout=60.0, trust_env=False) as http:
        for text, entity in script.new_sentences:
            told.person(f"{text}  ({entity})")
            messages = chat_messages({"text": text, "entity": entity}, prompt, version["model"]["labels"])
            answer = (
                await http.post("/v1/chat/completions", json={"model": live["model"], "messages": messages})
            ).json()
            told.model(live["version"], answer["choices"][0]["message"]["content"])
    told.coach((await client.call("deploy", task=TASK, action="undeploy"))["message"])


async def _where_everything_is(told: Told, client: Conversation, workspace: Path) -> None:
    told.chapter(Text("8 · Where everything is", "8 · 東西都在哪裡"))
    told.note(await client.read(f"nlp-skills://tasks/{TASK}/lineage.mmd"))
    task = workspace / TASK
    for path in (
        task / "versions/v2/report.html",
        task / "versions/v2/lineage.yaml",
        task / "data",
        task / "scripts",
        task / "docs",
    ):
        told.note(str(path))


def _print_coach_answer(told: Told, answer: JsonObject) -> None:
    said = answer["message"]
    if question := answer.get("question"):
        said += f"\n\n{question['ask']}\n{question['why']}"
    if decision := answer.get("decision"):
        said += "\n".join(["\n", decision["what"], f"→ {decision['recommendation']}", *decision["reasons"]])
    told.coach(said)


def _results_told(told: Told, answer: JsonObject) -> None:
    result = answer["job"]["result"]
    rows = [[result["version"], *(_figure(result["metrics"][name]) for name in _SHOWN)]]
    rows += [[name, *(_figure(figures.get(kind)) for kind in _SHOWN)] for name, figures in result["baselines"].items()]
    benchmark = result["benchmark"]
    told.table(
        Text(
            f"Benchmark {benchmark['name']}: {benchmark['count']} rows, no sentence skeleton shared with training",
            f"評估基準 {benchmark['name']}：{benchmark['count']} 筆，句型骨架與訓練資料完全不重疊",
        ),
        ["", *_SHOWN],
        rows,
    )
    told.coach(answer["message"])


def _figure(measured: Any) -> str:
    """`0.62 (0.55–0.69)` of a metric with its interval; a bare number of one without."""
    if isinstance(measured, dict):
        if measured.get("low") is None:
            return _figure(measured.get("value"))
        return f"{measured['value']:.3f} ({measured['low']:.3f}–{measured['high']:.3f})"
    return "" if measured is None else f"{measured:.3f}"


def _fresh(workspace: Path) -> None:
    """An empty demonstration workspace; a folder that is not one is never removed."""
    if workspace.exists() and any(workspace.iterdir()) and not (workspace / _MARK).exists():
        raise NlpSkillsError(
            Text(
                f"{workspace} is not a demonstration's folder, so it is left alone.",
                f"{workspace} 不是示範用的資料夾，因此不會動它。",
            ),
            Text("Name another with --workspace.", "請用 --workspace 指定別的資料夾。"),
            field="workspace",
        )
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir(parents=True)
    (workspace / _MARK).touch()


if __name__ == "__main__":
    sys.exit(main())
