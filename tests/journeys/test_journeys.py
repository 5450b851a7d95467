"""Ten people, in both languages, led by nothing but what the coach, its questions and its errors say next.

The client knows no order of tools (see `person.py`). Each journey must end where an expert would have led it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from mcp.client import Client

from nlp_skills.resources.foundation import secrets
from nlp_skills.server.app import build_server
from nlp_skills.server.demo.postgres import find_postgres, running_postgres
from nlp_skills.server.settings import Settings
from tests.journeys import mails
from tests.journeys.conftest import TASK, Started, copy_workspace
from tests.journeys.person import Call, Person, lead_person

pytestmark = [
    pytest.mark.minutes,
    pytest.mark.skipif("NLP_SKILLS_WORKER" not in os.environ, reason="NLP_SKILLS_WORKER names no worker environment"),
]

KNOWS: dict[str, dict[str, Any]] = {
    "en": {
        "pain_point": "Two people sort 400 customer mails by hand every morning, and urgent ones wait until noon",
        "current_method": "By hand in a spreadsheet; two people disagree on one mail in ten",
        "impact": "Six support agents, about ten hours a week",
        "goal": "Every mail in the right queue in a minute",
        "deadline": "End of next month",
        "example": "Parcel 88 has not arrived → delivery",
        "rows": "about 250, sorted by two colleagues",
        "hardware": "a laptop without a GPU",
        "budget": "nothing yet",
    },
    "zh-TW": {
        "pain_point": "兩位同事每天早上手動分 400 封客服信，急件常常拖到中午才被看到",
        "current_method": "用試算表人工分，兩個人每十封就有一封意見不同",
        "impact": "六位客服，每週約十小時",
        "goal": "每封信一分鐘內進到正確的佇列",
        "deadline": "下個月底",
        "example": "編號 88 的包裹還沒到 → 物流",
        "rows": "大約 250 封，由兩位同事分好",
        "hardware": "沒有 GPU 的筆電",
        "budget": "目前沒有",
    },
}
FOR_BOTH: dict[str, Any] = {
    "type": "classification",
    "privacy": "open",
    "threshold": 0.85,
    "baseline": 0.7,
    "metric": "macro_f1",
    "name": TASK,
    "text": "body",
    "label": "topic",
    "entity": None,
    "task": TASK,
    "source": "file",
    "confirmation": "yes",
}


def knowing(language: str, **more: Any) -> dict[str, Any]:
    return {**FOR_BOTH, **KNOWS[language], "labels": mails.labels(language), **more}


def go(workspace: Path, language: str, person: Person) -> list[Call]:
    """Walk it with a client whose server stands in `workspace`."""

    async def walk() -> list[Call] | AssertionError:
        settings = Settings(workspace=workspace, language=language)  # type: ignore[arg-type]
        async with Client(build_server(settings)) as client:
            try:
                return await lead_person(client, person, secrets.store)
            except AssertionError as failed:  # kept out of the client's task group, which would wrap it
                return failed

    walked = anyio.run(walk)
    if isinstance(walked, AssertionError):
        raise walked
    return walked


def is_done_by(tool: str) -> Callable[[Call], bool]:
    """The work of that tool has been done: its job ended well, or it needed none."""
    kinds = {"evaluate": "evaluate", "deploy": "deploy", "train": "train", "prepare_data": "regenerate"}

    def holds(call: Call) -> bool:
        job = call.content.get("job") or {}
        if call.tool == tool and not job:
            return True
        return bool(job and job["kind"] == kinds.get(tool) and job["state"] == "succeeded")

    return holds


def is_planned(call: Call) -> bool:
    """A plan stands, and training it is what comes next."""
    return call.step.get("tool") == "train"


def the_plan(workspace: Path, calls: list[Call]) -> dict[str, Any]:
    """The plan they are about to train, from its file."""
    file = task_file(workspace).parent / "configs" / f"{calls[-1].step['arguments']['plan']}.yaml"
    return dict(yaml.safe_load(file.read_text(encoding="utf-8")))


def tools(calls: list[Call]) -> list[str]:
    return [call.tool for call in calls]


def everything_said(calls: list[Call]) -> str:
    """Everything the person has been told."""
    return json.dumps([call.content for call in calls], ensure_ascii=False)


def task_file(workspace: Path) -> Path:
    [file] = workspace.glob("*/task.yaml")
    return file


def wants(workspace: Path, threshold: float) -> None:
    """The person's goal, in their own file."""
    file = task_file(workspace)
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["success_criteria"]["threshold"] = round(threshold, 3)
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


CLEAR = {
    "en": "I want to train a model that sorts our support mails into billing, delivery and account. Two people do it by "
    "hand every morning, and urgent ones wait until noon.",
    "zh-TW": "我想訓練一個模型，把客服信自動分成帳務、物流和帳號三類。現在兩位同事每天早上手動分，急件常常拖到中午。",
}


def test_a_clear_goal_ends_live_and_says_what_the_simplest_method_scores(
    workspace: Path, language: str, base_model: Path, tmp_path: Path
) -> None:
    rows = mails.write_csv(tmp_path / "mails.csv", mails.mails(language, 110))
    person = Person(CLEAR[language], knowing(language, path=str(rows), threshold=0.8), is_done_by("deploy"))
    calls = go(workspace, language, person)
    live = calls[-1].content["job"]["result"]
    assert live["url"].startswith("http://127.0.0.1:")
    assert "TF-IDF" in everything_said(calls)
    go(
        workspace,
        language,
        Person({"en": "stop the service", "zh-TW": "停止服務"}[language], knowing(language), is_done_by("deploy")),
    )


VAGUE = {"en": "I want to train a model", "zh-TW": "我想訓練一個模型"}


def test_a_vague_wish_becomes_a_task_in_the_persons_own_words_and_then_a_plan(
    workspace: Path, language: str, base_model: Path, tmp_path: Path
) -> None:
    rows = mails.write_csv(tmp_path / "mails.csv", mails.mails(language, 80))
    calls = go(workspace, language, Person(VAGUE[language], knowing(language, path=str(rows)), is_planned))
    kept = yaml.safe_load(task_file(workspace).read_text(encoding="utf-8"))
    for name in ("pain_point", "current_method", "impact"):
        assert kept[name] == KNOWS[language][name]
    assert KNOWS[language]["goal"] in kept["goal"]
    assert kept["success_criteria"]["threshold"] == 0.85
    confirmed = next(call for call in calls if call.step.get("tool") == "create_task")
    assert confirmed.content["question"]["field"] == "confirmation", "nothing is created unasked"


SQL = {
    "en": "Our rows are in PostgreSQL and I want to train a classifier on them",
    "zh-TW": "資料從 PostgreSQL 來，我想訓練一個分類模型",
}


def test_rows_in_a_database_are_read_with_a_secret_that_never_passes_the_chat(
    workspace: Path, language: str, base_model: Path
) -> None:
    if not find_postgres():
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed; continuous integration must test with it")
        pytest.skip("PostgreSQL is not installed here (initdb was not found)")
    with running_postgres() as server:
        server.execute("CREATE TABLE mails (body text, topic text)")
        server.insert("mails", ["body", "topic"], [(row["body"], row["topic"]) for row in mails.mails(language, 80)])
        address = f"postgresql://{server.user}:${{PG_PASSWORD}}@127.0.0.1:{server.port}/postgres"
        knows = knowing(
            language, connection=address, source="database", query="SELECT body AS text, topic AS label FROM mails"
        )
        person = Person(SQL[language], knows, is_planned, secrets={"PG_PASSWORD": server.password})
        calls = go(workspace, language, person)
    assert "prepare_data" in tools(calls)
    assert server.password not in everything_said(calls)
    kept = [path for path in task_file(workspace).parent.rglob("*") if path.is_file()]
    assert not [path for path in kept if server.password.encode() in path.read_bytes()]


FEW = {
    "en": "I have 30 labelled mails and want to fine-tune a model on them",
    "zh-TW": "我有 30 筆標好的客服信，想微調一個模型",
}


def test_too_few_rows_are_told_to_prompt_and_collect_before_anything_is_trained(workspace: Path, language: str) -> None:
    calls = go(
        workspace,
        language,
        Person(FEW[language], knowing(language, rows="30"), lambda call: bool(call.content.get("decision"))),
    )
    decision = calls[-1].content["decision"]
    assert any(word in decision["recommendation"].lower() for word in ("prompt", "collect", "提示", "收集"))
    assert "llm-knowledge/" in json.dumps(decision)
    assert "train" not in tools(calls)


def test_a_rare_label_is_found_out_and_the_next_version_balances_it(
    workspace: Path, language: str, base_model: Path, tmp_path: Path
) -> None:
    first, second, rare = mails.labels(language)
    rows = mails.write_csv(tmp_path / "mails.csv", mails.mails(language, {first: 130, second: 130, rare: 14}))
    wish = {"en": f"{CLEAR['en']} Only few of them are about accounts.", "zh-TW": f"{CLEAR['zh-TW']}帳號的信很少。"}
    why = {"en": "The results are not good, what should I change?", "zh-TW": "效果不好，該怎麼改善？"}
    person = Person(
        wish[language],
        knowing(language, path=str(rows), threshold=0.97),
        lambda call: is_planned(call) and call.tool == "diagnose",
        replies=[(is_done_by("evaluate"), why[language])],
    )
    calls = go(workspace, language, person)
    assert rare in everything_said(calls)
    assert the_plan(workspace, calls).get("balance") == "oversample"


DOCUMENTS = {
    "en": "I want a bot that knows our documents and answers questions about our rules",
    "zh-TW": "我想做一個懂我們公司文件的機器人，員工可以問它規定",
}


def test_a_bot_that_knows_documents_is_told_retrieval_and_nothing_is_created(workspace: Path, language: str) -> None:
    calls = go(workspace, language, Person(DOCUMENTS[language], {}, lambda call: True))
    told = calls[-1].content
    assert any(word in json.dumps(told, ensure_ascii=False) for word in ("retriev", "look them up", "檢索"))
    assert told["decision"] and told["question"]
    assert not list(workspace.glob("*/task.yaml"))


WORSE = {"en": "v2 is worse than v1, why?", "zh-TW": "v2 比 v1 差，為什麼？"}


def test_a_worse_v2_is_explained_and_the_way_leads_back_to_what_was_good(
    started: Started, workspace: Path, language: str
) -> None:
    copy_workspace(started, workspace)
    wants(workspace, started.macro_f1 + 0.03)
    calls = go(
        workspace,
        language,
        Person(WORSE[language], knowing(language), lambda call: call.content.get("version") == "v1"),
    )
    explained = next(call for call in calls if call.tool == "diagnose" and call.content["version"] == "v2")
    assert explained.content["causes"][0]["name"] == "not_better" and "v1" in explained.content["best"]
    assert calls[-1].tool == "diagnose" and calls[-1].step["tool"] not in ("train", "deploy")


CLOSE = {"en": "The result is nearly there. What now?", "zh-TW": "結果差一點點，接下來怎麼辦？"}


def test_a_close_result_is_called_close_and_leads_to_one_change(
    started: Started, workspace: Path, language: str, tmp_path: Path
) -> None:
    copy_workspace(started, workspace)
    shutil.rmtree(workspace / TASK / "versions" / "v2")
    wants(workspace, started.macro_f1 + 0.01)
    more = mails.write_csv(tmp_path / "more.csv", mails.mails(language, 20, seed=3))
    calls = go(workspace, language, Person(CLOSE[language], knowing(language, path=str(more)), is_planned))
    assert any(word in everything_said(calls) for word in ("close", "接近"))
    plan, before = the_plan(workspace, calls), workspace / TASK / "versions" / "v1" / "config.yaml"
    changed = {
        name
        for name, value in yaml.safe_load(before.read_text(encoding="utf-8")).items()
        if name in plan and plan[name] != value
    } - {"name", "parent", "created", "changes", "save_every", "expects"}
    assert plan["parent"] == "v1" and len(changed) + ("set_data_source" in tools(calls)) == 1


BAD = {
    "en": "In the test it was good, but since we deployed it the answers are often wrong",
    "zh-TW": "測試的時候很好，可是上線之後常常答錯",
}


def test_what_is_bad_in_use_becomes_new_rows_and_a_plan_for_the_next_version(
    started: Started, workspace: Path, language: str, tmp_path: Path
) -> None:
    copy_workspace(started, workspace)
    corrected = mails.write_csv(tmp_path / "corrected.csv", mails.mails(language, 20, seed=7))
    person = Person(BAD[language], knowing(language, path=str(corrected)), is_planned)
    calls = go(workspace, language, person)
    assert {"set_data_source", "prepare_data"} <= set(tools(calls))
    assert len(yaml.safe_load((workspace / TASK / "data_source.yaml").read_text(encoding="utf-8"))["sources"]) == 2


STOP = {"en": "I want to stop here", "zh-TW": "我想先停在這裡"}


def test_somebody_who_wants_to_stop_keeps_everything_and_knows_how_to_come_back(
    started: Started, workspace: Path, language: str
) -> None:
    copy_workspace(started, workspace)
    knows = knowing(language, note={"en": "No time this quarter", "zh-TW": "這一季沒有時間"}[language])
    calls = go(workspace, language, Person(STOP[language], knows, lambda call: call.tool != "coach"))
    assert str(workspace / TASK) in everything_said(calls)
    assert (workspace / TASK / "versions" / "v1" / "model_info.json").is_file()
    back = go(
        workspace,
        language,
        Person(
            {"en": "Let us go on", "zh-TW": "我們繼續吧"}[language],
            knows,
            lambda call: call.content.get("stage") not in (None, "no_task"),
        ),
    )
    assert back[-1].step["tool"]
