"""The report as one file: its head, its sections in order, its style and its script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ....resources.evaluation import Evaluation
from ....resources.foundation.clock import now
from ....resources.foundation.files import write_atomic
from ....resources.foundation.language import Text, several, speaking
from ....resources.pages.markup import Html, html, json_script, tag
from ....resources.pages.page import chart_style, document, read_asset
from ....resources.version import VersionFolder
from .causes import causes
from .comparison import comparison
from .curves import curves
from .data import data
from .errors import WORDS, errors
from .figures import day
from .labels import confusion, per_label
from .lineage import lineage
from .material import Material, gather
from .measures import measures
from .reproducing import reproducing
from .summary import summary

_HERE = Path(__file__).parent
_SECTIONS: dict[str, tuple[Text, Callable[[Material], Html]]] = {
    "summary": (Text("In short", "重點"), summary),
    "measures": (Text("Figures", "指標"), measures),
    "labels": (Text("By label", "各標籤表現"), per_label),
    "confusion": (Text("Confusion matrix", "混淆矩陣"), confusion),
    "errors": (Text("What it got wrong", "答錯的資料"), errors),
    "causes": (Text("Why", "原因"), causes),
    "comparison": (Text("Earlier versions", "和先前版本比較"), comparison),
    "curves": (Text("Training", "訓練過程"), curves),
    "lineage": (Text("Lineage", "版本譜系"), lineage),
    "data": (Text("Data", "資料"), data),
    "reproducing": (Text("Reproducing it", "重現"), reproducing),
}


def _sections(material: Material) -> dict[str, tuple[Text, Callable[[Material], Html]]]:
    """Those that have something to show for answers of this kind."""
    left_out = {
        name
        for name, part in (("labels", "per_class"), ("confusion", "confusion"))
        if not getattr(material.record, part)
    }
    return {name: section for name, section in _SECTIONS.items() if name not in left_out}


def write_report(folder: VersionFolder, record: Evaluation) -> Path:
    """Write the version's `report.html` for that evaluation and return its path.

    It opens in the task's language and holds both. Row text is escaped; nothing in it reaches for a network.
    """
    material = gather(folder, record)
    with speaking(material.task.language):
        write_atomic(folder.report_file, _page(material))
    return folder.report_file


def _page(material: Material) -> str:
    words = {name: [word.en, word.zh] for name, word in WORDS.items()}
    return document(
        _head(material),
        "\n",
        tag("main", [_section(name, material) for name in _sections(material)]),
        "\n",
        tag("footer", tag("p", Text(f"Written {day(now())} by nlp-skills.", f"由 nlp-skills 產生於 {day(now())}。"))),
        json_script("words", words),
        title=f"{material.task.title or material.task.name} · {material.folder.name}",
        language=material.task.language,
        style=read_asset(_HERE / "style.css") + chart_style(),
        script=read_asset(_HERE / "script.js"),
    )


def _head(material: Material) -> Html:
    benchmark = material.record.benchmark
    about = Text(
        f"Evaluation report of {material.folder.name} on {several(benchmark.count, 'row', form=',')} of "
        f"benchmark {benchmark.name}",
        f"{material.folder.name} 的評估報告，評估基準 {benchmark.name}，共 {benchmark.count:,} 列",
    )
    private = (
        tag(
            "p",
            Text(
                "On-premise: this file holds the task's own rows. It was written to this disk and sent "
                "nowhere; keep it inside.",
                "內部資料：這份檔案含有任務的原始資料，只寫在這台機器的磁碟上，沒有傳到任何地方，請勿外流。",
            ),
            class_="private",
        )
        if material.task.constraints.privacy == "on-premise"
        else None
    )
    links = tag("ul", (tag("li", tag("a", title, href=f"#{name}")) for name, (title, _) in _sections(material).items()))
    return tag(
        "header",
        _controls(),
        tag("h1", material.task.title or material.task.name, " ", tag("span", material.folder.name, class_="version")),
        tag("p", about, class_="soft"),
        private,
        tag("nav", links, aria_label=Text("Contents", "目錄")),
    )


def _controls() -> Html:
    """The switches for language and light, shown where scripts run."""

    def switch(name: str, value: str, *content: Html | Text | str, **attributes: Text | str) -> Html:
        return tag(
            "button", *content, type="button", data_switch=name, data_value=value, aria_pressed="false", **attributes
        )

    languages = tag(
        "div",
        switch("language", "en", "English", lang="en"),
        switch("language", "zh-TW", "中文", lang="zh-TW"),
        role="group",
        aria_label=Text("Language", "語言"),
    )
    themes = tag(
        "div",
        switch("theme", "", Text("Auto", "自動")),
        switch("theme", "light", Text("Light", "淺色")),
        switch("theme", "dark", Text("Dark", "深色")),
        role="group",
        aria_label=Text("Appearance", "外觀"),
    )
    return tag("div", languages, themes, class_="controls", hidden=True)


def _section(name: str, material: Material) -> Html:
    title, write = _SECTIONS[name]
    return html(
        tag(
            "section",
            tag("h2", title, id=f"{name}-title"),
            tag("div", write(material), class_="content"),
            id=name,
            aria_labelledby=f"{name}-title",
        ),
        "\n",
    )
