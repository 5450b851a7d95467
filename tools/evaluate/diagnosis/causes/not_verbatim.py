"""Parts that do not stand in the text."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text, several
from ....data.rows import normalise
from ...metric import parts_of
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

_FEW, _MANY = 0.02, 0.2  # share of all parts answered; a choice of this project
_MOST_EPOCHS = 100


class NotVerbatim(CauseKind):
    """It names parts that the text does not contain: they were reworded or made up instead of copied."""

    title: ClassVar[Text] = Text("parts that are not in the text", "擷取的片段不在文字裡")
    page: ClassVar[str] = "llm-knowledge/ner-and-extraction"
    words: ClassVar[tuple[str, ...]] = (
        "made up",
        "invent",
        "not in the text",
        "hallucinat",
        "憑空",
        "捏造",
        "不在文字",
        "幻覺",
    )

    def examine(self, case: Case) -> Cause | None:
        if case.kind != "spans":
            return None
        named, astray = 0, []
        for answer in case.answers:
            text = normalise(str(answer["text"]))
            parts = parts_of(answer["predicted"])
            named += len(parts)
            astray += [(answer, part) for _, part in sorted(parts) if part not in text]
        if not astray:
            return None
        share = 0.3 + 0.6 * ramp(len(astray) / named, _FEW, _MANY)
        reasons = [
            Text(
                f"Not in the text, and so wrong: {len(astray)} of {several(named, 'part')} it named.",
                f"模型擷取的 {named} 個片段裡有 {len(astray)} 個不在原文中，一定是錯的。",
            )
        ]
        epochs = int(case.config.epochs or 1)
        more = min(_MOST_EPOCHS, epochs + max(1, epochs // 2))
        value = case.result.value if case.result else 0.0
        remedy = Remedy(
            Text(
                f"Train {more} epochs instead of {epochs}: copying is learnt late; if that does not help, use a larger "
                f"base model",
                f"訓練輪數從 {epochs} 增為 {more}：照抄原文比較晚才學會；若仍如此，請換較大的基礎模型",
            ),
            {"epochs": more},
            expects=case.expects(
                value,
                value + len(astray) / named,
                Text("At most all of these parts become right.", "最多是這些片段全部變對。"),
            ),
        )
        rows: dict[str, ShownRow] = {
            answer["id"]: {"id": answer["id"], "split": "test", "answer": part} for answer, part in astray
        }
        return self.build_cause(
            self.improvement(share, case),
            {"parts": named, "not_in_text": len(astray)},
            reasons,
            remedy,
            list(rows.values())[:5],
        )
