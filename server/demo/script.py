"""What the person in the demonstration says, in each language."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Language


@dataclass(frozen=True)
class Script:
    """The person's side of the conversation."""

    wish: str
    problem: str
    details: str
    task: JsonObject
    v1_settings: JsonObject
    data_words: str
    more_words: dict[str, str]
    agreed: str
    what_next: str
    change: str
    compare: str
    override: str
    new_sentences: tuple[tuple[str, str], ...]  # (sentence, company), for the deployed model

    def data(self, path: Path) -> str:
        return self.data_words.format(path=path)

    def more(self, kind: str) -> str:
        return self.more_words[kind]


SCRIPTS: dict[Language, Script] = {
    "en": Script(
        wish="I want to train a model",
        problem="Our analysts read about 400 news sentences a day and mark, by hand, whether each is good or bad "
        "for every company named. It takes two people all morning, and they disagree on one in ten.",
        details="Text plus a company → positive, neutral or negative. Macro-F1 of 0.60 on wordings it has never seen "
        "would already let us sort the queue. It has to run on our own machine.",
        task={
            "title": "Sentiment about a company",
            "type": "entity-classification",
            "language": "en",
            "labels": ["positive", "neutral", "negative"],
            "goal": "Mark each sentence as good, neutral or bad news for the company named, before the analysts read it",
            "pain_point": "Two people spend every morning on 400 sentences and disagree on one in ten",
            "current_method": "By hand, in a spreadsheet",
            "success_criteria": {"metric": "macro_f1", "threshold": 0.60},
            "constraints": {"hardware": "one laptop, no GPU", "deployment": "local endpoint"},
        },
        v1_settings={},
        data_words="The annotated rows are in {path}.",
        more_words={
            "database": "Before we touch the settings: our annotation database, in PostgreSQL, holds more rows, many of them "
            "neutral. Let us change only that.",
            "file": "Before we touch the settings: there is a second export with more rows, many of them neutral. Let us "
            "change only that.",
        },
        agreed="Yes, go ahead.",
        what_next="v1 is done. What should I change?",
        change="More rows, neutral ones above all",
        compare="Compare entity-sentiment v1 and v2",
        override="Demonstration: shows deployment and parity whatever the score",
        new_sentences=(
            ("Tern Harbour cut its full-year forecast after losing its largest customer.", "Tern Harbour"),
            ("Orders at Quillon Foods have doubled since spring, and margins rose with them.", "Quillon Foods"),
            ("Bexley Rail will publish its quarterly report on Thursday.", "Bexley Rail"),
        ),
    ),
    "zh-TW": Script(
        wish="我想訓練一個模型",
        problem="我們的分析師每天要讀大約 400 句新聞，用人工標出每一句對提到的公司是好消息還是壞消息。"
        "兩個人要花一整個早上，而且每十句就有一句看法不同。",
        details="輸入是一句話加上一家公司，輸出正面、中立或負面。沒看過的寫法 macro-F1 能到 0.60，"
        "就可以先幫我們排序。必須在自己的機器上執行。",
        task={
            "title": "公司情感分析",
            "type": "entity-classification",
            "language": "zh-TW",
            "labels": ["正面", "中立", "負面"],
            "goal": "在分析師閱讀之前，先標出每一句話對所提公司是好消息、中立還是壞消息",
            "pain_point": "兩個人每天早上花在 400 句話上，而且每十句就有一句看法不同",
            "current_method": "用試算表人工標註",
            "success_criteria": {"metric": "macro_f1", "threshold": 0.60},
            "constraints": {"hardware": "一台筆電，沒有 GPU", "deployment": "本機端點"},
        },
        v1_settings={},
        data_words="標註好的資料在 {path}。",
        more_words={
            "database": "先不動設定：標註資料庫（PostgreSQL）裡還有更多資料，很多是中立的。這次只改這一項。",
            "file": "先不動設定：還有第二份匯出檔，裡面有更多資料，很多是中立的。這次只改這一項。",
        },
        agreed="好，請進行。",
        what_next="v1 訓練好了，接下來該改什麼？",
        change="增加資料，以中立為主",
        compare="比較 entity-sentiment v1 和 v2",
        override="示範：無論分數高低都展示部署與一致性比對",
        new_sentences=(
            ("河灣電子失去最大客戶，下修全年財測。", "河灣電子"),
            ("青岑食品的訂單從春天以來翻倍，毛利也跟著上升。", "青岑食品"),
            ("遠帆軌道將於週四公布季報。", "遠帆軌道"),
        ),
    ),
}
