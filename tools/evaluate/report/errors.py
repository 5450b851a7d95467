"""The rows it got wrong, to be browsed: filtered, searched, sorted, a page at a time; the right ones too, if asked for.

The script shows them from data embedded in the page; without it the first ones stand there as a plain table.
"""

from __future__ import annotations

from collections.abc import Sequence

from ....resources.evaluation import Confusion
from ....resources.foundation.language import Text, several
from ....resources.pages.markup import Content, Html, html, json_script, tag
from ..measuring import INVALID
from ..record import AnswerLine
from .labels import display_label
from .material import Compared, Material
from .written import COLUMNS, MARKS, Embedded, cells, written_rows

_PAGE = 25
_MOST_CHARACTERS = 4_000_000  # of row text in one file; a browser opens that at once
_LONGEST_TEXT = 5_000
_LONGEST_ANSWER = 300

# What the script says, in both languages.
WORDS = {
    "right": Text("right", "答對"),
    "wrong": Text("wrong", "答錯"),
    "none": Text("no label", "不是標籤"),
    "blank": Text("(blank)", "（空白）"),
    "more": Text("show all", "顯示全文"),
    "less": Text("show less", "收合"),
    "found": Text("Rows {first}–{last} of {count}", "第 {first}–{last} 列，共 {count} 列"),
    "nothing": Text("No row matches.", "沒有符合的資料。"),
    "cut": Text("… (cut; {length} characters in all)", "…（已截短，全文 {length} 字）"),
    "step": Text("step {step}", "第 {step} 步"),
}


def errors(material: Material) -> Html:
    if problem := material.answers_problem:
        return html(tag("p", problem.problem), tag("p", problem.fix, class_="soft"))
    answers = material.answers
    wrong = [answer for answer in answers if not answer["correct"]]
    told = Text(
        f"Answered wrongly: {len(wrong):,} of {several(len(answers), 'row', form=',')}.",
        f"{len(answers):,} 列中答錯 {len(wrong):,} 列。",
    )
    if not wrong:
        told = Text(
            f"Nothing: all {len(answers):,} rows of this benchmark are right.",
            f"沒有：這個評估基準的 {len(answers):,} 列全部答對。",
        )
    embedded, left = (
        _embed_rows(material)
        if material.record.confusion
        else written_rows(material, _PAGE, _MOST_CHARACTERS, _LONGEST_TEXT)
    )
    cut = (
        tag(
            "p",
            Text(
                f"{several(left, 'row is', 'rows are', ',')} left out of this file; all of them are in "
                f"predictions.jsonl.",
                f"為了控制檔案大小，有 {left:,} 列沒有放進來；完整內容在 predictions.jsonl。",
            ),
            class_="note",
        )
        if left
        else None
    )
    wanted, answered = COLUMNS[material.record.answers or "label"]
    head = [
        tag("th", Text("text", "文字"), scope="col"),
        tag("th", wanted, scope="col"),
        tag("th", answered, scope="col"),
    ]
    earlier = next((one for one in material.compared if one.answers), None)
    if earlier:
        head.append(tag("th", Text(f"{earlier.name} said", f"{earlier.name} 的回答"), scope="col"))
    body = [_row(material, answer, earlier) for answer in wrong[:_PAGE]]
    shown = tag(
        "table", tag("thead", tag("tr", head)), tag("tbody", body), class_="errors", aria_label=Text("Answers", "回答")
    )
    marks = MARKS.get(str(material.record.answers))
    return html(
        tag("p", told),
        tag("p", marks, class_="note") if marks else None,
        _filters(material, earlier.name if earlier else None),
        tag("div", shown, tag("p", class_="soft", id="nothing", hidden=True)),
        _pager(),
        cut,
        json_script("answers", embedded),
    )


def _embed_rows(material: Material) -> tuple[Embedded, int]:
    """The rows for the script, wrong ones first where not all fit; and how many did not."""
    found = material.record.confusion or Confusion()
    golds = {name: place for place, name in enumerate(found.labels)}
    answers = {name: place for place, name in enumerate(found.predicted)}
    none = len(found.predicted) - 1
    earlier = next((one.answers for one in material.compared if one.answers), None)
    rows, characters, left = [], 0, 0
    for number, answer in sorted(enumerate(material.answers), key=lambda one: (one[1]["correct"], one[0])):
        text = str(answer["text"])
        characters += min(len(text), _LONGEST_TEXT)
        if characters > _MOST_CHARACTERS:
            left += 1
            continue
        row: dict[str, str | int] = {
            "n": number + 1,
            "id": str(answer["id"]),
            "t": text[:_LONGEST_TEXT],
            "g": golds.get(str(answer["gold"]), -1),
            "p": answers.get(str(answer["predicted"]), none) if answer["predicted"] else none,
        }
        if len(text) > _LONGEST_TEXT:
            row["l"] = len(text)
        if entity := str(answer.get("entity") or ""):
            row["e"] = entity
        if not answer["predicted"]:
            row["r"] = str(answer.get("raw") or "").strip()[:_LONGEST_ANSWER]
        if earlier is not None and str(answer["id"]) in earlier:
            before = earlier[str(answer["id"])]
            row["b"] = answers.get(str(before), none) if before else none
        rows.append(row)
    rows.sort(key=lambda row: int(row["n"]))
    return Embedded(labels=found.labels, none=none, page=_PAGE, rows=rows), left


def _filters(material: Material, earlier: str | None) -> Html:
    found = material.record.confusion or Confusion()
    shown = [
        ("wrong", Text("wrong answers", "答錯的")),
        ("right", Text("right answers", "答對的")),
        ("all", Text("all answers", "全部")),
    ]
    if earlier:
        shown += [
            ("broken", Text(f"wrong now, right in {earlier}", f"{earlier} 答對、現在答錯")),
            ("fixed", Text(f"right now, wrong in {earlier}", f"{earlier} 答錯、現在答對")),
        ]
    orders = [
        ("n", Text("as in the benchmark", "依評估基準順序")),
        ("short", Text("shortest first", "由短到長")),
        ("long", Text("longest first", "由長到短")),
    ]
    numbered = list(enumerate(found.labels))
    by_label = (
        [
            _choice(
                "gold", Text("Label", "正解"), [("", Text("any", "不限")), *((str(n), name) for n, name in numbered)]
            ),
            _choice(
                "said",
                Text("Answer", "回答"),
                [("", Text("any", "不限")), *((str(n), display_label(name)) for n, name in enumerate(found.predicted))],
            ),
        ]
        if numbered
        else []
    )
    if by_label:
        orders += [("g", Text("by label", "依正解")), ("p", Text("by answer", "依回答"))]
    return tag(
        "form",
        _choice("shown", Text("Show", "顯示"), shown),
        by_label,
        _choice("order", Text("Order", "排序"), orders),
        tag("label", tag("span", Text("Search", "搜尋")), tag("input", id="find", type="search", autocomplete="off")),
        id="filters",
        hidden=True,
        aria_label=Text("Filter the answers", "篩選回答"),
    )


def _choice(name: str, title: Text, options: Sequence[tuple[str, Content]]) -> Html:
    return tag("label", tag("span", title), tag("select", (_option(*option) for option in options), id=name))


def _option(value: str, title: Content) -> Html:
    """An option holds no elements, so the page's switch sets its text."""
    if isinstance(title, Text):
        return tag("option", str(title), value=value, text=title)
    return tag("option", title if isinstance(title, Html) else str(title), value=value)


def _pager() -> Html:
    def step(name: str, title: Text, sign: str) -> Html:
        return tag("button", sign, type="button", id=name, aria_label=title)

    return tag(
        "nav",
        step("previous", Text("Previous page", "上一頁"), "←"),
        tag("span", id="count", role="status", aria_live="polite"),
        step("following", Text("Next page", "下一頁"), "→"),
        id="pager",
        hidden=True,
        aria_label=Text("Pages of answers", "回答的頁次"),
    )


def _row(material: Material, answer: AnswerLine, earlier: Compared | None) -> Html:
    """One answer for a reader without scripts."""
    name = str(answer["id"])
    if material.record.confusion:
        wanted: Content = str(answer["gold"])
        answered = _display_answer(answer)
        before: Content = ((earlier.answers or {}).get(name) if earlier else None) or display_label(INVALID)
    else:
        wanted, answered = cells(material, answer)
        before = WORDS["right" if earlier and name in earlier.right else "wrong"]
    return tag(
        "tr",
        tag("td", _mark_entity(answer)),
        tag("td", wanted),
        tag("td", answered),
        tag("td", before) if earlier else None,
    )


def _display_answer(answer: AnswerLine) -> Content:
    """The label it answered, or what it wrote instead of one."""
    if answer["predicted"]:
        return str(answer["predicted"])
    wrote = str(answer.get("raw") or "").strip()[:_LONGEST_ANSWER]
    return tag("code", wrote) if wrote else tag("span", WORDS["blank"], class_="soft")


def _mark_entity(answer: AnswerLine) -> Content:
    """The text, its entity marked where it stands."""
    entity, text = str(answer.get("entity") or ""), str(answer["text"])[:_LONGEST_ANSWER]
    if not entity:
        return text
    if entity not in text:
        return html(text, " ", tag("mark", entity))
    first, *rest = text.split(entity)
    return html(first, ([tag("mark", entity), part] for part in rest))
