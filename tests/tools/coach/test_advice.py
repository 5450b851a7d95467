"""When not to train, what to do about bad results, and how to stop: each with the way on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import read_json, write_json
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.coach.coach import coach

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("wish", "only_documents"),
    [
        ("A bot that knows our documents", "No, only answers from the documents"),
        ("想做一個知道我們公司文件的機器人", "沒有，就是從文件找答案"),
    ],
)
def test_a_bot_that_knows_documents_ends_with_retrieval_and_no_task(
    workspace: Workspace, wish: str, only_documents: str
) -> None:
    first = coach(workspace, wish)
    assert first.question is not None
    assert first.question.default == only_documents
    after = coach(workspace, answers={"goal": only_documents}, language="en")
    assert after.next_step.tool == "read_resource"
    assert after.next_step.arguments["uri"].endswith("llm-knowledge/retrieval-or-training")
    assert "nothing to train" in after.message
    decision = coach(workspace, answers={"goal": "Which team a question belongs to"}, language="en")
    assert decision.question is not None
    assert decision.question.field == "pain_point"


@pytest.mark.parametrize("message", ["I have 30 rows and want to train a model", "我想訓練模型，手上有 30 筆資料"])
def test_thirty_rows_are_answered_with_prompting_and_collecting(workspace: Workspace, message: str) -> None:
    answer = coach(workspace, message)
    assert answer.decision is not None
    assert "llm-knowledge/data-sizes" in answer.decision.reasons[0]
    assert answer.decision.recommendation in (
        "Collect rows, and prompt in the meantime",
        "先收集資料，這段期間用提示詞",
    )


def test_few_rows_said_in_a_task_count_though_nothing_is_prepared(workspace: Workspace, a_task: Make) -> None:
    a_task()
    for message in ("we have 30 rows", "我們有 30 筆資料"):
        answer = coach(workspace, message, task="mail")
        assert answer.decision is not None
        assert "30" in answer.decision.reasons[0]


def test_a_source_they_named_before_is_filled_in(workspace: Workspace, a_task: Make) -> None:
    a_task(resources={"source": "標好的在 /data/信件.csv", "rows": "1200"})
    assert coach(workspace, task="mail").next_step.arguments["sources"][0]["path"] == "/data/信件.csv"


@pytest.mark.parametrize(
    "message", ["Do I need to train at all, or is prompting enough?", "需要訓練嗎？提示詞不就好了"]
)
def test_whether_to_train_is_answered_by_what_was_measured(workspace: Workspace, a_task: Make, message: str) -> None:
    before = coach(workspace, message)
    assert before.decision is not None
    assert len(before.decision.options) == 5
    a_task().source().data().version().evaluation(value=0.7, tfidf=0.85)
    after = coach(workspace, message, task="mail")
    assert after.decision is not None
    assert "TF-IDF" in after.decision.recommendation
    assert "0.850" in after.decision.reasons[0] and "results.json" in after.decision.reasons[0]
    assert after.next_step.arguments["uri"].endswith("llm-knowledge/choosing-a-method")


def test_a_model_that_wins_is_said_to_win(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version().evaluation(value=0.9, tfidf=0.5)
    answer = coach(workspace, "should I have just used TF-IDF instead? Do we need to train?", task="mail")
    assert answer.decision is not None
    assert answer.decision.recommendation == "Keep v1"


@pytest.mark.parametrize("message", ["Keywords are enough to tell them apart", "用關鍵字就好了吧，都對"])
def test_a_keyword_that_settles_it_needs_no_model(workspace: Workspace, a_task: Make, message: str) -> None:
    for task in (None, "mail"):
        if task:
            a_task().source().data()
        answer = coach(workspace, message, task=task)
        assert answer.decision is not None
        assert answer.decision.recommendation in ("Keyword rules", "關鍵字規則")


@pytest.mark.parametrize("message", ["The results are bad", "It is bad at billing", "效果不好", "為什麼一直答錯？"])
def test_a_complaint_about_results_leads_to_the_diagnosis(workspace: Workspace, a_task: Make, message: str) -> None:
    a_task().source().data().version().evaluation(value=0.6)
    answer = coach(workspace, message, task="mail")
    assert answer.next_step.tool == "diagnose"
    assert answer.next_step.arguments == {"task": "mail", "version": "v1", "complaint": message}
    assert "0.600" in answer.message


@pytest.mark.parametrize("message", ["v2 is worse than v1, why?", "v2 比 v1 差，為什麼？"])
def test_the_version_that_is_complained_of_is_the_one_diagnosed(
    workspace: Workspace, a_task: Make, message: str
) -> None:
    a_task().source().data().version().evaluation(value=0.7).version(2, parent="v1").evaluation(2, value=0.6)
    assert coach(workspace, message, task="mail").next_step.arguments["version"] == "v2"


def test_what_is_live_below_the_goal_is_improved_unless_they_took_it_as_it_is(
    workspace: Workspace, a_task: Make
) -> None:
    task = a_task().source().data().version().evaluation(value=0.7).deploy()
    assert coach(workspace, "What now?", task="mail").stage == "deciding"
    record = read_json(task.folder.deployments / "current.json")
    write_json(
        task.folder.deployments / "current.json",
        {**record, "overrides": [{"gate": "criteria", "reason": "good enough for a trial"}]},
    )
    assert coach(workspace, "What now?", task="mail").stage == "live"


def test_a_complaint_before_anything_is_measured_leads_to_the_measurement(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version()
    answer = coach(workspace, "The results are bad", task="mail")
    assert answer.next_step.tool == "evaluate"
    assert "Nothing is measured yet" in answer.message


@pytest.mark.parametrize(
    ("message", "asked", "first"),
    [
        ("It is good in the test and bad in Ollama", "quantised", "Check the template and quantization first"),
        ("測試時很好，放到 Ollama 就答非所問", "量化", "先查模板與量化"),
        (
            "Since it went live the answers are bad",
            "different about the texts",
            "Compare the failing texts with the data first",
        ),
        ("上線後變差了", "有什麼不同", "先拿答錯的文字和資料比對"),
    ],
)
def test_bad_after_deployment_asks_the_one_question_and_leads_on(
    workspace: Workspace, a_task: Make, message: str, asked: str, first: str
) -> None:
    a_task().source().data().version().evaluation(value=0.9).deploy()
    answer = coach(workspace, message, task="mail")
    assert answer.question is not None
    assert asked in answer.question.ask
    assert answer.decision is not None
    assert answer.decision.recommendation == first
    assert "set_data_source" in " ".join(answer.decision.reasons)
    assert answer.next_step.tool == "diagnose"
    assert answer.next_step.arguments["complaint"] == message


def test_a_low_score_that_is_good_enough_for_them_goes_live_with_their_reason(
    workspace: Workspace, a_task: Make
) -> None:
    a_task().source().data().version().evaluation(value=0.6)
    for message in ("This is good enough", "這樣就夠用了"):
        answer = coach(workspace, message, task="mail")
        assert answer.next_step.tool == "deploy"
        assert answer.next_step.arguments["override_reason"].startswith("<")


def test_the_wrong_answers_can_be_looked_at(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version().evaluation(value=0.6)
    answer = coach(workspace, "Show me the wrong answers first", task="mail")
    assert "predictions.jsonl" in answer.message
    assert answer.next_step.tool == "diagnose"


@pytest.mark.parametrize("message", ["I want to stop here", "先停在這裡"])
def test_stopping_says_what_is_kept_where_and_how_to_come_back(
    workspace: Workspace, a_task: Make, message: str
) -> None:
    task = a_task().source().data().version().evaluation(value=0.6)
    answer = coach(workspace, message, task="mail")
    assert str(task.folder.root) in answer.message
    assert "0.600" in answer.message
    assert "go on with mail" in answer.message or "繼續 mail" in answer.message
    assert (answer.next_step.tool, answer.next_step.arguments["action"]) == ("manage_task", "archive")


def test_stopping_while_a_job_runs_offers_to_cancel_it(workspace: Workspace, a_task: Make) -> None:
    task = a_task().source().data().plan().job("train", "running")
    a_task("news")
    for named in ("mail", None):
        answer = coach(workspace, "I want to stop", task=named)
        assert answer.next_step.arguments["action"] == "cancel"
        assert answer.next_step.arguments["job_id"] == "20261102-000000-000-train-bbbb"
    assert str(task.folder.root) in coach(workspace, "不做了", task="mail").message


def test_stopping_a_live_model_says_that_it_goes_on_answering(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version().evaluation(value=0.9).deploy()
    message = coach(workspace, "I want to stop", task="mail").message
    assert "goes on answering" in message
    assert "undeploy" in message


def test_stopping_before_there_is_a_task_creates_nothing_and_keeps_the_answers(workspace: Workspace) -> None:
    answers = {"pain_point": "分信很累", "asked": ["goal"]}
    answer = coach(workspace, "算了，不做了", answers=answers)
    assert answer.next_step.arguments == {"answers": {"pain_point": "分信很累"}}
    assert "還沒有建立任何東西" in answer.message
    assert coach(workspace, "I want to stop").message.startswith("That is fine.")


def test_stopping_twice_is_no_dead_end(workspace: Workspace, a_task: Make) -> None:
    a_task(archived="2026-11-01").source().data()
    answer = coach(workspace, "I want to stop", task="mail")
    assert str(workspace.root / "mail") in answer.message
    assert answer.next_step.tool == "list_tasks"


@pytest.mark.parametrize("message", ["can we test the ollama model we have first?", "可以先試試現成的模型嗎"])
def test_a_model_that_exists_already_is_measured_before_anything_is_trained(
    workspace: Workspace, a_task: Make, message: str
) -> None:
    a_task().source().data()
    step = coach(workspace, message, task="mail").next_step
    assert step.tool == "try_model" and step.arguments["action"] == "evaluate"


def test_a_file_that_is_a_source_already_is_not_added_again(workspace: Workspace, a_task: Make) -> None:
    a_task().source()
    step = coach(workspace, "the rows are in /data/mails.csv", task="mail").next_step
    assert step.tool == "set_data_source"
    assert [source["path"] for source in step.arguments["sources"]] == ["/data/mails.csv"]


def test_a_source_whose_preview_failed_gives_way_to_the_one_they_name_instead(
    workspace: Workspace, a_task: Make
) -> None:
    error = {
        "code": "data_source",
        "problem": {"en": "no such file", "zh": "沒有這個檔案"},
        "fix": {"en": "give its path", "zh": "請給路徑"},
    }
    a_task().source().job("preview", "failed", error)
    step = coach(workspace, "the rows are in /data/other.csv", task="mail").next_step
    assert [source["path"] for source in step.arguments["sources"]] == ["/data/other.csv"]


@pytest.mark.parametrize(("language", "asked"), [("en", "how many rows"), ("zh-TW", "大概幾筆")])
def test_how_many_rows_there_are_is_not_asked_twice(
    workspace: Workspace, a_task: Make, language: str, asked: str
) -> None:
    a_task(language=language)
    a_task("told", language, resources={"rows": "500"})
    first, second = (coach(workspace, task=task, language=language).question for task in ("mail", "told"))
    assert first is not None
    assert second is not None
    assert asked in first.ask
    assert asked not in second.ask
