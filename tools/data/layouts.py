"""The columns of data as the community publishes it, told by their names, and what each role is made of.

The formats: Alpaca and Dolly (instructions), prompt and completion, OpenAI's and ShareGPT's conversations, preference
pairs of TRL, OpenAI and LLaMA-Factory, annotations of doccano, Label Studio and Argilla.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ...resources.task import TaskType
from .cells import as_structure, as_text, unreadable
from .conversation import NoConversation, turns_in
from .rows import plain_name
from .task_kind import Unfit

Record = Mapping[str, Any]
_SPANS = ("spans", "entities", "label", "labels", "annotations", "annotation", "ner")
_ANSWERS = ("output", "response", "completion", "answer")


@dataclass(frozen=True)
class Made:
    """How a role's value is made: from the columns a person would name for it, shown as `shown` (in Chinese `shown_zh`, where
    that is words); `within` the other roles' values, where the type itself finds it."""

    shown: str
    columns: tuple[str, ...]
    of: Callable[[Record], Any]
    within: bool = False
    shown_zh: str = ""


@dataclass(frozen=True)
class Layout:
    """A format that was recognised: what each role is made of."""

    title: str
    roles: Mapping[str, Made]

    @property
    def said(self) -> Text:
        made = [(role, made) for role, made in self.roles.items() if made.shown != role]
        parts = [f"{role} = {one.shown}" for role, one in made]
        parts_zh = [f"{role} = {one.shown_zh or one.shown}" for role, one in made]
        return Text(
            f"Recognised as {self.title}{': ' if parts else ''}{', '.join(parts)}.",
            f"辨識為 {_TITLES_ZH.get(self.title, self.title)}{'：' if parts else ''}{'、'.join(parts_zh)}。",
        )


_TITLES_ZH = {
    "prompt and completion": "prompt 與 completion",
    "preference pairs": "成對的偏好",
    "preference pairs with the prompt in both answers": "成對的偏好（問題寫在兩個回答的開頭）",
}


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


def meant_for_another(kind: TaskType, available: Sequence[str]) -> Text:
    """What to say where the columns are a format of another type of task; empty where they are not."""
    columns = _Columns(available)
    if kind == "preference" and columns.first("completion") and "prompt" in columns and "label" in columns:
        return Text(
            " This looks like KTO's form: one answer in each row, and whether it is good. A preference task needs two "
            "answers to the same prompt; a task of type generation learns from the good ones alone.",
            "這看起來是 KTO 格式：每列一個回答，並標好壞。偏好任務要有同一個問題的兩個回答；若改用 generation 類型的任務，"
            "就只學其中好的回答。",
        )
    return Text("", "")


def _column(name: str) -> Made:
    return Made(name, (name,), lambda record: record.get(name))


def _take_column(columns: _Columns, role: str, *names: str) -> dict[str, Made]:
    """The role's column, where there is one."""
    name = columns.first(*names)
    return {role: _column(name)} if name else {}


def _alpaca(columns: _Columns) -> Layout | None:
    """Instruction, perhaps what it is about, and the answer."""
    instruction, answer = columns.first("instruction"), columns.first(*_ANSWERS)
    if instruction is None or answer is None:
        return None
    more = columns.first("input", "context")
    roles = {
        "text": _join_input(instruction, more),
        **_take_column(columns, "system", "system"),
        **_take_column(columns, "history", "history"),
        "output": _column(answer),
    }
    return Layout("Dolly" if more and plain_name(more) == "context" else "Alpaca", roles)


def _join_input(first: str, second: str | None) -> Made:
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
    return Layout(
        "prompt and completion",
        {
            "text": Made(prompt, (prompt,), lambda record: _single(_unless_disliked(record).get(prompt), "user")),
            "output": Made(answer, (answer,), lambda record: _single(record.get(answer), "assistant")),
        },
    )


def _unless_disliked(record: Record) -> Record:
    """The record; KTO's data, which has good and bad answers, marks the bad ones `label: false`.

    Raises:
        Unfit: it is a bad answer, which is not to be learnt.
    """
    label = record.get("label")
    if label is False or (isinstance(label, str) and label.strip().lower() == "false"):
        raise Unfit("disliked")
    return record


def _single(value: Any, role: str) -> Any:
    """A cell, or the one turn it holds."""
    try:
        turns = turns_in(value)
    except NoConversation:
        return value
    return turns[0]["content"] if turns and len(turns) == 1 and turns[0]["role"] == role else value


def _conversations(columns: _Columns) -> Layout | None:
    """Conversations under another name than `messages`, or their parts."""
    tools = _take_column(columns, "tools", "tools", "functions")
    if messages := columns.first("messages"):
        return Layout("OpenAI messages", {"messages": _column(messages), **tools}) if "functions" in columns else None
    if conversation := columns.first("conversations", "conversation"):
        return Layout(
            "ShareGPT", {"messages": _column(conversation), **_take_column(columns, "system", "system"), **tools}
        )
    prompt, answer = columns.first("prompt"), columns.first("completion", "response")
    if prompt and answer:
        return Layout(
            "prompt and completion",
            {
                "messages": Made(
                    f"{prompt} + {answer}",
                    (),
                    lambda record: [
                        *_as_turns(_unless_disliked(record).get(prompt), "user"),
                        *_as_turns(record.get(answer), "assistant"),
                    ],
                ),
                **tools,
            },
        )
    if found := _alpaca(columns):
        said = found.roles
        shown = " + ".join(said[role].shown for role in ("history", "text", "output") if role in said)
        return Layout(
            found.title,
            {
                "messages": Made(shown, (), lambda record: _from_instruction(record, said)),
                **({"system": said["system"]} if "system" in said else {}),
                **tools,
            },
        )
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
    return [
        *turns,
        {"role": "user", "content": as_text(said["text"].of(record))},
        {"role": "assistant", "content": as_text(said["output"].of(record))},
    ]


def _pairs(columns: _Columns) -> Layout | None:
    """Two answers, and what they answer: a prompt, an instruction, a conversation, or what both begin with."""
    chosen, rejected = columns.first("chosen", "preferred_output"), columns.first("rejected", "non_preferred_output")
    if chosen is None or rejected is None or "text" in columns:
        return None
    answers = {"chosen": _column(chosen), "rejected": _column(rejected)}
    system = _take_column(columns, "system", "system")
    if instruction := columns.first("instruction"):
        text: Made | None = _join_input(instruction, columns.first("input"))
    else:
        asked = columns.first("prompt", "conversations", "messages", "question", "query", "input")
        text = _column(asked) if asked else None
    if text is None:
        return Layout(
            "preference pairs with the prompt in both answers",
            {
                "text": Made(
                    f"what {chosen} and {rejected} begin with",
                    (),
                    lambda record: None,
                    within=True,
                    shown_zh=f"{chosen} 和 {rejected} 共同的開頭",
                ),
                **system,
                **answers,
            },
        )
    return Layout("preference pairs", {"text": text, **system, **answers})


def _doccano_layout(columns: _Columns) -> Layout | None:
    """doccano, and Argilla's first form: a text, and under one of several names its spans."""
    text, spans = columns.first("text", "data"), columns.first(*_SPANS)
    if text is None or spans is None or plain_name(spans) == plain_name("spans") or "annotations" in columns:
        return None
    return Layout(
        "Argilla" if plain_name(spans) == "annotation" else "doccano", {"text": _column(text), "spans": _column(spans)}
    )


def _label_studio(role: str) -> Callable[[_Columns], Layout | None]:
    def recognise(columns: _Columns) -> Layout | None:
        data, annotations = columns.first("data"), columns.first("annotations", "completions")
        if data is None or annotations is None:
            return None
        results = _spans_of_studio if role == "spans" else _choice_of_studio
        return Layout(
            "Label Studio",
            {
                "text": Made(f"{data}.text", (data,), lambda record: _text_of_studio(record.get(data))),
                role: Made(f"{annotations}.result", (annotations,), lambda record: results(record.get(annotations))),
            },
        )

    return recognise


def _text_of_studio(data: Any) -> Any:
    """The text of a task: the field of that name, else the only one that is text."""
    found = as_structure(data)
    if not isinstance(found, dict):
        return data
    texts = [value for value in found.values() if isinstance(value, str)]
    return found.get("text") or (texts[0] if len(texts) == 1 else None)


def _results_of_studio(annotations: Any, kind: str) -> list[list[JsonObject]]:
    """What each annotation that was not cancelled holds of that kind; the one that is marked as the truth, where there is."""
    found = as_structure(annotations)
    whole = [
        one
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict) and not one.get("was_cancelled")
    ]
    truth = [one for one in whole if one.get("ground_truth")] or whole
    results = [one["result"] if isinstance(one.get("result"), list) else [] for one in truth]
    return [
        [
            result
            for result in of_one
            if isinstance(result, dict) and isinstance(result.get("value"), dict) and kind in result["value"]
        ]
        for of_one in results
    ]


def _spans_of_studio(annotations: Any) -> Any:
    each = _results_of_studio(annotations, "labels")
    return _agreed_answer(
        each,
        lambda results: sorted(
            (str(value.get("start")), str(value.get("end")), str(value["labels"]))
            for value in (one["value"] for one in results)
        ),
    )


def _choice_of_studio(annotations: Any) -> Any:
    each = [
        [choice for result in results for choice in result["value"]["choices"]]
        for results in _results_of_studio(annotations, "choices")
    ]
    choices = _agreed_answer(list(filter(None, each)), sorted) or []
    return choices[0] if len(choices) == 1 else choices or None


def _agreed_answer(answers: Sequence[Any], compared: Callable[[Any], Any] = lambda answer: answer) -> Any:
    """What several people answered; None where nobody did.

    Raises:
        Unfit: they do not agree.
    """
    if any(compared(answer) != compared(answers[0]) for answer in answers[1:]):
        raise Unfit("annotators_differ")
    return answers[0] if answers else None


def _argilla(role: str) -> Callable[[_Columns], Layout | None]:
    def recognise(columns: _Columns) -> Layout | None:
        fields, responses = columns.first("fields"), columns.first("responses")
        if fields is None or responses is None:
            return None
        return Layout(
            "Argilla",
            {
                "text": Made(f"{fields}.text", (fields,), lambda record: _text_of_studio(record.get(fields))),
                role: Made(f"{responses}.value", (responses,), lambda record: _response(record.get(responses))),
            },
        )

    return recognise


def _response(responses: Any) -> Any:
    """What was submitted to the only question, or the first that has an answer."""
    found = as_structure(responses)
    for answers in found.values() if isinstance(found, dict) else ():
        given = [
            answer["value"]
            for answer in (answers if isinstance(answers, list) else [answers])
            if isinstance(answer, dict) and answer.get("status", "submitted") == "submitted" and "value" in answer
        ]
        if given:
            return _agreed_answer(given)
    return None


def _argilla_columns(role: str) -> Callable[[_Columns], Layout | None]:
    """Argilla as a data set: the answers to a question stand in `question.responses`."""

    def recognise(columns: _Columns) -> Layout | None:
        question, text = columns.ending(".responses"), columns.first("text")
        if question is None or text is None:
            return None
        return Layout(
            "Argilla",
            {
                "text": _column(text),
                role: Made(
                    question,
                    (question,),
                    lambda record: _submitted_responses(record.get(question), record.get(f"{question}.status")),
                ),
            },
        )

    return recognise


def _submitted_responses(responses: Any, status: Any) -> Any:
    given, states = as_structure(responses), as_structure(status)
    if not isinstance(given, list):
        return None
    if isinstance(states, list) and len(states) == len(given):
        given = [answer for answer, state in zip(given, states, strict=True) if state == "submitted"]
    return _agreed_answer(given)


_BY_TYPE: Mapping[TaskType, tuple[Callable[[_Columns], Layout | None], ...]] = {
    "generation": (_alpaca, _prompt_completion),
    "chat": (_conversations,),
    "preference": (_pairs,),
    "extraction": (_label_studio("spans"), _argilla("spans"), _argilla_columns("spans"), _doccano_layout),
    "classification": (_label_studio("label"), _argilla("label"), _argilla_columns("label")),
}
