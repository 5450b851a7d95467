"""Advice about rows: where they can come from, what to know about each kind, and what generated ones are good for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...resources.figures import figure
from ...resources.foundation.external import quote
from ...resources.foundation.language import Text
from ...resources.task import Task
from ..data.adding import file_to_add
from ..data.source import kinds
from ..data.task_kind import role_title, task_kind
from .answer import DecisionDue, Question
from .intent import Said
from .wording import join_list

SECRET_NAME = "PG_PASSWORD"


_POSTGRESQL = f"postgresql://<user>:${{{SECRET_NAME}}}@<host>:5432/<database>"
_CONNECTIONS = {
    "mysql": f"mysql://<user>:${{{SECRET_NAME}}}@<host>:3306/<database>",
    "mariadb": f"mysql://<user>:${{{SECRET_NAME}}}@<host>:3306/<database>",
    "sqlite": "sqlite:///<absolute path>",
}
_KIND_OF = {"api": "api", "web": "web_scrape"}


def source_advice(said: Said) -> Text:
    """What to know about the source a person named (or asked for), honestly about what is not installed."""
    if said.other_database and not reads(said.other_database):
        return Text(
            f"{said.other_database} cannot be read directly here: export the rows to a CSV (UTF-8) there and give me its "
            "path; the file is kept as an immutable snapshot, so the export stays reproducible.",
            f"{said.other_database} 目前不能直接讀取：請先在那邊匯出成 CSV（UTF-8），再告訴我路徑；"
            "匯出檔會存成不可變的快照，之後一樣可以重現。",
        )
    if said.intent == "database":
        return Text(
            f"{said.other_database or 'PostgreSQL'} works: one read-only query, streamed. The password never goes into this chat: run `nlp-skills "
            f"secret set {SECRET_NAME}` in a terminal and write ${{{SECRET_NAME}}} in the address.",
            f"{said.other_database or 'PostgreSQL'} 可以直接用：以唯讀方式執行一句查詢、串流讀取。密碼不要打在對話裡：請在終端機執行 "
            f"`nlp-skills secret set {SECRET_NAME}`，連線字串裡寫 ${{{SECRET_NAME}}} 就好。",
        )
    if said.intent in _KIND_OF and _KIND_OF[said.intent] not in kinds():
        return Text(
            f"Fetching from {'an API' if said.intent == 'api' else 'web pages'} is part of the format but not installed "
            "here. Save the rows to a CSV or JSONL first (mind the site's terms), then I take that file.",
            f"{'API' if said.intent == 'api' else '網頁'}來源在格式裡有定義，但這裡還不能抓取。"
            "請先存成 CSV 或 JSONL（也請留意網站的使用條款），再把檔案交給我。",
        )
    if said.intent == "api":
        return Text(
            "An API works: JSON, page by page until the last one. Its key never goes into this chat: run `nlp-skills "
            "secret set API_TOKEN` in a terminal and write ${API_TOKEN} in auth. Such rows usually have no label yet.",
            "API 可以直接用：讀 JSON，一頁一頁讀到最後。金鑰不要打在對話裡：請在終端機執行 "
            "`nlp-skills secret set API_TOKEN`，auth 裡寫 ${API_TOKEN} 就好。這類資料通常還沒有標籤。",
        )
    if said.intent == "web":
        return Text(
            "Web pages work: addresses and keywords; robots.txt is obeyed, and the site's terms are yours to mind. Such "
            "rows have no label yet: people decide that first (llm-knowledge/annotation).",
            "網頁可以直接抓：給網址和關鍵字；會遵守 robots.txt，網站的使用條款請你自己留意。"
            "抓來的文字還沒有標籤，要先由人判斷（llm-knowledge/annotation）。",
        )
    if said.intent == "file":
        return Text(
            "A file works: CSV, TSV, JSON, JSONL, Excel (.xlsx) or Parquet, or a folder of them; the encoding is "
            "recognised, or asked for where it is in doubt.",
            "檔案可以直接用：CSV、TSV、JSON、JSONL、Excel（.xlsx）、Parquet，或整個資料夾都行，"
            "編碼會自動辨識，無法確定就問你。",
        )
    return Text(
        f"Rows can come from {join_list(here.en for here in _sources_here())}. No labels yet? Begin with {figure('rows_to_start'):.0f} rows "
        "labelled by two people: where they disagree, the labels need better words first (llm-knowledge/annotation).",
        f"資料可以來自{join_list(here.zh for here in _sources_here())}。還沒有標註？先由兩個人各標 {figure('rows_to_start'):.0f} 筆："
        "意見不同的地方，表示標籤定義要先說清楚（llm-knowledge/annotation）。",
    )


def source_decision(task: Task) -> DecisionDue:
    """Where to look for rows first."""
    decided = Text(
        "Where people already decide: closed tickets, mail folders, spreadsheets",
        "大家已經判斷過的地方：結案的工單、信件資料夾、試算表",
    )
    source = task.resources.source
    reasons = [
        Text(
            "Answers that were given in earnest are real, numerous and free; the rest of the work is checking them "
            "(llm-knowledge/annotation).",
            "當初認真給過的答案最真實、數量多、不用花錢，剩下的只是檢查（llm-knowledge/annotation）。",
        ),
        Text(
            f"{figure('rows_to_start'):.0f} rows show whether it can work at all, {figure('rows_typical'):.0f} and more "
            "are usual for a first version (llm-knowledge/data-sizes).",
            f"{figure('rows_to_start'):.0f} 筆能看出做不做得到，第一版通常要 {figure('rows_typical'):.0f} 筆以上"
            "（llm-knowledge/data-sizes）。",
        ),
    ]
    if source:
        reasons.insert(0, Text(f"You named a source: {quote(source, 60)}.", f"你提過來源：{quote(source, 60)}。"))
    return DecisionDue(
        what=str(Text("Where the rows come from", "資料從哪裡來")),
        options=[
            str(decided),
            str(Text("Label by hand", "人工標註")),
            str(Text("Let a model write rows, reviewed by a person", "請模型寫，再由人審閱")),
        ],
        recommendation=str(decided),
        reasons=list(map(str, reasons)),
        changes_if=str(
            Text(
                "If old decisions were careless, label a few hundred again instead.",
                "如果以前的判斷很隨便，不如重新標幾百筆。",
            )
        ),
    )


def _sources_here() -> list[Text]:
    """The kinds of sources that are installed, in words; those of packages by their names."""
    words = {
        "file": Text("files", "檔案"),
        "database": Text("databases", "資料庫"),
        "api": Text("APIs", "API"),
        "web_scrape": Text("web pages", "網頁"),
        "huggingface": Text("Hugging Face data sets", "Hugging Face 資料集"),
        "llm_generated": Text("a model service", "模型服務"),
    }
    return [words.get(kind, Text(kind, kind)) for kind in dict.fromkeys([*words, *kinds()]) if kind in kinds()]


def reads(database: str) -> bool:
    """Whether the database source of this installation says that it reads that database."""
    return database.lower() in (kinds()["database"].__doc__ or "").lower()


def secret_warning() -> Text:
    """A password was typed into the chat: too late to hide it, not too late to change it."""
    return Text(
        "There was a password in your message. I did not keep it, but this chat did: change it where it is "
        f"valid, then store the new one with `nlp-skills secret set {SECRET_NAME}`.",
        "你的訊息裡有密碼。我沒有記下來，但對話紀錄有：請到原系統更換，再用 "
        f"`nlp-skills secret set {SECRET_NAME}` 存新的密碼。",
    )


def source_question(said: Said, task: Task) -> Question:
    """The one question that leads to a filled `sources[]`."""
    titles = [role_title(role) for role in task_kind(task.type).roles]
    columns = Text(
        " and ".join(filter(None, (", ".join(title.en for title in titles[:-1]), titles[-1].en))),
        "、".join(title.zh for title in titles),
    )
    if _asks_a_database(said):
        ask = Text(
            f"Which table or query gives one row each with {columns.en}, and on which host, database and user? "
            "(Not the password.)",
            f"哪個資料表或查詢可以每列給出{columns.zh}？主機、資料庫名稱和使用者是什麼？（不要給密碼）",
        )
        examples = [
            Text(
                "SELECT body AS text, topic AS label FROM mails; host db.internal, database crm, user reader",
                "SELECT body AS text, topic AS label FROM mails；主機 db.internal、資料庫 crm、使用者 reader",
            )
        ]
        default = Text("Ask whoever runs the database for a read-only user", "請管資料庫的人開一個唯讀帳號")
    else:
        count = Text("", "") if task.resources.rows else Text(", about how many rows are there", "大概幾筆？")
        renewal = (
            Text("", "") if task.resources.renewal else Text(", and do new ones keep coming", "之後還會有新資料嗎？")
        )
        ask = (
            Text(
                f"Which columns of {quote(Path(said.path).name, 80)} are {columns.en}{count.en}{renewal.en}?",
                f"{quote(Path(said.path).name, 80)} 的哪些欄位是{columns.zh}？{count.zh}{renewal.zh}",
            )
            if said.path
            else Text(
                f"Which file holds the rows (its absolute path), which columns are {columns.en}{count.en}{renewal.en}?",
                f"資料在哪個檔案（絕對路徑）？哪些欄位是{columns.zh}？{count.zh}{renewal.zh}",
            )
        )
        examples = [
            Text(
                "/home/ann/tickets.csv; columns body and topic; 1,200 rows, 50 new ones a week",
                "/home/ann/tickets.csv；欄位 body、topic；1,200 筆，每週新增 50 筆",
            ),
            Text("Nothing is labelled yet; the mails lie in a folder", "都還沒標，信件放在一個資料夾裡"),
        ]
        default = Text(
            f"None yet: I label {figure('rows_to_start'):.0f} first", f"還沒有：我先標 {figure('rows_to_start'):.0f} 筆"
        )
    why = Text(
        "I read it once, keep an immutable copy with its hash, and show five rows before anything else happens.",
        "我會讀一次，留下帶雜湊值的不可變副本，先給你看五筆再做其他事。",
    )
    return Question(
        field="sources", ask=str(ask), why=str(why), examples=list(map(str, examples)), default=str(default)
    )


def _asks_a_database(said: Said) -> bool:
    return said.intent == "database" and (not said.other_database or reads(said.other_database))


def source_example(said: Said, task: Task | None) -> dict[str, Any]:
    """A `sources[]` entry filled as far as it is known, placeholders where the answer goes."""
    if _asks_a_database(said):
        names = task_kind(task.type if task else "classification").roles
        columns = ", ".join(f"<{name} column> AS {name}" for name in names)
        return {
            "type": "database",
            "connection": _CONNECTIONS.get((said.other_database or "").lower(), _POSTGRESQL),
            "query": f"SELECT {columns} FROM <table>",
        }
    if said.intent in _KIND_OF and _KIND_OF[said.intent] in kinds():
        place = {"endpoint": "<https://host/path>"} if said.intent == "api" else {"urls": ["<https://…>"]}
        return {
            "type": _KIND_OF[said.intent],
            **place,
            "mapping": dict.fromkeys(task_kind(task.type if task else "classification").inputs, "<its field>"),
        }
    return file_to_add(task, said.path)


def generation_decision(task: Task | None) -> DecisionDue:
    """Rows written by a language model: what is honest to say about it."""
    inside = task is not None and task.constraints.privacy == "on-premise"
    reasons = [
        Text(
            "This installation calls a model service as a source of its own (llm_generated): each row is checked and "
            "its cost counted. The model in this chat can also write rows that a person reviews.",
            "這裡可以直接把模型服務當來源（llm_generated）：每筆都會檢查並計算花費；也可以請這個對話的模型寫，再由人審閱。",
        )
        if "llm_generated" in kinds()
        else Text(
            "This installation calls no model service itself. The model in this chat can write rows into a CSV that a "
            "person reviews.",
            "這裡不會自己呼叫模型服務；可以請這個對話的模型把資料寫成 CSV，再由人審閱。",
        ),
        Text(
            "The benchmark must be real rows: generated ones are easier than life and flatter every score. So prepare "
            "the real rows first, which freezes them as the test, and add generated rows afterwards.",
            "評估基準一定要用真實資料：生成的句子比實際情況簡單，分數會虛高。所以先準備真實資料、凍結成測試集，"
            "之後才加入生成的資料。",
        ),
        Text(
            "It costs tokens and review time: plan to read at least one row in ten, and note which model wrote them "
            "(llm-knowledge/synthetic-data).",
            "這會花 token，也要花時間審閱：至少抽看十分之一，並記下是哪個模型寫的（llm-knowledge/synthetic-data）。",
        ),
    ]
    if inside:
        reasons.insert(
            0,
            Text(
                "This task's data must stay on-premise: no real row may serve as an example for an outside model.",
                "這個任務的資料不得離開內部環境：不能拿真實資料當範例給外部模型看。",
            ),
        )
    return DecisionDue(
        what=str(Text("How to get more training rows", "怎麼取得更多訓練資料")),
        options=[
            str(Text("Collect and label real rows", "收集並標註真實資料")),
            str(
                Text("Let the chat's model write rows into a CSV, reviewed by a person", "請對話模型寫成 CSV，由人審閱")
            ),
            str(
                Text(
                    "Both: real rows for the test, generated ones only for training",
                    "兩者並行：真實資料當測試，生成的只用來訓練",
                )
            ),
        ],
        recommendation=str(Text("Both, the real rows first", "兩者並行，先準備真實資料")),
        reasons=list(map(str, reasons)),
        changes_if=str(
            Text(
                f"With {figure('rows_typical'):.0f} real rows or more you may not need generated ones at all.",
                f"如果真實資料已經有 {figure('rows_typical'):.0f} 筆以上，可能根本不需要生成。",
            )
        ),
    )


def generation_question() -> Question:
    return Question(
        field="real_rows",
        ask=str(
            Text(
                "How many real rows with the right answer do you have, even unsorted ones, to test on?",
                "手上有多少筆真實、而且有正確答案的資料可以拿來測試？零散的也算。",
            )
        ),
        why=str(
            Text(
                "Without real rows nobody can tell whether the generated ones helped.",
                "沒有真實資料，就沒有人知道生成的資料有沒有幫助。",
            )
        ),
        examples=[
            str(Text("About 150, in a spreadsheet", "大約 150 筆，在試算表裡")),
            str(Text("None with an answer, but thousands without", "有答案的沒有，沒答案的有好幾千筆")),
        ],
        default=str(Text("None yet: label 100 first", "還沒有：先標 100 筆")),
    )
