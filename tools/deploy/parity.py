"""Parity: the deployed model answers as the evaluated one did, row by row, asked as a user's client would ask."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, Field

from ...resources.foundation.errors import DeploymentError
from ...resources.foundation.language import Text
from ...resources.task import TaskType
from ...resources.version import VersionFolder
from ..data.benchmark import form_measured, frozen_benchmark
from ..data.prompting import chat_messages, fixed_system, read_answer, trained_prompt
from ..data.task_kind import kind_of, task_kind
from ..evaluate.asked import cut_again
from ..evaluate.endpoint import Endpoint, ask
from ..evaluate.record import AnswerLine, evaluated_answers
from ..evaluate.verified import latest_results

_READ = {
    "label": Text("label", "標籤"),
    "spans": Text("parts", "抽取結果"),
}  # of other answers nothing but the text is read


class Disagreement(BaseModel):
    """One row the endpoint answered differently."""

    id: str
    text: str
    evaluated: str
    deployed: str


class Parity(BaseModel):
    """Shares of rows (0–1) whose raw greedy text and whose answer as it is read agree, over `count` rows.

    What is read is a label, or the parts of a text; a free text is read as it is written.
    """

    raw: float
    label: float
    count: int
    disagreements: list[Disagreement] = Field(default_factory=list)


def shares(task_type: TaskType, label: float, raw: float) -> Text:
    """How many rows agree, in words: in what is read of an answer of that type of task, and in its text."""
    text = Text(f"text {raw:.1%}", f"文字一致 {raw:.1%}")
    read = _READ.get(task_kind(task_type).answers)
    return (
        Text("{read} {label:.1%}, {text}", "{read}一致 {label:.1%}，{text}").format(read=read, label=label, text=text)
        if read
        else text
    )


def same_text(answer: str, prediction: AnswerLine) -> bool:
    """Whether the endpoint wrote what was evaluated; evaluation cuts an endless answer short, a server lets it go on."""
    deployed, evaluated = answer.strip(), str(prediction["raw"]).strip()
    cut = prediction["predicted"] is None or prediction.get("ended") is False
    return deployed == evaluated or (cut and deployed.startswith(evaluated))


def measure_parity(
    version: VersionFolder,
    endpoint: Endpoint,
    on_row: Callable[[int, int], None] = lambda _done, _total: None,
    *,
    system_is_baked: bool = False,
) -> Parity:
    """Ask the benchmark of the version's newest evaluation again over HTTP and compare.

    Arguments:
        on_row: called with rows done and rows in all.
        system_is_baked: the endpoint carries the system prompt itself, so users send their text alone and so do we; a
            conversation that has a system message of its own is sent with it.

    Raises:
        DeploymentError: the version has not been evaluated, or the endpoint fails.
        EvaluationError: the evaluated answers were changed since.
    """
    results = latest_results(version)
    if results is None:
        raise DeploymentError(
            Text(
                f"{version.name} has not been evaluated, so there is nothing to compare the deployment with.",
                f"{version.name} 還沒有評估，無從比對部署後的回答。",
            ),
            Text("Call evaluate for this version first.", "請先對這個版本呼叫 evaluate。"),
            field="version",
        )
    evaluation, info = results.record, version.model_info()
    prompt, labels = trained_prompt(info, version.task.load()), info.labels
    benchmark = form_measured(version.task, evaluation.benchmark) or frozen_benchmark(
        version.task, evaluation.benchmark.name
    )
    rows = {row["id"]: row for row in benchmark.rows()}
    predictions = evaluated_answers(version, evaluation)
    baked = {"role": "system", "content": fixed_system(prompt, labels)} if system_is_baked else None
    same_raw = same_label = 0
    disagreements = []
    with endpoint.client() as client:
        for done, prediction in enumerate(predictions, start=1):
            row = cut_again(rows[prediction["id"]], evaluation.cut.characters if evaluation.cut else {})
            messages = chat_messages(row, prompt, labels)
            answer = ask(client, endpoint.model, messages[1:] if messages[0] == baked else messages)
            raw_agrees = same_text(answer, prediction)
            label_agrees = (
                raw_agrees
                if kind_of(row).answers in ("text", "pair")
                else read_answer(row, answer, labels) == prediction["predicted"]
            )
            same_raw += raw_agrees
            same_label += label_agrees
            if not (raw_agrees and label_agrees):
                disagreements.append(
                    Disagreement(id=row["id"], text=row["text"], evaluated=prediction["raw"], deployed=answer)
                )
            on_row(done, len(predictions))
    total = len(predictions)
    return Parity(raw=same_raw / total, label=same_label / total, count=total, disagreements=disagreements)
