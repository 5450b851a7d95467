"""`report.html`: one evaluation for people, in one file that needs no network, in the task's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ...resources.files import write_atomic
from ...resources.job import JobFolder
from ...resources.language import Text, speaking
from ...resources.lineage import load_lineage
from ...resources.version import VersionFolder
from ..compute.chart import panels
from ..compute.events import JobEvents
from ..compute.page import STYLE, chart_section
from .baselines import TITLES
from .metric import metric_title
from .record import INVALID, evaluated_answers

_MOST_ERRORS = 1000
_STYLE = """
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px}
.figures b{display:block;font-size:1.7rem;font-variant-numeric:tabular-nums;line-height:1.2}
.range{position:relative;height:8px;border-radius:4px;background:var(--line);margin:6px 0 2px}
.range i{position:absolute;top:0;height:8px;border-radius:4px;background:var(--bar);opacity:.45}
.range u{position:absolute;top:-2px;width:3px;height:12px;background:var(--bar)}
.range s{position:absolute;top:-3px;width:2px;height:14px;background:#c2372e}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:5px 8px;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right}
th{color:var(--soft);font-weight:600;white-space:nowrap}
tr.own td{font-weight:600}
.matrix td{text-align:center;min-width:54px;border:1px solid var(--line)}
.matrix th{text-align:center}.matrix th[scope=row]{text-align:right}
.errors td:first-child{overflow-wrap:anywhere;min-width:180px}
mark{background:#ffe08a;color:#1b2430;border-radius:3px;padding:0 2px}
select,input{font:inherit;color:inherit;background:var(--page);border:1px solid var(--line);border-radius:6px;
padding:4px 8px;max-width:100%}
.filters{display:flex;flex-wrap:wrap;gap:8px;margin-bottom:8px}
code{font-size:.85em;overflow-wrap:anywhere}
"""
_SCRIPT = """
const rows=[...document.querySelectorAll('.errors tbody tr')],gold=document.getElementById('gold'),
said=document.getElementById('said'),find=document.getElementById('find'),left=document.getElementById('left');
function show(){let n=0;for(const r of rows){const on=(!gold.value||r.dataset.gold===gold.value)&&
(!said.value||r.dataset.said===said.value)&&(!find.value||r.textContent.toLowerCase().includes(
find.value.toLowerCase()));r.hidden=!on;n+=on}left.textContent=n}
for(const e of[gold,said,find])e.addEventListener('input',show);document.getElementById('filters').hidden=false;show()
"""


def write_report(folder: VersionFolder, record: Mapping[str, Any]) -> Path:
    """Write the version's `report.html` for that evaluation and return its path. Row text is escaped."""
    task = folder.task.load()
    with speaking(task.language):
        answers = evaluated_answers(folder, record)
        title = f"{task.title or task.name} · {folder.name}"
        body = "\n".join([
            f"<h1>{escape(title)}</h1>",
            f'<p class="soft">{escape(_standing(record))}</p>',
            _summary(record), _figures(record), _baselines(record, folder.name), _per_class(record), _confusion(record),
            _errors(answers, record), _training(folder), _about(folder, record),
        ])
        page = f"""<!doctype html>
<html lang="{task.language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}{_STYLE}</style></head>
<body><main>
{body}
</main></body></html>
"""
    write_atomic(folder.report_file, page)
    return folder.report_file


def _standing(record: Mapping[str, Any]) -> str:
    benchmark = record["benchmark"]
    return str(Text(
        f"Evaluated {record['created']} on {benchmark['count']} rows of benchmark {benchmark['name']}.",
        f"評估時間 {record['created']}，評估基準 {benchmark['name']} 共 {benchmark['count']} 列。"))


def _decoding(decoding: str) -> Text:
    if decoding == "constrained":
        return Text("limited to the labels", "限定只能回答標籤")
    return Text("writing freely", "自由生成")


def _summary(record: Mapping[str, Any]) -> str:
    return _section(Text("In words", "結論"), f"<p>{escape(str(Text(**record['verdict']['text'])))}</p>")


def _figures(record: Mapping[str, Any]) -> str:
    verdict = record["verdict"]
    cards = []
    for name, figures in _in_order(record):
        threshold = verdict["threshold"] if name == verdict["metric"] else None
        cards.append(
            f'<div><span class="soft">{escape(str(metric_title(name)))}</span><b>{figures["value"]:.3f}</b>'
            f'{_range(figures["value"], figures["low"], figures["high"], threshold)}'
            f'<span class="soft">{figures["low"]:.3f}–{figures["high"]:.3f}</span></div>')
    how = Text("Bars: 95 % bootstrap interval; the red line is the goal.",
               "橫條為 95% 信賴區間（bootstrap）；紅線是目標。")
    return _section(Text("Figures", "指標"), f'<div class="figures">{"".join(cards)}</div><p class="soft">{how}</p>')


def _in_order(record: Mapping[str, Any]) -> list[tuple[str, Mapping[str, float]]]:
    """The metrics, the goal's own first."""
    goal = record["verdict"]["metric"]
    return sorted(record["metrics"].items(), key=lambda item: (item[0] != goal, item[0] != "macro_f1"))


def _range(value: float, low: float, high: float, threshold: float | None = None) -> str:
    goal = f'<s style="left:{threshold:.2%}"></s>' if threshold is not None else ""
    return (f'<div class="range"><i style="left:{low:.2%};width:{max(high - low, 0.004):.2%}"></i>'
            f'<u style="left:calc({value:.2%} - 1px)"></u>{goal}</div>')


def _baselines(record: Mapping[str, Any], version: str) -> str:
    metric = record["verdict"]["metric"]
    names = list(dict.fromkeys([metric, "macro_f1", "accuracy", "invalid_rate"]))
    other = record["other_decoding"]
    own: dict[str, Any] = {name: figures["value"] for name, figures in record["metrics"].items()}
    own[metric] = record["verdict"]["value"]
    lines = [(f"{version} · {_decoding(record['decoding'])}{Text(' (as deployed)', '（與部署相同）')}", own, True),
             (f"{version} · {_decoding(other['decoding'])}",
              {name: figures["value"] for name, figures in other["metrics"].items()}, False),
             *((str(TITLES.get(name, Text(name, name))), figures, False)
               for name, figures in record["baselines"].items())]
    head = "".join(f'<th class="n">{escape(str(metric_title(name)))}</th>' for name in names)
    body = "".join(
        f'<tr{" class=own" if is_own else ""}><td>{escape(title)}</td>'
        + "".join(f'<td class="n">{_number(figures.get(name))}</td>' for name in names) + "</tr>"
        for title, figures, is_own in lines)
    return _section(Text("Beside it", "與其他方法相比"), _table(f"<th></th>{head}", body))


def _per_class(record: Mapping[str, Any]) -> str:
    names = ("precision", "recall", "f1")
    head = "".join(f'<th class="n">{metric_title(name)}</th>' for name in names)
    body = ""
    for label, figures in record["per_class"].items():
        low, high = figures["intervals"]["f1"]
        body += (f"<tr><td>{escape(label)}{_range(figures['f1'], low, high)}</td>"
                 + "".join(f'<td class="n">{figures[name]:.3f}</td>' for name in names)
                 + f'<td class="n">{figures["support"]}</td></tr>')
    first, last = Text("label (bar: F1)", "標籤（橫條為 F1）"), Text("rows", "筆數")
    return _section(Text("By label", "各標籤表現"), _table(f'<th>{first}</th>{head}<th class="n">{last}</th>', body))


def _confusion(record: Mapping[str, Any]) -> str:
    confusion = record["confusion"]
    head = "".join(f"<th>{escape(_said(name))}</th>" for name in confusion["predicted"])
    body = ""
    for row, (label, counts) in enumerate(zip(confusion["labels"], confusion["matrix"], strict=True)):
        total = sum(counts) or 1
        cells = "".join(
            f'<td style="background:rgba({"31,157,99" if row == column else "217,89,38"},{0.75 * count / total:.2f})">'
            f"{count}</td>" for column, count in enumerate(counts))
        body += f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>'
    corner = Text("label ↓ answer →", "正解 ↓ 回答 →")
    return _section(Text("Confusion matrix", "混淆矩陣"), _table(f"<th>{corner}</th>{head}", body, "matrix"))


def _errors(answers: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> str:
    wrong = [answer for answer in answers if not answer["correct"]]
    title = Text(f"What it got wrong ({len(wrong)} of {len(answers)})",
                 f"答錯的資料（{len(answers)} 列中的 {len(wrong)} 列）")
    if not wrong:
        return _section(title, f"<p>{Text('Nothing on this benchmark.', '這個評估基準上沒有答錯。')}</p>")
    body = "".join(
        f'<tr data-gold="{escape(answer["gold"])}" data-said="{escape(answer["predicted"] or INVALID)}">'
        f'<td>{_marked(answer)}</td><td>{escape(answer["gold"])}</td>'
        f"<td>{_answer(answer)}</td></tr>" for answer in wrong[:_MOST_ERRORS])
    labels = record["confusion"]["labels"]
    filters = (
        f'<div class="filters" id="filters" hidden>{_select("gold", Text("any label", "所有正解"), labels)}'
        f'{_select("said", Text("any answer", "所有回答"), record["confusion"]["predicted"])}'
        f'<input id="find" type="search" placeholder="{Text("find text", "搜尋文字")}">'
        f'<span class="soft"><span id="left"></span> {Text("rows", "列")}</span></div>')
    more = len(wrong) - _MOST_ERRORS
    told = Text(f"{more} more in predictions.jsonl.", f"其餘 {more} 列請見 predictions.jsonl。") if more > 0 else ""
    head = "".join(f"<th>{name}</th>" for name in (Text("text", "文字"), Text("label", "正解"), Text("answer", "回答")))
    return _section(title, f'{filters}{_table(head, body, "errors")}<p class="soft">{told}</p>'
                           f"<script>{_SCRIPT}</script>")


def _answer(answer: Mapping[str, Any]) -> str:
    """The label it answered, or what it wrote instead of one."""
    if answer["predicted"]:
        return escape(answer["predicted"])
    wrote = answer["raw"].strip()[:120]
    return f"<code>{escape(wrote)}</code>" if wrote else f'<span class="soft">{Text("(blank)", "（空白）")}</span>'


def _marked(answer: Mapping[str, Any]) -> str:
    """The text, its entity marked where it stands."""
    entity = str(answer.get("entity") or "")
    text = escape(str(answer["text"]))
    if not entity:
        return text
    if entity in answer["text"]:
        return text.replace(escape(entity), f"<mark>{escape(entity)}</mark>")
    return f"{text} <mark>{escape(entity)}</mark>"


def _select(name: str, every: Text, options: Sequence[str]) -> str:
    listed = "".join(f'<option value="{escape(option)}">{escape(_said(option))}</option>' for option in options)
    return f'<select id="{name}"><option value="">{every}</option>{listed}</select>'


def _training(folder: VersionFolder) -> str:
    """The training's curves, from the version's own events."""
    drawn = panels(JobEvents(JobFolder(folder.root)).points()) if folder.events_file.is_file() else []
    return "".join(chart_section(panel) for panel in drawn)


def _about(folder: VersionFolder, record: Mapping[str, Any]) -> str:
    lineage = load_lineage(folder)
    facts = {
        Text("Parent", "前一版"): lineage.get("parent"),
        Text("Base model", "基礎模型"): lineage["config"].get("base_model"),
        Text("Training rows", "訓練筆數"): lineage["data"].get("train_count"),
        Text("Data snapshot", "資料快照"): str(lineage["data"].get("snapshot") or "")[:12],
        Text("Benchmark hash", "評估基準雜湊"): str(record["benchmark"]["hash"])[:12],
        Text("Answers' hash", "回答雜湊"): str(record["predictions_hash"])[:12],
    }
    listed = "".join(f"<div><dt>{name}</dt><dd><code>{escape(str(value))}</code></dd></div>"
                     for name, value in facts.items() if value)
    changes = "".join(f"<li>{escape(sentence)}</li>" for sentence in lineage["changes"])
    told = f"<h2>{Text('Changes', '變更')}</h2><ul>{changes}</ul>" if changes else ""
    return _section(Text("This version", "關於這個版本"), f"{told}<dl>{listed}</dl>")


def _table(head: str, body: str, kind: str = "") -> str:
    return (f'<div class="scroll"><table class="{kind}"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>")


def _section(title: Text, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _said(label: str) -> str:
    return str(Text("no label", "無效")) if label == INVALID else label


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
