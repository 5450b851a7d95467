"""The label audit: before the first step, on every row, what exactly will be trained.

A mask that covers the answer, an end of turn that is never trained or an answer cut off leave no trace in the loss
curve; hours later the model does not stop, or never learned. So training begins only when every row passes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...resources.answer import quote_row_text
from ...resources.foundation.errors import TrainingError
from ...resources.foundation.language import Text, several
from ...resources.model_info import FittedRows, LabelAudit
from ...resources.task import Task
from .tokenise import TokenisedRow

_ROWS_SHOWN = 5
_NAMED, _MOST_NAMED = 20, 1_000
_EMPTY_THOUGHT = re.compile(r"\A\s*<think>\s*</think>\s*")

PROBLEMS = {
    "masked": Text("no token of the row is trained", "整列都被遮住，沒有任何 token 會被訓練"),
    "truncated": Text(
        "the row is longer than max_length, so its answer is cut", "列的長度超過 max_length，答案會被截斷"
    ),
    "end_of_turn": Text(
        "the end of turn at which generation stops is not trained, so the model would not stop",
        "沒有訓練到生成時據以停止的結束符號，模型將不會停",
    ),
    "answer": Text("the trained text is not exactly the answer", "被訓練的文字和答案不完全相同"),
    "context": Text(
        "the chat template writes the prompt differently when the model is asked than when it is trained",
        "對話模板在訓練時與實際提問時寫出的提示不同",
    ),
}
_FIXES = {
    "masked": Text(
        "Raise max_length, or use a base model whose chat template renders assistant messages.",
        "請提高 max_length，或改用對話模板會輸出 assistant 訊息的基礎模型。",
    ),
    "truncated": Text(
        "Plan again with settings={'long_rows': 'drop'} (leaves those rows out), {'long_rows': 'cut'} (cuts their "
        "input from the middle) or a larger max_length; or shorten those rows.",
        "請加上 settings={'long_rows': 'drop'}（略過這些列）、{'long_rows': 'cut'}（從中間截短輸入）或提高 max_length "
        "重新規劃；也可以縮短那些列。",
    ),
    "end_of_turn": Text(
        "Use a chat (instruct) base model, or add the template's end-of-turn token to eos_token_id in "
        "its generation_config.json.",
        "請改用對話（instruct）版基礎模型，或把模板的結束符號加進 generation_config.json 的 eos_token_id。",
    ),
    "answer": Text(
        "Check the base model's chat template: it changes the assistant's message.",
        "請檢查基礎模型的對話模板：它改動了 assistant 的訊息。",
    ),
    "context": Text(
        "Use a base model whose template begins the answer the same way in both cases.",
        "請改用兩種情況下開頭一致的對話模板的基礎模型。",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One row that must not be trained as it is; `trained` is what would be, as text."""

    id: str
    split: str
    problem: str
    answer: str
    trained: str


@dataclass(frozen=True)
class Audit:
    """What the audit saw: counts over all rows (`ended`: with a trained end of turn), each answer, and what is wrong. `neutralised` names the
    rows whose own text held control tokens, which were read as plain letters."""

    rows: int
    tokens: int
    trained_tokens: int
    longest: int
    ended: int = 0
    trained_texts: dict[str, int] = field(default_factory=dict)
    neutralised: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def summary(self, long_rows: FittedRows | None = None) -> LabelAudit:
        """For the version's files.

        Arguments:
            long_rows: what became of rows that were too long, where there were any.
        """
        found = LabelAudit(
            rows=self.rows,
            tokens=self.tokens,
            trained_tokens=self.trained_tokens,
            longest=self.longest,
            trained_texts=self.trained_texts,
            problems=len(self.findings),
        )
        if self.neutralised:
            found.neutralised = self.neutralised[:_MOST_NAMED]
        if long_rows:
            found.long_rows = long_rows
        return found


def audit(splits: Mapping[str, Sequence[TokenisedRow]], tokenizer: Any, end_ids: set[int], max_length: int) -> Audit:
    """Look at every row of every split.

    Arguments:
        tokenizer: decodes ids to text.
        end_ids: the ids at which generation stops; one of them must be trained in each row.
        max_length: longest row in tokens the trainer would not cut.
    """
    findings, texts, ended = [], Counter[str](), 0
    seen: set[tuple[str, str]] = set()  # a pair's answers are two rows of one id, and one finding at most
    for split, rows in splits.items():
        for row in rows:
            kept = row.trained[: max(0, max_length - row.start)]
            trained = tokenizer.decode(kept)
            texts[trained] += 1
            ended += any(token in end_ids for token in kept)
            problem = _problem(row, kept, tokenizer, end_ids, max_length)
            if problem and (split, row.id) not in seen:
                seen.add((split, row.id))
                findings.append(Finding(row.id, split, problem, row.answer, trained))
    every = [row for rows in splits.values() for row in rows]
    return Audit(
        rows=len({(split, row.id) for split, rows in splits.items() for row in rows}),
        tokens=sum(len(row.input_ids) for row in every),
        trained_tokens=sum(len(row.trained) for row in every),
        longest=max((len(row.input_ids) for row in every), default=0),
        neutralised=list(dict.fromkeys(row.id for row in every if row.control)),
        ended=ended,
        trained_texts=dict(texts.most_common(20)),
        findings=findings,
    )


def _problem(row: TokenisedRow, kept: list[int], tokenizer: Any, end_ids: set[int], max_length: int) -> str | None:
    if len(row.input_ids) > max_length:
        return "truncated" if kept else "masked"
    if not kept:
        return "masked"
    end = next((at for at, token in enumerate(kept) if token in end_ids), None)
    if end is None:
        return "end_of_turn"
    if row.start != row.context:
        return "context"
    said = _EMPTY_THOUGHT.sub("", tokenizer.decode(kept[:end]))
    return None if said == row.answer else "answer"


def neutralised_rows(rows: Sequence[str]) -> Text:
    """What is said of rows whose own text held control tokens."""
    named = ", ".join(rows[:_NAMED])
    more = len(rows) - _NAMED
    said = Text(
        f"In {several(len(rows), 'row')} the text itself holds control tokens of the chat template; they were neutralised "
        f"and are read as plain letters: {named}",
        f"有 {len(rows)} 列的內文本身含有對話模板的控制符號，已改成一般文字：{named}",
    )
    return said + (Text(f" and {more} more", f"等，另有 {more} 列") if more > 0 else "") + Text(".", "。")


def refuse(task: Task, result: Audit) -> None:
    """Raise where any row failed, with the commonest problem, its fix, and the rows.

    Raises:
        TrainingError: `details` holds the counts by problem and the first rows (hidden where the data is private).
    """
    if error := refusal(task, result.findings, result.rows):
        raise error


def refusal(task: Task, findings: Sequence[Finding], rows: int) -> TrainingError | None:
    """The error that findings are, of so many rows looked at; None where there are none."""
    if not findings:
        return None
    counts = Counter(finding.problem for finding in findings)
    worst = counts.most_common(1)[0][0]
    first = [finding for finding in findings if finding.problem == worst][:_ROWS_SHOWN]
    shown = [
        {
            "id": finding.id,
            "split": finding.split,
            "problem": finding.problem,
            "answer": quote_row_text(task, finding.answer),
            "trained": quote_row_text(task, finding.trained),
        }
        for finding in first
    ]
    listed = "\n".join(f"  {row['id']} ({row['split']}): {row['answer']!r} ← {row['trained']!r}" for row in shown)
    return TrainingError(
        Text(
            f"The label audit rejects these rows: in {counts[worst]} of "
            f"{several(rows, 'row')} {PROBLEMS[worst].en}. Answer ← what would be trained:\n{listed}",
            f"標籤稽核不放行：{rows} 列中有 {counts[worst]} 列，{PROBLEMS[worst].zh}。"
            f"答案 ← 實際會訓練的文字：\n{listed}",
        ),
        _FIXES[worst],
        field="max_length" if worst in ("truncated", "masked") else "base_model",
        details={"problems": dict(counts), "rows": shown},
    )
