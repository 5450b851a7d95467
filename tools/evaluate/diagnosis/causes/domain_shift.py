"""The test rows are of another kind than the rows it learnt from."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text
from ...seen import SideWords
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

# A classifier told them apart no better than by chance (0.45-0.55) in healthy runs; other places, times or channels of one
# kind of text reach 0.7.
_APART, _FAR_APART = 0.75, 0.95
_BELOW, _FAR_BELOW = 0.0, 0.12


class DomainShift(CauseKind):
    """Validation rows are answered well, test rows are not, and a classifier tells their texts apart."""

    title: ClassVar[Text] = Text("test rows of another kind than the training rows", "測試資料和訓練資料不是同一類")
    page: ClassVar[str] = "llm-knowledge/trouble-between-splits"
    words: ClassVar[tuple[str, ...]] = ("domain", "shift", "other kind", "領域", "不同來源", "不是同一類")

    def examine(self, case: Case) -> Cause | None:
        told_apart, gap = case.between.get("told_apart") or {}, case.below_validation or case.below_training
        if not told_apart or gap is None:
            return None
        auc = float(told_apart["auc"])
        share = ramp(auc, _APART, _FAR_APART) * ramp(gap.least, _BELOW, _FAR_BELOW)
        words: SideWords = told_apart.get("words") or {}
        shown = Text(*([", ".join(words.get("test") or []) or "–"] * 2))
        reasons = [
            Text(
                f"Rows like the training rows are answered correctly in {gap.before:.0%}, test rows in "
                f"{gap.after:.0%}.",
                f"和訓練資料同類的資料答對 {gap.before:.0%}，測試資料只答對 {gap.after:.0%}。",
            ),
            Text(
                "A simple classifier tells training texts from test texts (AUC {auc:.2f}; alike would be 0.50). "
                "Words typical of the test: {shown}.",
                "簡單的分類器分得出哪些是訓練、哪些是測試的文字（AUC {auc:.2f}，相同時約 0.50）。"
                "測試資料特有的字詞：{shown}。",
            ).format(auc=auc, shown=shown),
        ]
        value = case.result.value if case.result else 0.0
        remedy = Remedy(
            Text(
                "Add training rows from where the test rows come from, or shuffle and split all of them again; if the "
                "test is not what comes in daily, freeze one that is",
                "補上和測試資料同來源的訓練資料，或把全部資料重新隨機切分；如果測試資料不像日常會遇到的，就換一份像的評估基準",
            ),
            call=case.more_rows(),
            expects=case.expects(
                value + gap.apart * 0.3,
                value + gap.apart * 0.9,
                Text(
                    "What is lost between validation and test is what rows of that kind can bring back.",
                    "驗證和測試之間少掉的，就是補上這類資料可能救回來的。",
                ),
            ),
        )
        wrong: list[ShownRow] = [
            {"id": one["id"], "split": "test", "label": one["gold"], "predicted": one["predicted"]}
            for one in case.mistakes()
        ]
        return self.build_cause(
            self.improvement(share, case),
            {
                "validation_right": round(gap.before, 3),
                "test_right": round(gap.after, 3),
                "told_apart": auc,
                "test_words": words.get("test") or [],
                "training_words": words.get("train") or [],
            },
            reasons,
            remedy,
            wrong[:3],
        )
