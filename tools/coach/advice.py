"""Advice about rows: where they can come from, what to know about each kind, and what generated ones are good for."""

from __future__ import annotations

from pathlib import Path

from ...resources.figures import figure
from ...resources.foundation.external import quote
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import COMMAS, Text
from ...resources.task import Task
from ..data.adding import file_to_add
from ..data.source import kinds
from ..data.task_kind import role_title, task_kind
from .answer import DecisionDue, Question
from .intent import Said
from .texts.reading import Texts

_text = Texts("advice")

SECRET_NAME = "PG_PASSWORD"


_POSTGRESQL = f"postgresql://<user>:${{{SECRET_NAME}}}@<host>:5432/<database>"
_CONNECTIONS = {
    "mysql": f"mysql://<user>:${{{SECRET_NAME}}}@<host>:3306/<database>",
    "mariadb": f"mysql://<user>:${{{SECRET_NAME}}}@<host>:3306/<database>",
    "sqlite": "sqlite:///<absolute path>",
}
_KIND_OF = {"api": "api", "web": "web_scrape"}


def source_advice(said: Said) -> Text:
    """What to know about the source a person named (or asked for), honestly about what is not installed."""
    if said.other_database and not reads(said.other_database):
        return _text("source_advice.cannot_read_directly", other_database=said.other_database)
    if said.intent == "database":
        return _text(
            "source_advice.works_one_read", other_database=said.other_database or "PostgreSQL", secret_name=SECRET_NAME
        )
    if said.intent in _KIND_OF and _KIND_OF[said.intent] not in kinds():
        return _text(
            "source_advice.fetching_part_format",
            intent=_text("source_advice.api") if said.intent == "api" else _text("source_advice.web_pages"),
        )
    if said.intent == "api":
        return _text("source_advice.api_works_json")
    if said.intent == "web":
        return _text("source_advice.web_pages_work")
    if said.intent == "file":
        return _text("source_advice.file_works_csv")
    sources = COMMAS.join(_sources_here())
    return _text("source_advice.rows_can_come", sources=sources, rows_to_start=figure("rows_to_start"))


def source_decision(task: Task) -> DecisionDue:
    """Where to look for rows first."""
    decided = _text("source_decision.where_people_already")
    source = task.resources.source
    reasons = [
        _text("source_decision.answers_given_earnest"),
        _text(
            "source_decision.rows_show_whether",
            rows_to_start=figure("rows_to_start"),
            rows_typical=figure("rows_typical"),
        ),
    ]
    if source:
        reasons.insert(0, _text("source_decision.named_source", source=quote(source, 60)))
    return DecisionDue(
        what=str(_text("source_decision.where_rows_come")),
        options=[str(decided), str(_text("source_decision.label_hand")), str(_text("source_decision.let_model_write"))],
        recommendation=str(decided),
        reasons=list(map(str, reasons)),
        changes_if=str(_text("source_decision.if_old_decisions")),
    )


def _sources_here() -> list[Text]:
    """The kinds of sources that are installed, in words; those of packages by their names."""
    words = {
        "file": _text("sources_here.files"),
        "database": _text("sources_here.databases"),
        "api": _text("sources_here.apis"),
        "web_scrape": _text("sources_here.web_pages"),
        "huggingface": _text("sources_here.hugging_face_data"),
        "llm_generated": _text("sources_here.model_service"),
    }
    return [words.get(kind, Text(kind, kind)) for kind in dict.fromkeys([*words, *kinds()]) if kind in kinds()]


def reads(database: str) -> bool:
    """Whether the database source of this installation says that it reads that database."""
    return database.lower() in (kinds()["database"].__doc__ or "").lower()


def secret_warning() -> Text:
    """A password was typed into the chat: too late to hide it, not too late to change it."""
    return _text("secret_warning.password_message_did", secret_name=SECRET_NAME)


def source_question(said: Said, task: Task) -> Question:
    """The one question that leads to a filled `sources[]`."""
    titles = [role_title(role) for role in task_kind(task.type).roles]
    columns = Text(" and ", "、").join([COMMAS.join(titles[:-1]), titles[-1]])
    if _asks_a_database(said):
        ask = _text("source_question.which_table_query", columns=columns)
        examples = [_text("source_question.select_body_text")]
        default = _text("source_question.ask_whoever_runs")
    else:
        count = Text("", "") if task.resources.rows else _text("source_question.about_how_many")
        renewal = Text("", "") if task.resources.renewal else _text("source_question.do_new_ones")
        ask = (
            _text(
                "source_question.which_columns",
                path=quote(Path(said.path).name, 80),
                columns=columns,
                count=count,
                renewal=renewal,
            )
            if said.path
            else _text("source_question.which_file_holds", columns=columns, count=count, renewal=renewal)
        )
        examples = [_text("source_question.home_ann_tickets"), _text("source_question.nothing_labelled_yet")]
        default = _text("source_question.none_yet_label", rows_to_start=figure("rows_to_start"))
    why = _text("source_question.read_once_keep")
    return Question(
        field="sources", ask=str(ask), why=str(why), examples=list(map(str, examples)), default=str(default)
    )


def _asks_a_database(said: Said) -> bool:
    return said.intent == "database" and (not said.other_database or reads(said.other_database))


def source_example(said: Said, task: Task | None) -> JsonObject:
    """A `sources[]` entry filled as far as it is known, placeholders where the answer goes."""
    if _asks_a_database(said):
        names = task_kind(task.type if task else "classification").roles
        columns = ", ".join(f"<{name} column> AS {name}" for name in names)
        return {
            "type": "database",
            "connection": _CONNECTIONS.get((said.other_database or "").lower(), _POSTGRESQL),
            "query": f"SELECT {columns} FROM <table>",
        }
    if said.intent in _KIND_OF and _KIND_OF[said.intent] in kinds():
        place = {"endpoint": "<https://host/path>"} if said.intent == "api" else {"urls": ["<https://…>"]}
        return {
            "type": _KIND_OF[said.intent],
            **place,
            "mapping": dict.fromkeys(task_kind(task.type if task else "classification").inputs, "<its field>"),
        }
    return file_to_add(task, said.path)


def generation_decision(task: Task | None) -> DecisionDue:
    """Rows written by a language model: what is honest to say about it."""
    inside = task is not None and task.constraints.privacy == "on-premise"
    reasons = [
        _text("generation_decision.installation_calls_model")
        if "llm_generated" in kinds()
        else _text("generation_decision.installation_calls_no"),
        _text("generation_decision.benchmark_must_real"),
        _text("generation_decision.costs_tokens_review"),
    ]
    if inside:
        reasons.insert(0, _text("generation_decision.tasks_data_must"))
    return DecisionDue(
        what=str(_text("generation_decision.how_get_more")),
        options=[
            str(_text("generation_decision.collect_label_real")),
            str(_text("generation_decision.let_chats_model")),
            str(_text("generation_decision.both_real_rows")),
        ],
        recommendation=str(_text("generation_decision.both_real_rows_first")),
        reasons=list(map(str, reasons)),
        changes_if=str(_text("generation_decision.real_rows_more", rows_typical=figure("rows_typical"))),
    )


def generation_question() -> Question:
    return _text.question("generation_question.question", field="real_rows")
