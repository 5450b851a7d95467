"""The questions a goal is made clear with, in the order they are asked: the pain first, the settings last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...resources.language import Text
from ...resources.task import Task
from .answer import Question


@dataclass(frozen=True)
class Topic:
    """One thing to find out.

    Arguments:
        key: its name among the answers.
        path: the field of `task.yaml` it is kept in.
        default: what to put down when the person does not know.
    """

    key: str
    path: str
    ask: Text
    why: Text
    examples: tuple[Text, ...]
    default: Text | None = None

    def question(self) -> Question:
        return Question(
            field=self.path, ask=str(self.ask), why=str(self.why), examples=[str(example) for example in self.examples],
            default=str(self.default) if self.default else None,
        )


PAIN = Topic(
    "pain_point", "pain_point",
    Text("What hurts today? Tell me about the last time it cost you time, money or nerves.",
         "現在最讓你頭痛的是什麼？說說最近一次因此多花時間、多花錢或出錯的情況。"),
    Text("The problem decides everything after it: what to predict, how good is good enough, and whether training a "
         "model is the right cure at all.",
         "後面的一切都由問題決定：要預測什麼、多好才夠好，甚至該不該訓練模型。"),
    (Text("Two people sort 400 customer mails by hand every morning, and urgent ones wait until noon.",
          "兩位同事每天早上手動分 400 封客服信，急件常常拖到中午才被看到。"),
     Text("Analysts read all the news to find the few lines that are bad for our companies.",
          "分析師要讀完所有新聞，才找得到對持股公司不利的那幾句。")),
)
METHOD = Topic(
    "current_method", "current_method",
    Text("How do you deal with it now, and where does that way fall short?", "目前怎麼處理？這個做法哪裡不夠好？"),
    Text("It is what the model has to beat, and its mistakes show which cases are hard.",
         "這就是模型要贏過的對手；它常犯的錯，也告訴我們哪些情況比較難。"),
    (Text("By hand in a spreadsheet; the two of us disagree on one in ten.",
          "用試算表人工標，兩個人每十筆就有一筆意見不同。"),
     Text("Keyword rules; they miss irony and negation.", "用關鍵字規則，遇到反諷和否定句就會出錯。")),
    Text("Nothing yet: nobody does it", "目前沒有人處理"),
)
IMPACT = Topic(
    "impact", "impact",
    Text("Who feels it, and what does it cost them in a week?", "受影響的是誰？一個星期大概要付出多少代價？"),
    Text("That is how much effort the cure may cost, and who will tell us whether it helped.",
         "這決定值得投入多少力氣，也決定之後由誰來說有沒有幫助。"),
    (Text("Six support agents, about ten hours a week, and angry customers.",
          "六位客服，每週約十小時，還有等不到回覆的客人。"),),
    Text("Not measured yet", "還沒有估算過"),
)
GOAL = Topic(
    "goal", "goal",
    Text("Picture it working: what happens differently, and what will you do with each answer?",
         "想像它已經做好了：事情會有什麼不同？拿到每個答案之後，你會怎麼用？"),
    Text("I hold every result against this sentence, so it should be yours.",
         "之後每個結果我都會拿來對照這句話，所以要用你自己的話說。"),
    (Text("Every mail is in the right queue within a minute; people only read the urgent ones first.",
          "每封信一分鐘內進到正確的佇列，同事先看急件就好。"),),
)
DEADLINE = Topic(
    "deadline", "constraints.deadline",
    Text("When do you need a first version you could use?", "什麼時候需要一個可以先用的版本？"),
    Text("A week allows one small model on the data at hand; a quarter allows collecting better data.",
         "一週內適合先用手上的資料做小模型；若有一季，就值得先收集更好的資料。"),
    (Text("End of next month", "下個月底"), Text("No hard date", "沒有硬性期限")),
    Text("No hard date", "沒有硬性期限"),
)
EXAMPLE = Topic(
    "example", "type",
    Text("Show me one real input and the answer you would want for it. Is the answer about the whole text, or about "
         "one person, company or product named in it?",
         "請給我一筆真實的輸入，和你希望得到的答案。這個答案是針對整段文字，還是針對文字裡提到的某個人、公司或產品？"),
    Text("One concrete example settles the kind of task better than any description: `classification` labels a whole "
         "text, `entity-classification` labels it for one thing named in it.",
         "一個具體例子比任何描述都清楚：`classification` 是替整段文字貼標籤，"
         "`entity-classification` 是針對其中一個對象貼標籤。"),
    (Text("“My parcel is late again” → delivery   (classification)", "「包裹又延遲了」→ 物流（classification）"),
     Text("“A won the order that B lost”, about B → negative   (entity-classification)",
          "「甲公司拿下乙公司丟掉的訂單」，問乙公司 → 負面（entity-classification）")),
)
LABELS = Topic(
    "labels", "labels",
    Text("Which answers may it give? List every label, and say what you would do with a text that fits none.",
         "可以回答哪些標籤？請全部列出來，也說說遇到都不符合的文字要怎麼辦。"),
    Text("Few labels that two people would agree on beat many fine ones: each label needs rows of its own.",
         "少而明確、兩個人會標得一樣的標籤，勝過又多又細的：每個標籤都需要自己的資料。"),
    (Text("positive, neutral, negative", "正面、中立、負面"),
     Text("delivery, billing, product, other", "物流、帳務、商品、其他")),
)
PRIVACY = Topic(
    "privacy", "constraints.privacy",
    Text("May rows of your data be shown in this chat (its model may run on somebody else's computer), or must they "
         "stay inside your house?",
         "你的資料內容可以出現在這個對話裡嗎（對話模型可能在別人的機器上執行），還是必須留在內部？"),
    Text("`on-premise` keeps the text of every row out of everything I show; training works the same.",
         "選 `on-premise`，我顯示的任何內容都不會帶出資料原文；訓練完全不受影響。"),
    (Text("open", "open"), Text("on-premise", "on-premise")),
    Text("on-premise", "on-premise"),
)
HARDWARE = Topic(
    "hardware", "constraints.hardware",
    Text("Which machine may do the training, and is there a budget for it?", "可以用哪一台機器訓練？有沒有預算？"),
    Text("It decides the size of the base model: a laptop takes a small one, a 24 GB GPU takes 4B with LoRA.",
         "這決定基礎模型的大小：筆電適合小模型，24 GB 顯示卡可以用 LoRA 訓練 4B。"),
    (Text("This laptop, no GPU, no budget", "就這台筆電，沒有 GPU，也沒有預算"),
     Text("One RTX 4090 with 24 GB", "一張 24 GB 的 RTX 4090")),
    Text("This machine, no budget", "就這台機器，沒有預算"),
)
SUCCESS = Topic(
    "threshold", "success_criteria.threshold",
    Text("From which score on would you use it, and how right is today's way (0 to 1)?",
         "分數到多少你就會開始用？目前的做法又有多準（0 到 1）？"),
    Text("Set before the first training, so that the goal cannot drift to wherever the result lands. Macro-F1 counts "
         "every label alike, rare ones too.",
         "先定好再訓練，標準才不會跟著結果跑。macro-F1 對每個標籤一視同仁，少見的也算數。"),
    (Text("0.80; our people agree on 0.90", "0.80；同事之間的一致程度是 0.90"),
     Text("0.70 is enough to sort the queue", "0.70 就足夠先幫忙排序")),
    Text("0.8", "0.8"),
)

BEFORE_CREATING = (PAIN, METHOD, IMPACT, GOAL, DEADLINE, EXAMPLE, LABELS, PRIVACY)
BEFORE_PLANNING = (HARDWARE, SUCCESS)
TOPICS = {topic.key: topic for topic in (*BEFORE_CREATING, *BEFORE_PLANNING)}
# What else an answer may be called: fields of `create_task`, and further words that serve the advice.
FURTHER = ("title", "name", "type", "language", "rows", "source", "metric", "baseline", "budget", "deployment")


def unanswered(topics: tuple[Topic, ...], task: Task) -> list[Topic]:
    """The topics `task.yaml` says nothing about. Privacy always says something, and so does the type."""
    return [topic for topic in topics if topic not in (PRIVACY, EXAMPLE) and _value(task, topic.path) in (None, "", [])]


def changes_for(topic: Topic) -> dict[str, Any]:
    """The `changes` of `update_task` that keep the answer to `topic`."""
    if topic is SUCCESS:
        return {"success_criteria.threshold": "<0 to 1>", "success_criteria.baseline": "<0 to 1, or leave out>"}
    if topic is HARDWARE:
        return {"constraints.hardware": "<the answer>", "constraints.budget": "<the answer, or leave out>"}
    if topic is LABELS:
        return {"labels": ["<label>", "<label>"]}
    return {topic.path: "<the answer, in their words>"}


def placeholders_for(topic: Topic) -> dict[str, Any]:
    """The `answers` of `coach` that carry the answer to `topic` while there is no task yet."""
    if topic is EXAMPLE:
        return {"example": "<input → answer>", "type": "<classification or entity-classification>"}
    if topic is LABELS:
        return {"labels": ["<label>", "<label>"]}
    if topic is PRIVACY:
        return {"privacy": "<open or on-premise>"}
    return {topic.key: "<the answer, in their words>"}


def _value(task: Task, path: str) -> Any:
    value: Any = task
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value
