"""Test texts are written in another form than those it learnt from."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text
from ...forms import FORMS
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

_DIFFER, _DIFFER_MUCH = 0.3, 0.8  # share of texts; choices of this project, as is what follows
_BELOW, _FAR_BELOW = 0.0, 0.12


class FormatMismatch(CauseKind):
    """Capitals, markup, width or script of the texts differ between training and test, and the test suffers."""

    title: ClassVar[Text] = Text("texts written in another form than in training", "文字的寫法和訓練時不同")
    page: ClassVar[str] = "llm-knowledge/trouble-between-splits"
    words: ClassVar[tuple[str, ...]] = (
        "upper",
        "lower case",
        "capital",
        "markup",
        "html",
        "大寫",
        "小寫",
        "全形",
        "格式不一",
    )

    def examine(self, case: Case) -> Cause | None:
        shares = {name: found for name, found in (case.between.get("forms") or {}).items() if name in FORMS}
        gap = case.below_training or case.below_validation
        if not shares or gap is None:
            return None
        name = max(shares, key=lambda one: abs(shares[one]["train"] - shares[one]["test"]))
        trained, tested = shares[name]["train"], shares[name]["test"]
        share = ramp(abs(trained - tested), _DIFFER, _DIFFER_MUCH) * ramp(gap.least, _BELOW, _FAR_BELOW)
        form = FORMS[name][0]
        reasons = [
            Text(
                "{trained:.0%} of the training texts are {form}, but {tested:.0%} of the test texts.",
                "訓練文字有 {trained:.0%} {form}，測試文字是 {tested:.0%}。",
            ).format(trained=trained, form=form, tested=tested),
            Text(
                f"Training rows are answered correctly in {gap.before:.0%}, test rows in {gap.after:.0%}.",
                f"訓練資料答對 {gap.before:.0%}，測試資料只答對 {gap.after:.0%}。",
            ),
        ]
        value = case.result.value if case.result else 0.0
        simple = float((case.between.get("test_suspects") or {}).get("right") or 0.0)
        reach = max(simple, case.valid_right or 0.0, value)
        remedy = Remedy(
            Text(
                "Write both alike: take the texts from where their form was still as it comes in daily (no upper() in the query, "
                "no markup left in), then prepare the data again",
                "讓兩邊的寫法一致：從還沒改過寫法的來源取得文字（查詢不要用 upper()、不要留下標記），再重新準備資料",
            ),
            call=case.more_rows(),
            expects=case.expects(
                value + (reach - value) / 2,
                reach,
                Text(
                    "Read without regard to form, the same rows can be told apart so well.",
                    "不看寫法的話，同一批資料分得出這麼多。",
                ),
            ),
        )
        wrong: list[ShownRow] = [
            {"id": one["id"], "split": "test", "label": one["gold"], "predicted": one["predicted"]}
            for one in case.mistakes()
        ]
        return self.build_cause(
            self.improvement(share, case),
            {"form": name, "training": trained, "test": tested},
            reasons,
            remedy,
            wrong[:3],
        )
