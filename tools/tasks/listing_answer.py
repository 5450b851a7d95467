"""What `list_tasks` says of a page of tasks, and what to do with it."""

from __future__ import annotations

from ...resources.answer import NextStep
from ...resources.browsing.listing import Page
from ...resources.foundation.language import Text, several
from ...resources.job import ACTIVE_STATES
from ...resources.task import State
from ..compute.jobs.words import STATE_WORDS
from .next_step import next_step


def describe_page(page: Page, state: State | None, filtered: bool) -> Text:
    """How many tasks there are, and which of them have a job at work."""
    shown, total = len(page.rows), page.archived if state == "archived" else page.total
    hidden = (
        Text(
            f" {page.archived} archived are left out (state='archived').",
            f"另有 {page.archived} 個已封存（state='archived'）。",
        )
        if page.archived and state != "archived"
        else Text("", "")
    )
    if not total and state == "archived":
        return Text("No task is archived.", "沒有封存的任務。")
    if not total:
        return Text("There is no task yet.", "目前還沒有任務。") + hidden
    if filtered and not shown:
        none = Text(f"No task matches, of {several(total, 'task')} in all.", f"共 {total} 個任務，沒有符合的。")
        return none + hidden
    tail = Text(" There are more.", "後面還有。") if page.next_cursor else Text("", "")
    counted = Text(f"{shown} of {several(total, 'task')}.", f"共 {total} 個任務，顯示 {shown} 個。")
    return counted + tail + _describe_jobs(page) + hidden


def _describe_jobs(page: Page) -> Text:
    """Which of the shown tasks have a job at work, and which one in line."""
    parts = [
        (STATE_WORDS[state], ", ".join(row.name for row in page.rows if row.job == state))
        for state in reversed(ACTIVE_STATES)
    ]
    said = Text(" With a job {state}: {names}.", "有工作{state}：{names}。")
    return Text("", "").join(said.format(state=state, names=names) for state, names in parts if names)


def next_after_listing(page: Page, state: State | None, query: str, limit: int) -> NextStep:
    """What to do after a page of the list: its next one, or a task to carry on with."""
    if page.next_cursor:
        asked = {"state": state, "query": query or None, "limit": limit, "cursor": page.next_cursor}
        say = Text("Show these; the next page follows on request.", "先顯示這些；需要時再取下一頁。")
        return NextStep(say=str(say), tool="list_tasks", arguments={k: v for k, v in asked.items() if v is not None})
    if not page.total and not page.rows:
        say = Text(
            "Ask what the person would like a model to take off their hands.", "請詢問使用者希望模型幫忙處理什麼事。"
        )
        return NextStep(say=str(say), tool="coach")
    if not page.rows:
        say = Text("List all of them.", "列出全部任務。")
        return NextStep(say=str(say), tool="list_tasks")
    if len(page.rows) == 1 and page.rows[0].state:
        return next_step(page.rows[0].name, page.rows[0].state)
    say = Text("Ask which of them to carry on with.", "請詢問要繼續哪一個任務。")
    return NextStep(say=str(say), tool="coach")
