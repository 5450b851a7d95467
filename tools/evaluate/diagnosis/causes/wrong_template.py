"""It is asked in another form than it was trained in."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text, several
from ....data.chat_template import reads_clock, template_of
from ...verdict import invalid_words
from ..case import Case
from ..cause import Cause, CauseKind, NotKnown, Remedy, ShownRow, ramp

_MANY_INVALID, _FAR_BEHIND = 0.1, 0.2  # choices of this project: other tokens are a fault whatever they cost


class WrongTemplate(CauseKind):
    """The prompt's tokens when it was evaluated are not those it was trained on (another chat template or prompt)."""

    title: ClassVar[Text] = Text("another chat template than in training", "對話模板和訓練時不同")
    page: ClassVar[str] = "llm-knowledge/trouble-wrong-template"
    words: ClassVar[tuple[str, ...]] = ("template", "gibberish", "模板", "亂碼", "胡言亂語")

    def examine(self, case: Case) -> Cause | None:
        if context := case.problems.get("context"):
            return self._in_training(case, context)
        if case.same_prompt is None:
            raise NotKnown(
                Text(
                    "nothing recorded which prompt it was trained and asked with",
                    "沒有紀錄訓練與提問時用的提示是否相同",
                )
            )
        if case.same_prompt:
            return None
        if clock := self._clock(case):
            return clock
        evaluation, result = case.newest_result()
        learnt = (case.epochs or [{}])[(case.kept_epoch or 0) - 1].get("valid_exact")
        behind = learnt - case.accuracy if learnt is not None and case.accuracy is not None else 0.0
        share = 0.7 + 0.3 * max(ramp(result.invalid_rate, 0.0, _MANY_INVALID), ramp(behind, 0.0, _FAR_BEHIND))
        reasons = [
            Text(
                "A training row's prompt is tokenised differently now than when it was trained.",
                "同一列的提示，現在寫出來的 token 和訓練時不一樣。",
            )
        ]
        what = invalid_words(evaluation)
        if learnt is not None:
            reasons.append(
                Text(
                    "In training's own form {learnt:.0%} of the validation rows were right; asked this way "
                    "{accuracy:.0%} of the test rows are, and {invalid_rate:.0%} of the answers are {what}.",
                    "用訓練時的格式，驗證資料答對 {learnt:.0%}；這樣問，測試資料只答對 {accuracy:.0%}，有 "
                    "{invalid_rate:.0%} 的回答{what}。",
                ).format(learnt=learnt, accuracy=case.accuracy or 0, invalid_rate=result.invalid_rate, what=what)
            )
        expects = (
            case.expects(
                learnt - 0.15,
                learnt + 0.1,
                Text(
                    "The validation rows, asked in training's form, say what it knows.",
                    "用訓練時的格式問驗證資料的結果，代表它真正學到的。",
                ),
            )
            if learnt is not None
            else None
        )
        remedy = Remedy(
            Text(
                f"Ask it with the tokenizer and chat template saved in {case.folder.models}, then evaluate again; "
                "nothing needs to be trained",
                f"改用 {case.folder.models} 裡一起存下的分詞器與對話模板，再評估一次；不需要重新訓練",
            ),
            call={
                "tool": "evaluate",
                "arguments": {
                    "task": case.folder.task.name,
                    "version": case.folder.name,
                    "benchmark": evaluation.benchmark.name,
                },
            },
            expects=expects,
        )
        wrong: list[ShownRow] = [
            {"id": answer["id"], "split": "test", "label": answer["gold"], "answer": answer["raw"]}
            for answer in case.mistakes()
            if answer["predicted"] is None
        ]
        return self.build_cause(
            share,
            {"same_prompt": False, "invalid_rate": result.invalid_rate, "validation_rows_right": learnt},
            reasons,
            remedy,
            wrong[:3],
        )

    def _clock(self, case: Case) -> Cause | None:
        """A template that writes the day or the hour: it is the same template, and another prompt."""
        saved = [case.folder.models / kind for kind in ("adapter", "model")]
        if not any(reads_clock(template_of(place) or "") for place in saved):
            return None
        reason = Text(
            "The chat template itself is the one of the training, but it writes the current date, so the prompt differs "
            "from that of the day it was trained on.",
            "對話模板就是訓練時的那一個，但它會寫入當天日期，所以提示和訓練那天不同。",
        )
        say = Text(
            "Train it again: the date is fixed now for training, evaluation and the served model",
            "重新訓練一次：現在訓練、評估與部署都會使用固定日期",
        )
        return self.build_cause(
            0.5, {"same_prompt": False, "clock": True}, [reason], Remedy(say, call=case.plan_again())
        )

    def _in_training(self, case: Case, rows: int) -> Cause | None:
        reason = Text(
            f"In {several(rows, 'row')} the template writes the prompt differently in training than when it is asked.",
            f"有 {rows} 列，模板在訓練時和提問時寫出的提示不同。",
        )
        say = Text(
            "Choose a base model whose template begins the answer the same way in both cases",
            "改用兩種情況下開頭一致的基礎模型",
        )
        return self.build_cause(0.95, {"rows": rows}, [reason], Remedy(say, call=case.plan_again()))
