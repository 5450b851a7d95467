"""A sign in the training texts gives the label away."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

_SOME, _MOST = 0.4, 0.8  # share of training rows that have such a sign; choices of this project, as is what follows
_KEPT, _LOST = 0.9, 0.6  # share of test rows of which the sign names the label
_BELOW, _FAR_BELOW = 0.0, 0.12
_ALL = 0.95


class LeakedFeature(CauseKind):
    """A number, code or word that goes with the label in training is missing, or means nothing, among the test rows."""

    title: ClassVar[Text] = Text("a sign that gives the label away", "文字裡有洩漏答案的記號")
    page: ClassVar[str] = "llm-knowledge/trouble-between-splits"
    words: ClassVar[tuple[str, ...]] = ("leak", "shortcut", "cheat", "too good", "洩漏", "作弊", "好得不真實")

    def examine(self, case: Case) -> Cause | None:
        found = case.between.get("giveaways") or {}
        gap = case.below_validation or case.below_training
        if not found or gap is None:
            return None
        named = found["test"] * found["holds"]
        lost = ramp(-named, -_KEPT * found["train"], -_LOST * found["train"])
        share = ramp(found["train"], _SOME, _MOST) * lost * ramp(gap.least, _BELOW, _FAR_BELOW)
        # Where it holds in the test too, the score is too good: of numbers and codes only, for words may well decide.
        if found["codes"] and found["train"] >= _ALL and named >= _ALL:
            share = max(share, 0.8)
        else:
            share = self.improvement(share, case)
        signs = found["signs"]
        listed = Text(
            ", ".join(f"“{one['sign']}” → {case.display_label(one['label'])}" for one in signs[:3]),
            "、".join(f"「{one['sign']}」→ {case.display_label(one['label'])}" for one in signs[:3]),
        )
        reasons = [
            Text(
                "{train:.0%} of the training texts hold a sign that nearly always goes with one label: {listed}.",
                "{train:.0%} 的訓練文字帶有幾乎只屬於某個標籤的記號：{listed}。",
            ).format(train=found["train"], listed=listed),
            Text(
                f"In the test {found['test']:.0%} of the texts hold one, and of those it names the label of "
                f"{found['holds']:.0%}.",
                f"測試文字有 {found['test']:.0%} 帶有這種記號，其中 {found['holds']:.0%} 的標籤和記號相符。",
            ),
            Text(
                f"Rows like the training rows are answered correctly in {gap.before:.0%}, test rows in "
                f"{gap.after:.0%}.",
                f"和訓練資料同類的資料答對 {gap.before:.0%}，測試資料只答對 {gap.after:.0%}。",
            ),
        ]
        value = case.result.value if case.result else 0.0
        simple = float((case.between.get("test_suspects") or {}).get("right") or value)
        reach = max(simple, value)
        if named >= _ALL:
            expects = case.expects(
                value - 0.3,
                value,
                Text(
                    "An honest score is lower; by how much nobody knows until it is measured.",
                    "老實的分數會比較低；低多少，要量了才知道。",
                ),
            )
        else:
            expects = case.expects(
                value + (reach - value) / 2,
                max(reach, value + gap.apart * 0.6),
                Text(
                    f"A simple model that never saw the sign gets {simple:.2f} of the test rows right.",
                    f"沒看過這個記號的簡單模型，測試資料可以答對 {simple:.2f}。",
                ),
            )
        remedy = Remedy(
            Text(
                "Take the sign out of the text (leave the column out of the mapping, or fetch the text without it), then prepare "
                "the data and train again",
                "把這個記號從文字裡拿掉（對應時不要放進那個欄位，或從來源取得不含它的文字），再重新準備資料並訓練",
            ),
            call=case.more_rows(),
            expects=expects,
        )
        rows: list[ShownRow] = [{"id": row, "split": "train"} for row in found.get("rows") or []]
        return self.build_cause(
            share,
            {"signs": signs, "training": found["train"], "test": found["test"], "holds_in_test": found["holds"]},
            reasons,
            remedy,
            rows[:3],
        )
