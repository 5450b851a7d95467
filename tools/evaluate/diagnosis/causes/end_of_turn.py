"""It was never trained to stop."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text, several
from ..case import Case
from ..cause import Cause, CauseKind, NotKnown, Remedy, ShownRow, ramp


class EndOfTurn(CauseKind):
    """The end of turn is not among the trained tokens, so answers go on after what was wanted."""

    title: ClassVar[Text] = Text("end of turn not trained", "沒有訓練到結束符號")
    page: ClassVar[str] = "llm-knowledge/trouble-end-of-turn"
    words: ClassVar[tuple[str, ...]] = ("stop", "endless", "goes on", "never ends", "停不下來", "一直講", "不會停")

    def examine(self, case: Case) -> Cause | None:
        audit = case.seen_in_training.get("audit") or {}
        refused = case.problems.get("end_of_turn", 0)
        if not audit.get("rows") and not refused:
            if case.not_ended is None:
                raise NotKnown(
                    Text("neither the label audit nor the answers' ends are on record", "沒有標籤稽核或回答結尾的紀錄")
                )
            return self._by_answers(case, case.not_ended)
        untrained = refused / audit["rows"] if audit.get("rows") else 1.0
        if not refused and case.kind == "label":
            return None
        if not refused:
            return self._by_answers(case, case.not_ended) if case.not_ended else None
        reasons = [
            Text(
                f"In {several(refused, 'training row')} the token at which generation stops is not trained.",
                f"有 {refused} 列訓練資料沒有訓練到生成時據以停止的符號。",
            )
        ]
        if case.not_ended:
            reasons.append(
                Text(
                    f"{case.not_ended:.0%} of its answers had to be cut off.",
                    f"有 {case.not_ended:.0%} 的回答停不下來，只能從中截斷。",
                )
            )
        rows: list[ShownRow] = [
            {"id": row, "split": "train"} for row in (audit.get("examples") or {}).get("end_of_turn", [])
        ]
        return self.build_cause(
            0.5 + 0.5 * ramp(untrained, 0.0, 0.2),
            {"rows": refused, "answers_cut": case.not_ended, "score_limited_to_labels": case.constrained},
            reasons,
            self._remedy(case),
            rows[:3],
        )

    def _by_answers(self, case: Case, endless: float) -> Cause | None:
        """Without an audit on record: answers that do not stop though the model knows the labels."""
        _, result = case.newest_result()
        if case.kind != "label":
            reason = Text(
                f"{endless:.0%} of its answers went on longer than any answer wanted, and had to be cut off.",
                f"有 {endless:.0%} 的回答比所有標準答案都長，還停不下來，只能從中截斷。",
            )
            return self.build_cause(
                0.8 * ramp(endless, 0.02, 0.3), {"answers_cut": endless}, [reason], self._remedy(case)
            )
        knows = case.constrained is not None and case.constrained > result.value + 0.1
        reason = Text(
            f"{endless:.0%} of its answers had to be cut off, although limited to the labels it scores "
            f"{case.constrained or 0:.2f}.",
            f"有 {endless:.0%} 的回答停不下來；限定只能回答標籤時卻有 {case.constrained or 0:.2f}。",
        )
        return self.build_cause(
            0.8 * ramp(endless, 0.02, 0.3) if knows else 0.0, {"answers_cut": endless}, [reason], self._remedy(case)
        )

    def _remedy(self, case: Case) -> Remedy:
        known = case.constrained
        expects = (
            case.expects(
                known - 0.1,
                known + 0.05,
                Text(
                    "Limited to the labels it already answers so well; what is missing is the stop.",
                    "限定只能回答標籤時已經有這個水準，缺的只是停下來。",
                ),
            )
            if known is not None
            else None
        )
        return Remedy(
            Text(
                "Train again with the same settings, with the end of turn among the trained tokens; if the audit "
                "refuses, add it to eos_token_id in the base model's generation_config.json",
                "用相同設定重新訓練，讓結束符號也被訓練到；如果稽核不通過，請把它加進基礎模型 "
                "generation_config.json 的 eos_token_id",
            ),
            {},
            expects=expects,
        )
