"""The columns of data as the community publishes it, told by their names, and what each role is made of.

The formats: Alpaca and Dolly (instructions), prompt and completion, OpenAI's and ShareGPT's conversations, preference
pairs of TRL, OpenAI and LLaMA-Factory, annotations of doccano, Label Studio and Argilla.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...resources.language import Text
from ...resources.task import TaskType
from .cells import as_structure, as_text, unreadable
from .conversation import NoConversation, turns_in
from .rows import plain_name

Record = Mapping[str, Any]
_SPANS = ("spans", "entities", "label", "labels", "annotations", "annotation", "ner")
_ANSWERS = ("output", "response", "completion", "answer")


@dataclass(frozen=True)
class Made:
    """How a role's value is made: from the columns a person would name for it, shown as `shown`; `within` the other roles'
    values, where the type itself finds it."""

    shown: str
    columns: tuple[str, ...]
    of: Callable[[Record], Any]
    within: bool = False


@dataclass(frozen=True)
class Layout:
    """A format that was recognised: what each role is made of."""

    title: str
    roles: Mapping[str, Made]

    @property
    def said(self) -> Text:
        parts = [f"{role} = {made.shown}" for role, made in self.roles.items() if made.shown != role]
        return Text(f"Recognised as {self.title}{': ' if parts else ''}{', '.join(parts)}.",
                    f"辨識為 {self.title}{'：' if parts else ''}{'、'.join(parts)}。")


class _Columns:
    """The columns there are, found by their plain names."""

    def __init__(self, available: Sequence[str]) -> None:
        self._by_name = {plain_name(name): name for name in reversed(available)}

    def first(self, *names: str) -> str | None:
        return next((self._by_name[name] for name in names if name in self._by_name), None)

    def ending(self, end: str) -> str | None:
        found = [name for plain, name in self._by_name.items() if plain.endswith(end)]
        return found[0] if len(found) == 1 else None

    def __contains__(self, name: str) -> bool:
        return name in self._by_name


def layout_of(kind: TaskType, available: Sequence[str]) -> Layout | None:
    """The format that these columns are, for a task of that type; None where they are none that needs telling."""
    columns = _Columns(available)
    for recognised in _BY_TYPE.get(kind, ()):
        if found := recognised(columns):
            return found
    return None


def _column(name: str) -> Made:
    return Made(name, (name,), lambda record: record.get(name))


def _given(columns: _Columns, role: str, *names: str) -> dict[str, Made]:
    """The role's column, where there is one."""
    name = columns.first(*names)
    return {role: _column(name)} if name else {}


def _alpaca(columns: _Columns) -> Layout | None:
    """Instruction, perhaps what it is about, and the answer."""
    instruction, answer = columns.first("instruction"), columns.first(*_ANSWERS)
    if instruction is None or answer is None:
        return None
    more = columns.first("input", "context")
    roles = {"text": _joined(instruction, more), **_given(columns, "system", "system"),
             **_given(columns, "history", "history"), "output": _column(answer)}
    return Layout("Dolly" if more and plain_name(more) == "context" else "Alpaca", roles)


def _joined(first: str, second: str | None) -> Made:
    if second is None:
        return _column(first)

    def of(record: Record) -> Any:
        if unreadable(record.get(first)):
            return record.get(first)
        return "\n\n".join(filter(None, (as_text(record.get(first)), as_text(record.get(second)))))

    return Made(f"{first} + {second}", (first, f"{first} + {second}"), of)


def _prompt_completion(columns: _Columns) -> Layout | None:
    prompt, answer = columns.first("prompt"), columns.first("completion", "response")
    if prompt is None or answer is None or "text" in columns:
        return None
    return Layout("prompt and completion", {
        "text": Made(prompt, (prompt,), lambda record: _single(record.get(prompt), "user")),
        "output": Made(answer, (answer,), lambda record: _single(record.get(answer), "assistant"))})


def _single(value: Any, role: str) -> Any:
    """A cell, or the one turn it holds."""
    try:
        turns = turns_in(value)
    except NoConversation:
        return value
    return turns[0]["content"] if turns and len(turns) == 1 and turns[0]["role"] == role else value


def _conversations(columns: _Columns) -> Layout | None:
    """Conversations under another name than `messages`, or their parts."""
    tools = _given(columns, "tools", "tools", "functions")
    if messages := columns.first("messages"):
        return Layout("OpenAI messages", {"messages": _column(messages), **tools}) if "functions" in columns else None
    if conversation := columns.first("conversations", "conversation"):
        return Layout("ShareGPT", {"messages": _column(conversation), **_given(columns, "system", "system"), **tools})
    prompt, answer = columns.first("prompt"), columns.first("completion", "response")
    if prompt and answer:
        return Layout("prompt and completion", {
            "messages": Made(f"{prompt} + {answer}", (), lambda record: [
                *_as_turns(record.get(prompt), "user"), *_as_turns(record.get(answer), "assistant")]), **tools})
    if found := _alpaca(columns):
        said = found.roles
        shown = " + ".join(said[role].shown for role in ("history", "text", "output") if role in said)
        return Layout(found.title, {
            "messages": Made(shown, (), lambda record: _from_instruction(record, said)),
            **({"system": said["system"]} if "system" in said else {}), **tools})
    return None


def _as_turns(value: Any, role: str) -> list[Any]:
    found = as_structure(value)
    return found if isinstance(found, list) else [{"role": role, "content": as_text(value)}]


def _from_instruction(record: Record, said: Mapping[str, Made]) -> list[dict[str, str]]:
    turns = []
    earlier = as_structure(said["history"].of(record)) if "history" in said else None
    for pair in earlier if isinstance(earlier, list) else []:
        if isinstance(pair, list) and len(pair) == 2:
            turns += [{"role": "user", "content": as_text(pair[0])}, {"role": "assistant", "content": as_text(pair[1])}]
    return [*turns, {"role": "user", "content": as_text(said["text"].of(record))},
            {"role": "assistant", "content": as_text(said["output"].of(record))}]


def _pairs(columns: _Columns) -> Layout | None:
    """Two answers, and what they answer: a prompt, an instruction, a conversation, or what both begin with."""
    chosen, rejected = columns.first("chosen", "preferred_output"), columns.first("rejected", "non_preferred_output")
    if chosen is None or rejected is None or "text" in columns:
        return None
    answers = {"chosen": _column(chosen), "rejected": _column(rejected)}
    system = _given(columns, "system", "system")
    if instruction := columns.first("instruction"):
        text: Made | None = _joined(instruction, columns.first("input"))
    else:
        asked = columns.first("prompt", "conversations", "messages", "question", "query", "input")
        text = _column(asked) if asked else None
    if text is None:
        return Layout("preference pairs with the prompt in both answers", {
            "text": Made(f"what {chosen} and {rejected} begin with", (), lambda record: None, within=True), **system, **answers})
    return Layout("preference pairs", {"text": text, **system, **answers})


def _annotated(columns: _Columns) -> Layout | None:
    """doccano, and Argilla's first form: a text, and under one of several names its spans."""
    text, spans = columns.first("text", "data"), columns.first(*_SPANS)
    if text is None or spans is None or plain_name(spans) == plain_name("spans") or "annotations" in columns:
        return None
    return Layout("Argilla" if plain_name(spans) == "annotation" else "doccano", {
        "text": _column(text), "spans": _column(spans)})


def _label_studio(role: str) -> Callable[[_Columns], Layout | None]:
    def recognised(columns: _Columns) -> Layout | None:
        data, annotations = columns.first("data"), columns.first("annotations", "completions")
        if data is None or annotations is None:
            return None
        results = _spans_of_studio if role == "spans" else _choice_of_studio
        return Layout("Label Studio", {
            "text": Made(f"{data}.text", (data,), lambda record: _text_of_studio(record.get(data))),
            role: Made(f"{annotations}.result", (annotations,), lambda record: results(record.get(annotations)))})

    return recognised


def _text_of_studio(data: Any) -> Any:
    """The text of a task: the field of that name, else the only one that is text."""
    found = as_structure(data)
    if not isinstance(found, dict):
        return data
    texts = [value for value in found.values() if isinstance(value, str)]
    return found.get("text") or (texts[0] if len(texts) == 1 else None)


def _results_of_studio(annotations: Any, kind: str) -> list[dict[str, Any]] | None:
    """What the first annotation that was not cancelled holds of that kind; None where there is none."""
    found = as_structure(annotations)
    whole = [one for one in (found if isinstance(found, list) else []) if isinstance(one, dict) and not one.get("was_cancelled")]
    if not whole:
        return None
    results = whole[0].get("result")
    return [result for result in (results if isinstance(results, list) else [])
            if isinstance(result, dict) and isinstance(result.get("value"), dict) and kind in result["value"]]


def _spans_of_studio(annotations: Any) -> Any:
    return _results_of_studio(annotations, "labels")


def _choice_of_studio(annotations: Any) -> Any:
    choices = [choice for result in _results_of_studio(annotations, "choices") or () for choice in result["value"]["choices"]]
    return choices[0] if len(choices) == 1 else choices or None


def _argilla(role: str) -> Callable[[_Columns], Layout | None]:
    def recognised(columns: _Columns) -> Layout | None:
        fields, responses = columns.first("fields"), columns.first("responses")
        if fields is None or responses is None:
            return None
        return Layout("Argilla", {
            "text": Made(f"{fields}.text", (fields,), lambda record: _text_of_studio(record.get(fields))),
            role: Made(f"{responses}.value", (responses,), lambda record: _response(record.get(responses)))})

    return recognised


def _response(responses: Any) -> Any:
    """The first response that was submitted, to the only question or the first that has one."""
    found = as_structure(responses)
    for answers in (found.values() if isinstance(found, dict) else ()):
        for answer in answers if isinstance(answers, list) else [answers]:
            if isinstance(answer, dict) and answer.get("status", "submitted") == "submitted" and "value" in answer:
                return answer["value"]
    return None


def _argilla_columns(role: str) -> Callable[[_Columns], Layout | None]:
    """Argilla as a data set: the answers to a question stand in `question.responses`."""
    def recognised(columns: _Columns) -> Layout | None:
        question, text = columns.ending(".responses"), columns.first("text")
        if question is None or text is None:
            return None
        return Layout("Argilla", {"text": _column(text), role: Made(
            question, (question,), lambda record: _first_of(record.get(question)))})

    return recognised


def _first_of(responses: Any) -> Any:
    found = as_structure(responses)
    return found[0] if isinstance(found, list) and found else None


_BY_TYPE: Mapping[TaskType, tuple[Callable[[_Columns], Layout | None], ...]] = {
    "generation": (_alpaca, _prompt_completion),
    "chat": (_conversations,),
    "preference": (_pairs,),
    "extraction": (_label_studio("spans"), _argilla("spans"), _argilla_columns("spans"), _annotated),
    "classification": (_label_studio("label"), _argilla("label"), _argilla_columns("label")),
}
