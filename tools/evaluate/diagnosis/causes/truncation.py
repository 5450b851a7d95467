"""Rows, or the texts in them, are cut off."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text, several
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

_FEW_CUT, _MANY_CUT = 0.0, 0.1
_FEW_ALIKE, _MANY_ALIKE, _FEWEST = 0.02, 0.1, 5


class Truncation(CauseKind):
    """Rows longer than max_length lose their answer; texts that all end at one length were cut where they came from."""

    title: ClassVar[Text] = Text("texts cut off", "文字被截斷")
    page: ClassVar[str] = "llm-knowledge/trouble-truncation"
    words: ClassVar[tuple[str, ...]] = ("cut", "truncat", "long text", "too long", "截斷", "太長", "長文")

    def examine(self, case: Case) -> Cause | None:
        audit = case.seen_in_training.get("audit") or {}
        limit, longest = int(case.config.max_length or 0), int(audit.get("longest") or 0)
        masked = case.problems.get("masked", 0) if longest > limit or case.failure else 0
        cut = case.problems.get("truncated", 0) + masked
        if not cut:
            return self._at_the_source(case)
        share_cut = cut / audit["rows"] if audit.get("rows") else 1.0
        more = max(2 * limit, 16) if not longest else 64 * -(-longest // 64)
        figures = {"rows": cut, "of": audit.get("rows"), "max_length": limit, "longest": longest or None}
        reasons = [
            Text(
                f"{several(cut, 'row is', 'rows are')} longer than max_length ({limit} tokens)"
                + (f", the longest has {longest}." if longest else ".")
                + " The answer is cut there.",
                f"有 {cut} 列超過 max_length（{limit} 個 token）"
                + (f"，最長 {longest} 個。" if longest else "。")
                + "它們的答案被截掉了。",
            )
        ]
        examples = audit.get("examples") or {}
        rows: list[ShownRow] = [
            {"id": row, "split": "train"} for row in [*examples.get("truncated", []), *examples.get("masked", [])]
        ]
        remedy = Remedy(
            Text(f"Raise max_length from {limit} to {more}", f"max_length 從 {limit} 提高到 {more}"),
            {"max_length": more},
            expects=case.learnable(),
        )
        return self.build_cause(0.5 + 0.5 * ramp(share_cut, _FEW_CUT, _MANY_CUT), figures, reasons, remedy, rows[:3])

    def _at_the_source(self, case: Case) -> Cause | None:
        seen = case.seen_in_evaluation.get("cut_texts") or {}
        if seen.get("found", 0) < _FEWEST:
            return None
        share = 0.8 * ramp(seen["found"] / seen["rows"], _FEW_ALIKE, _MANY_ALIKE)
        reasons = [
            Text(
                f"{seen['found']} training texts end at exactly the longest length, {seen['characters']} "
                "characters: they were cut where they came from.",
                f"有 {seen['found']} 筆訓練文字剛好都停在最長的 {seen['characters']} 個字元：在來源就被截斷了。",
            )
        ]
        remedy = Remedy(
            Text(
                "Fetch the whole texts (a wider column, no LEFT() in the query), then prepare the data again",
                "從來源取得完整文字（加寬欄位、查詢不要用 LEFT()），再重新準備資料",
            ),
            call=case.more_rows(),
        )
        return self.build_cause(
            share,
            {"rows": seen["found"], "characters": seen["characters"]},
            reasons,
            remedy,
            [{"id": row, "split": "train"} for row in seen["examples"][:3]],
        )
