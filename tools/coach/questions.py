"""The questions a goal is made clear with: the core before a task is created, the rest at the moment it matters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...resources.foundation.language import Text
from ...resources.task import TASK_TYPES, Task
from ..data.task_kind import task_kind
from .answer import Question

OPEN = re.compile(r"\s*<[^<>]*>\s*")  # what an answer goes into: `<the answer, in their words>`


@dataclass(frozen=True)
class Topic:
    """One thing to find out.

    Arguments:
        key: its name among the answers.
        path: the field of `task.yaml` it is kept in.
        again: how to ask somebody who could not answer: something to choose from.
        default: what to put down when the person does not know; `value` where the file wants something else.
        easy: whether the default is taken at the first "I don't know" (else the question is asked the second way).
        beside: further fields that an answer often holds as well.
    """

    key: str
    path: str
    ask: Text
    why: Text
    examples: tuple[Text, ...]
    again: Text
    default: Text
    value: Any = None
    easy: bool = True
    beside: tuple[str, ...] = ()

    def question(self, again: bool = False) -> Question:
        """The question in the spoken language, `again` in its second form."""
        return Question(
            field=self.path,
            ask=str(self.again if again else self.ask),
            why=str(self.why),
            examples=[str(example) for example in self.examples],
            default=str(self.default),
        )


PAIN = Topic(
    "pain_point",
    "pain_point",
    Text(
        "What hurts today? Tell me about the last time it cost you time, money or nerves.",
        "現在最讓你頭痛的是什麼？說說最近一次因此多花時間、多花錢或出錯的情況。",
    ),
    Text(
        "The problem decides everything after it: what to predict, how good is good enough, and whether training a "
        "model is the right cure at all.",
        "後面的一切都由問題決定：要預測什麼、多好才夠好，甚至該不該訓練模型。",
    ),
    (
        Text(
            "Two people sort 400 customer mails by hand every morning, and urgent ones wait until noon.",
            "兩位同事每天早上手動分 400 封客服信，急件常常拖到中午才被看到。",
        ),
        Text(
            "Analysts read all the news to find the few lines that are bad for our companies.",
            "分析師要讀完所有新聞，才找得到對持股公司不利的那幾句。",
        ),
    ),
    Text(
        "Which comes closest? (a) sorting incoming texts, (b) judging how something is spoken of, (c) finding answers "
        "in documents, (d) nothing in particular, just trying it out.",
        "哪一個最接近？（甲）要替湧進來的文字分類、（乙）要判斷別人對某件事的評價、（丙）要從文件找答案、"
        "（丁）沒有特別的問題，只是想試試看。",
    ),
    Text("No particular problem: we want to try it out", "沒有特定的問題，想先試試看"),
    easy=False,
)
GOAL = Topic(
    "goal",
    "goal",
    Text(
        "Picture it working: what happens differently, and what will you do with each answer?",
        "想像它已經做好了：事情會有什麼不同？拿到每個答案之後，你會怎麼用？",
    ),
    Text(
        "I hold every result against this sentence, so it should be yours.",
        "之後每個結果我都會拿來對照這句話，所以要用你自己的話說。",
    ),
    (
        Text(
            "Every mail is in the right queue within a minute; people only read the urgent ones first.",
            "每封信一分鐘內進到正確的佇列，同事先看急件就好。",
        ),
        Text(
            "Analysts open the ten worst sentences first instead of reading four hundred.",
            "分析師先看最不利的十句就好，不必讀完四百句。",
        ),
    ),
    Text(
        "Which one would make you say it was worth it? (a) time saved, (b) fewer mistakes, (c) answers sooner, (d) "
        "seeing whether it can work at all.",
        "做到哪一點你會覺得值得？（甲）省時間、（乙）少出錯、（丙）更快有答案、（丁）先看看做不做得到。",
    ),
    Text("See whether a small model can take this work over", "先看看小模型能不能接手這件事"),
    easy=False,
)
EXAMPLE = Topic(
    "example",
    "type",
    Text(
        "Show me one real input and the answer you would want for it. Is the answer about the whole text, or about "
        "one person, company or product named in it?",
        "請給我一筆真實的輸入，和你希望得到的答案。這個答案是針對整段文字，還是針對文字裡提到的某個人、公司或產品？",
    ),
    Text(
        "One concrete example settles the kind of task better than any description: `classification` labels a whole "
        "text, `entity-classification` labels it for one thing named in it, `extraction` copies parts of it, "
        "`generation` writes a text for it, `chat` answers a conversation, `preference` learns which of two answers is "
        "better.",
        "一個具體例子比任何描述都清楚：`classification` 是替整段文字貼標籤，"
        "`entity-classification` 是針對其中一個對象貼標籤，`extraction` 是擷取其中的片段，"
        "`generation` 是依文字寫出另一段文字，`chat` 是回覆一段對話，`preference` 是學會兩個回答哪個比較好。",
    ),
    (
        Text("“My parcel is late again” → delivery   (classification)", "「包裹又延遲了」→ 物流（classification）"),
        Text(
            "“A won the order that B lost”, about B → negative   (entity-classification)",
            "「甲公司拿下乙公司丟掉的訂單」，問乙公司 → 負面（entity-classification）",
        ),
        Text(
            "“Invoice 4711 over 300 dollars, due in May” → number: 4711, amount: 300 dollars   (extraction)",
            "「發票 4711，金額 300 元，五月到期」→ 號碼：4711、金額：300 元（extraction）",
        ),
    ),
    Text(
        "An invented one will do: a sentence as it might come in, an arrow, and the word you would write beside it. "
        "If even that is hard: one text in, one label out.",
        "自己編一句也可以：寫一句可能會收到的話、一個箭頭，再寫上你會標的字。"
        "連這個都難想的話，就先當成「一段文字，一個標籤」。",
    ),
    Text("One text in, one label out (classification)", "一段文字，一個標籤（classification）"),
    easy=False,
)
LABELS = Topic(
    "labels",
    "labels",
    Text(
        "Which answers may it give? List every label, and say what you would do with a text that fits none.",
        "可以回答哪些標籤？請全部列出來，也說說遇到都不符合的文字要怎麼辦。",
    ),
    Text(
        "Few labels that two people would agree on beat many fine ones: each label needs rows of its own.",
        "少而明確、兩個人會標得一樣的標籤，勝過又多又細的：每個標籤都需要自己的資料。",
    ),
    (
        Text("positive, neutral, negative", "正面、中立、負面"),
        Text("delivery, billing, product, other", "物流、帳務、商品、其他"),
    ),
    Text(
        "Start with two: what do you want to catch, and everything else? Labels can still change until the data is "
        "prepared.",
        "先從兩個開始就好：你最想抓出來的是什麼，其餘都算「其他」。資料準備好之前都還能改。",
    ),
    Text("yes, no", "是、否"),
    easy=False,
)
PRIVACY = Topic(
    "privacy",
    "constraints.privacy",
    Text(
        "May rows of your data be shown in this chat (its model may run on somebody else's computer), or must they "
        "stay inside your house?",
        "你的資料內容可以出現在這個對話裡嗎（對話模型可能在別人的機器上執行），還是必須留在內部？",
    ),
    Text(
        "`on-premise` keeps the text of every row out of everything I show; training works the same.",
        "選 `on-premise`，我顯示的任何內容都不會帶出資料原文；訓練完全不受影響。",
    ),
    (Text("open", "open"), Text("on-premise", "on-premise")),
    Text(
        "Would your customers mind if a row of theirs stood in this chat? If you are not sure: on-premise.",
        "如果你的客戶看到自己的資料出現在這個對話裡，會不會介意？不確定就選 on-premise。",
    ),
    Text("on-premise", "on-premise"),
)
TODAY = Topic(
    "current_method",
    "current_method",
    Text(
        "How is it done today, where does that go wrong, and who pays for it (about how much a week)?",
        "目前怎麼處理？哪裡容易出錯？是誰在承擔，一個星期大概要付出多少代價？",
    ),
    Text(
        "It is what the model has to beat; its mistakes show which cases are hard, and its price says how much effort "
        "the cure may cost.",
        "這就是模型要贏過的對手；它常犯的錯告訴我們哪裡難，它的代價決定值得投入多少力氣。",
    ),
    (
        Text(
            "By hand in a spreadsheet, the two of us disagree on one in ten; six agents, ten hours a week.",
            "用試算表人工標，兩個人每十筆就有一筆意見不同；六位客服，每週約十小時。",
        ),
        Text(
            "Keyword rules; they miss irony and negation, and customers complain.",
            "用關鍵字規則，遇到反諷和否定句就會出錯，客人常來抱怨。",
        ),
    ),
    Text(
        "Who would notice first if it stopped being done, and how do they do it now?",
        "如果這件事沒人做了，最先發現的會是誰？他們現在是怎麼做的？",
    ),
    Text("Nobody does it yet", "目前沒有人處理"),
    beside=("affected",),
)
HARDWARE = Topic(
    "hardware",
    "constraints.hardware",
    Text(
        "Which machine may do the training, is there a budget for it, and when do you need a first usable version?",
        "可以用哪一台機器訓練？有沒有預算？什麼時候需要一個可以先用的版本？",
    ),
    Text(
        "It decides the size of the base model: a laptop takes a small one, a 24 GB GPU takes 4B with LoRA "
        "(llm-knowledge/memory-time-cost).",
        "這決定基礎模型的大小：筆電適合小模型，24 GB 顯示卡可以用 LoRA 訓練 4B（llm-knowledge/memory-time-cost）。",
    ),
    (
        Text("This laptop, no GPU, no budget, end of the month", "就這台筆電，沒有 GPU、沒有預算，月底前"),
        Text("One RTX 4090 with 24 GB; no hard date", "一張 24 GB 的 RTX 4090，沒有硬性期限"),
    ),
    Text(
        "Is this machine fine to begin with? A first small model costs nothing but its time.",
        "先用這台機器可以嗎？第一個小模型除了時間，不花別的。",
    ),
    Text("This machine", "就這台機器"),
    beside=("constraints.budget", "constraints.deadline"),
)
SUCCESS = Topic(
    "threshold",
    "success_criteria.threshold",
    Text(
        "From which score on would you use it, and how right is today's way (0 to 1)?",
        "分數到多少你就會開始用？目前的做法又有多準（0 到 1）？",
    ),
    Text(
        "Set before the first training, so that the goal cannot drift to wherever the result lands. Labels are "
        "measured by macro-F1 (rare ones count as much), spans by entity F1, written texts by chrF (llm-knowledge/evaluation).",
        "先定好再訓練，標準才不會跟著結果跑。標籤用 macro-F1（少見的一樣算數）、片段用實體 F1、寫出來的文字用 chrF"
        "（llm-knowledge/evaluation）。",
    ),
    (
        Text("0.80; our people agree on 0.90", "0.80；同事之間的一致程度是 0.90"),
        Text("0.70 is enough to sort the queue", "0.70 就足夠先幫忙排序"),
    ),
    Text(
        "If it got one in five wrong, could you still use it (0.8)? One in ten (0.9)? One in three (0.67)?",
        "每五筆錯一筆還能用嗎（0.8）？每十筆錯一筆（0.9）？還是每三筆錯一筆也行（0.67）？",
    ),
    Text("0.8", "0.8"),
    value=0.8,
    beside=("success_criteria.baseline",),
)
DEPLOYMENT = Topic(
    "deployment",
    "constraints.deployment",
    Text(
        "Where will it answer (this machine, Ollama, a server of yours), will new rows keep coming, and how many "
        "versions do you want to keep?",
        "模型之後要放在哪裡用（這台機器、Ollama、你們的伺服器）？會一直有新資料嗎？想保留幾個版本？",
    ),
    Text(
        "The place decides the format, and the format must answer as it was evaluated; new rows decide when the next "
        "version is due (llm-knowledge/deployment).",
        "放在哪裡決定檔案格式，換了格式還要答得和評估時一樣；有沒有新資料決定何時要做下一版（llm-knowledge/deployment）。",
    ),
    (
        Text(
            "This machine first; 50 new mails a week; keep the last three", "先放這台機器；每週新增 50 封；保留最近三版"
        ),
        Text("In Ollama on the office server; no new rows", "放在辦公室伺服器的 Ollama，不會有新資料"),
    ),
    Text("Is an endpoint on this machine good enough to begin with?", "先在這台機器開一個端點，可以嗎？"),
    Text("This machine", "這台機器"),
    beside=("resources.renewal", "versioning.iterations", "versioning.retention"),
)

CORE = (PAIN, GOAL, EXAMPLE, LABELS, PRIVACY)
BEFORE_PLANNING = (TODAY, SUCCESS, HARDWARE)
LATER = (*BEFORE_PLANNING, DEPLOYMENT)
TOPICS = {topic.key: topic for topic in (*CORE, *LATER)}
# Where each answer that is not a topic's own goes in `task.yaml`.
FURTHER = {
    "title": "title",
    "name": "name",
    "type": "type",
    "language": "language",
    "impact": "impact",
    "affected": "affected",
    "deadline": "constraints.deadline",
    "budget": "constraints.budget",
    "metric": "success_criteria.metric",
    "baseline": "success_criteria.baseline",
    "rows": "resources.rows",
    "source": "resources.source",
    "renewal": "resources.renewal",
    "balance": "resources.balance",
    "iterations": "versioning.iterations",
    "retention": "versioning.retention",
}


def open_topics(topics: tuple[Topic, ...], task: Task) -> list[Topic]:
    """The topics `task.yaml` says nothing about. Privacy always says something, and so does the type, which may need no
    labels."""
    settled = (PRIVACY, EXAMPLE, *(() if task_kind(task.type).needs_labels else (LABELS,)))
    return [topic for topic in topics if topic not in settled and _says_nothing(_value(task, topic.path))]


def changes_for(topic: Topic) -> dict[str, Any]:
    """The `changes` of `update_task` that keep the answer to `topic`."""
    if topic is LABELS:
        return {"labels": ["<label>", "<label>"]}
    if topic is TODAY:
        return {
            "current_method": "<how it is done and where it goes wrong>",
            "impact": "<what it costs, in their words; or leave out>",
        }
    return {topic.path: "<0 to 1>" if topic is SUCCESS else "<the answer, in their words>"}


def default_for(topic: Topic) -> dict[str, Any]:
    """The `changes` of `update_task` that put the default down."""
    value = topic.value if topic.value is not None else str(topic.default)
    return {topic.path: split_labels(value) if topic is LABELS else value}


def placeholders_for(topic: Topic) -> dict[str, Any]:
    """The `answers` of `coach` that carry the answer to `topic` while there is no task yet."""
    if topic is EXAMPLE:
        return {"example": "<input → answer>", "type": f"<{', '.join(TASK_TYPES)}>"}
    if topic is LABELS:
        return {"labels": ["<label>", "<label>"]}
    if topic is PRIVACY:
        return {"privacy": "<open or on-premise>"}
    return {topic.key: "<the answer, in their words>"}


def split_labels(value: Any) -> list[str]:
    """The labels in a list or in a sentence (`物流、帳務、其他`), each once."""
    items = value if isinstance(value, list) else _split(str(value))
    return list(dict.fromkeys(str(item).strip()[:100] for item in items if str(item).strip()))


def _split(text: str) -> list[str]:
    for separator in ",，、;；/|\n":
        text = text.replace(separator, "\x00")
    return text.split("\x00")


def _says_nothing(value: Any) -> bool:
    """Whether a field is empty, or holds a `<…>` that nobody filled in."""
    if isinstance(value, list):
        return not value or all(_says_nothing(item) for item in value)
    return value is None or (isinstance(value, str) and bool(OPEN.fullmatch(value) or not value.strip()))


def _value(task: Task, path: str) -> Any:
    value: Any = task
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value
