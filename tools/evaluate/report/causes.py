"""Why it is as good as it is: the diagnosis' causes with their evidence, and the one change each would take."""

from __future__ import annotations

from ....resources.foundation.errors import NlpSkillsError
from ....resources.foundation.language import Text
from ....resources.pages.markup import Html, html, tag
from ..diagnosis import Cause
from ..diagnosis.cause import known_causes
from ..metric import metric_title
from .figures import paragraphs
from .material import Material


def causes(material: Material) -> Html:
    found = material.diagnosis
    if found is None:
        return tag(
            "p",
            Text(
                "Only the newest evaluation is diagnosed; this is an earlier one.",
                "只會診斷最新的評估，這是較早的一次。",
            ),
        )
    if isinstance(found, NlpSkillsError):
        return paragraphs([found.problem, found.fix])
    listed = [*found.causes, *found.signs]
    if not listed:
        told = tag(
            "p",
            Text(
                "Nothing stands out in the curves, the labels, the data or the answers.",
                "曲線、標籤、資料與回答都沒有明顯的問題。",
            ),
        )
    else:
        told = html(
            tag(
                "p",
                Text(
                    "The likeliest first, each with its evidence. Change one thing at a time.",
                    "可能性由高到低，並列出依據。一次只改一件事。",
                ),
                class_="note",
            ),
            tag("ol", (_cause(cause) for cause in listed), class_="causes"),
        )
    return html(told, _unknown(found.unknown))


def _cause(cause: Cause) -> Html:
    strength = Text(f"evidence {cause.share:.0%}", f"證據強度 {cause.share:.0%}")
    weak = None if cause.accused else Text(" · only a sign", " · 只是跡象")
    return tag(
        "li",
        tag("h3", cause.title, " ", tag("span", strength, weak, class_="soft")),
        tag("ul", (tag("li", reason) for reason in cause.reasons)),
        tag("p", Text("What to change: ", "怎麼改："), tag("b", cause.say)),
        tag("p", expected_effect(cause), class_="predicted") if cause.expects else None,
    )


def expected_effect(cause: Cause) -> Text | None:
    """The effect foretold of a cause's change."""
    if cause.expects is None:
        return None
    title, low, high = metric_title(cause.expects.metric), cause.expects.low, cause.expects.high
    because = cause.expects.because
    return Text(
        "Predicted: {title} between {low:.3f} and {high:.3f}. {because}",
        "預測：{title} 介於 {low:.3f} 到 {high:.3f}。{because}",
    ).format(title=title, low=low, high=high, because=because)


def _unknown(found: dict[str, Text]) -> Html | None:
    if not found:
        return None
    titles = {kind.name: kind.title for kind in known_causes()}
    listed = [tag("li", titles[name], Text(": ", "："), because) for name, because in found.items() if name in titles]
    return tag(
        "details",
        tag("summary", Text(f"What could not be checked ({len(listed)})", f"無法檢查的項目（{len(listed)}）")),
        tag("ul", listed),
    )
