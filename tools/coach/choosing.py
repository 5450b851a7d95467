"""Whether to train at all: prompting, retrieval, rules, TF-IDF or more data where one of them is the better cure."""

from __future__ import annotations

from ...resources.figures import figure
from ...resources.foundation.language import Text, several
from ..evaluate.baseline import baseline_title, fitted_title
from .analysis import Result
from .answer import DecisionDue, Question

_PROMPT = Text("Prompt an untrained model with a few examples", "用提示詞加幾個範例，不訓練")
_LOOK_UP = Text("Retrieval: search the documents, answer from what was found", "檢索：先搜尋文件，再根據找到的內容回答")
_RULES = Text("Keyword rules", "關鍵字規則")
_TF_IDF = Text("TF-IDF with logistic regression", "TF-IDF＋邏輯迴歸")
_COLLECT = Text("Collect more rows first", "先收集更多資料")
_TRAIN = Text("Fine-tune a small model", "微調一個小模型")


def decision(
    what: Text, options: list[Text], recommendation: Text, reasons: list[Text], changes_if: Text
) -> DecisionDue:
    """A decision in the spoken language."""
    return DecisionDue(
        what=str(what),
        options=list(map(str, options)),
        recommendation=str(recommendation),
        reasons=list(map(str, reasons)),
        changes_if=str(changes_if),
    )


def retrieval_decision() -> DecisionDue:
    """Facts that live in documents are looked up, not trained in."""
    return decision(
        Text("Train a model, or look the answers up", "要訓練模型，還是用檢索"),
        [_LOOK_UP, _PROMPT, _TRAIN],
        Text("Retrieval; do not train for this", "用檢索；這件事不要訓練"),
        [
            Text(
                "Training teaches form and behaviour; facts learnt that way go stale with the next change, and nobody can "
                "see where an answer came from (llm-knowledge/retrieval-or-training).",
                "訓練教的是形式與行為；用訓練記住的事實，內容一改就過時，也看不出答案從哪裡來"
                "（llm-knowledge/retrieval-or-training）。",
            ),
            Text(
                "A looked-up answer can be cited, and changing a document changes the answer the same minute.",
                "檢索的答案可以附上出處，文件一改，答案馬上跟著改。",
            ),
        ],
        Text(
            "If the work is to decide (which kind of question, urgent or not, which department), that part is "
            "classification, and worth training.",
            "如果其中有判斷的部分（哪一類問題、急不急、給哪個部門），那是分類，值得訓練。",
        ),
    )


def retrieval_question() -> Question:
    return Question(
        field="goal",
        ask=str(
            Text(
                "Is there a decision in it, one of a few fixed answers, that people make again and again?",
                "這裡面有沒有大家一再重複、答案固定就那幾種的判斷？",
            )
        ),
        why=str(
            Text(
                "That part can be trained and measured; the rest is better looked up.",
                "這個部分可以訓練、也量得出來；其餘的用檢索比較好。",
            )
        ),
        examples=[
            str(Text("Which team a question belongs to", "這個問題該交給哪一組")),
            str(Text("No, only answers from the documents", "沒有，就是從文件找答案")),
        ],
        default=str(Text("No, only answers from the documents", "沒有，就是從文件找答案")),
    )


def rules_decision(result: Result | None = None) -> DecisionDue:
    """A keyword that settles it needs no model; how often it does can be counted."""
    counted = Text(
        "It can be counted before anything is decided: apply the rule to 100 labelled rows and see how many it gets "
        "right. What it cannot tell is what a model would be for.",
        "動手前就數得出來：拿 100 筆標好的資料套用規則，看對幾筆。規則分不出來的，才是模型該做的。",
    )
    measured = (
        [
            Text(
                f"On your own benchmark {result.version.name} reaches {result.value:.3f}: the rule has to beat that.",
                f"在你自己的評估基準上，{result.version.name} 是 {result.value:.3f}：規則要贏過它才算數。",
            )
        ]
        if result
        else []
    )
    first = (
        Text(
            "Count on the same rows how often the rule is right, then choose", "先用同一批資料數數看規則對幾筆，再決定"
        )
        if result
        else _RULES
    )
    return decision(
        Text("Train a model, or write rules", "要訓練模型，還是寫規則"),
        [first, *([_RULES] if result else []), _TF_IDF, _TRAIN],
        first,
        [
            Text(
                "Where a few words always settle it, a rule is exact, free, and everybody can read why "
                "(llm-knowledge/choosing-a-method).",
                "幾個字就能確定的事，寫規則最準、不花錢，誰都看得懂為什麼（llm-knowledge/choosing-a-method）。",
            ),
            counted,
            *measured,
        ],
        Text(
            "Negation, irony, misspellings or two topics in one text: that is where rules break and training pays.",
            "遇到否定、反諷、錯字，或一段話講兩件事，規則就會出錯，那時訓練才划算。",
        ),
    )


def few_rows(rows: int | None) -> DecisionDue | None:
    """With very few rows: rather prompt, or collect, than train."""
    least = figure("rows_to_start")
    if rows is None or rows >= least:
        return None
    return decision(
        Text("Train now, or not yet", "現在訓練，還是先不要"),
        [_PROMPT, _COLLECT, Text("Train anyway", "還是要訓練")],
        Text("Collect rows, and prompt in the meantime", "先收集資料，這段期間用提示詞"),
        [
            Text(
                f"{several(rows, 'row') if rows else 'No labelled rows'}: supervised fine-tuning begins to pay at about "
                f"{least:.0f}, and a test split smaller than that shows nothing (llm-knowledge/data-sizes).",
                f"{f'只有 {rows} 筆' if rows else '還沒有標好的資料'}：監督式微調大約 {least:.0f} 筆起才划算，而且這樣切出來的測試集看不出差別"
                "（llm-knowledge/data-sizes）。",
            ),
            Text(
                "What the prompt gets wrong, corrected by a person, is the best first data there is.",
                "提示詞答錯、再由人更正的那些，就是最好的第一批資料。",
            ),
        ],
        Text(
            f"From about {figure('rows_typical'):.0f} rows on a first version is worth measuring.",
            f"累積到大約 {figure('rows_typical'):.0f} 筆，就值得做第一版來量。",
        ),
    )


def whether_to_train(rows: int | None = None, result: Result | None = None) -> DecisionDue:
    """All the cures side by side, the recommendation from what is measured, else from how much there is to learn from.

    Arguments:
        rows: how many labelled rows there are; None where nobody said.
        result: the best evaluated version, whose evaluation measured the simple methods beside it.
    """
    if result is not None and result.simplest is not None:
        return _decision_by_result(result)
    if few := few_rows(rows):
        return few
    known = (
        Text(
            f"You have {rows} rows, enough to measure instead of believing.",
            f"你有 {rows} 筆資料，夠直接量，不必用猜的。",
        )
        if rows
        else Text(
            f"It depends first on rows: under {figure('rows_to_start'):.0f} prompt, from about "
            f"{figure('rows_typical'):.0f} on train (llm-knowledge/data-sizes).",
            f"先看有幾筆資料：少於 {figure('rows_to_start'):.0f} 筆用提示詞，大約 {figure('rows_typical'):.0f} "
            "筆以上再訓練（llm-knowledge/data-sizes）。",
        )
    )
    return decision(
        Text(
            "Which cure: prompt, look up, rules, TF-IDF, or training", "用哪一種：提示詞、檢索、規則、TF-IDF，還是訓練"
        ),
        [_PROMPT, _LOOK_UP, _RULES, _TF_IDF, _TRAIN],
        Text(
            "Measure: train one small model; every evaluation puts TF-IDF, the majority answer and the untuned model "
            "beside it",
            "用量的：先訓練一個小模型，每次評估都會把 TF-IDF、多數類別和未微調的模型擺在旁邊比",
        )
        if rows
        else Text("Count the labelled rows first", "先算算有幾筆標好的資料"),
        [
            known,
            Text(
                "Facts that change: retrieval. A word that settles it: a rule. One of a few answers, again and again: a "
                "classifier (llm-knowledge/choosing-a-method).",
                "內容會變的事實用檢索；看一個字就能定的用規則；一再從固定幾個答案裡選的，才需要分類模型"
                "（llm-knowledge/choosing-a-method）。",
            ),
            Text(
                "If TF-IDF comes out as good, it is the better choice: seconds to train, no GPU.",
                "如果 TF-IDF 一樣好，就選它：幾秒訓練完，也不需要 GPU。",
            ),
        ],
        Text(
            "Answers that must be written out in full are not a choice of labels.",
            "如果答案必須整段寫出來，那就不是選標籤的事。",
        ),
    )


def _method(name: str) -> Text:
    title = baseline_title(name)
    return Text(f"Use {title.en}", f"採用{title.zh}")


def _decision_by_result(result: Result) -> DecisionDue:
    assert result.simplest is not None
    name, value, outcome = result.simplest.name, result.simplest.value, result.simplest.outcome
    simple = {"tfidf": _TF_IDF, "majority": Text("Always give the most frequent answer", "一律回答最常見的標籤")}.get(
        name
    ) or _method(name)
    tuned = Text(f"Keep {result.version.name}", f"沿用 {result.version.name}")
    fitted = fitted_title(name, result.simplest.fitted_on)
    figures = Text(
        f"Measured on the same {several(result.rows, 'row')}: {result.version.name} {result.value:.3f}, {fitted.en} "
        f"{value:.3f} (baselines in versions/{result.version.name}/results.json).",
        f"同一批 {result.rows} 筆量出來：{result.version.name} 是 {result.value:.3f}，{fitted.zh}是 {value:.3f}"
        f"（見 versions/{result.version.name}/results.json 的 baselines）。",
    )
    why = {
        "wins": Text(
            "The simple method is at least as good, trains in seconds and needs no GPU.",
            "簡單方法至少一樣好，幾秒就訓練完，也不需要 GPU。",
        ),
        "ties": Text(
            "The difference is not shown, so the cheaper one is the sensible default (llm-knowledge/statistics).",
            "看不出差別，選便宜的比較合理（llm-knowledge/statistics）。",
        ),
        "loses": Text("The model is ahead by more than these rows could show by chance.", "模型領先，而且不像是碰巧。")
        if result.simplest.ahead
        else Text("The model is ahead on these rows.", "在這批資料上模型領先。"),
    }[outcome]
    return decision(
        Text("Was training worth it", "訓練值不值得"),
        [simple, tuned, _COLLECT],
        tuned if outcome == "loses" else simple,
        [figures, why],
        Text(
            "New kinds of texts, where counting words no longer helps, speak for the model.",
            "如果之後會遇到字面很不一樣的文字，光數字詞就不夠了，那時模型比較有利。",
        ),
    )
