"""Something is not good enough: in the test, or only since it is in use."""

from __future__ import annotations

from ...resources.answer import NextStep
from ...resources.figures import figure
from ...resources.foundation.language import Text
from ...resources.version import VersionFolder
from . import states
from .analysis import Result, against_the_parent, against_the_simplest, result_of, where_it_stands
from .answer import CoachAnswer, Question
from .answer_builder import build_answer, call, chosen_version, consent
from .choosing import decision
from .intent import Said, mentions
from .situation import Situation
from .wording import benefit, join_sentences

_LONGEST_COMPLAINT = 300


def performance(situation: Situation, said: Said) -> CoachAnswer:
    """A complaint about results: what the figures say, then the diagnosis, which names one change."""
    version = chosen_version(said, situation.evaluated)
    result = result_of(situation.task, version) if version else None
    if situation.job and situation.job.active:
        return states.answer(situation)
    if version is None or result is None:
        first = Text(
            "Nothing is measured yet, so there is nothing to diagnose: first the measurement.",
            "還沒有量過，也就沒有東西可以診斷，先量再說。",
        )
        return states.answer(situation, opening=first if situation.data or situation.trained else "")
    if situation.deployment and result.standing == "met":
        return bad_after_deployment(situation, said)
    message = join_sentences(
        benefit(situation.task),
        where_it_stands(result),
        against_the_parent(result),
        against_the_simplest(result),
        Text(
            "Before anything is changed, let us see why: the diagnosis ranks the causes with the figures and the rows behind "
            "each, and plans one change.",
            "改之前先看原因：診斷會把可能的原因排序，列出背後的數字與資料，再規劃一個改動。",
        ),
    )
    question = Question(
        field="complaint",
        ask=str(
            Text(
                "Which answers bother you most: can you name one text and the answer it should have had?",
                "最困擾你的是哪些答案？舉一句話，和它應該得到的答案。",
            )
        )
        if _may_show(situation)
        else str(Text("Which label, or which kind of text, bothers you most?", "最困擾你的是哪個標籤，或哪一類文字？")),
        why=str(
            Text("One real mistake often shows what no average does.", "一個真實的錯誤，常常比平均數更能說明問題。")
        ),
        examples=[
            str(Text("Mails that complain politely are taken for praise", "客氣的抱怨被當成稱讚")),
            str(Text("“other” swallows everything rare", "少見的都被丟進「其他」")),
        ],
        default=str(Text("All of them: just look at the figures", "都有，直接看數字吧")),
    )
    return build_answer(situation, "deciding", message, _diagnose(situation, version, said), question=question)


def bad_after_deployment(situation: Situation, said: Said) -> CoachAnswer:
    """Good in the test, bad in use: the one question that tells the causes apart, then the diagnosis."""
    live = situation.deployed_version or ""
    running = [one for one in situation.evaluated if one.name == live and not said.versions]
    version = running[0] if running else chosen_version(said, situation.evaluated)
    result = result_of(situation.task, version) if version else None
    if version is None or result is None:
        return states.answer(
            situation,
            opening=Text(
                "No version has been measured here, so its test score is not known; first the measurement.",
                "這裡還沒有量過任何版本，測試分數並不存在，先量再說。",
            ),
        )
    elsewhere = mentions("elsewhere", said.message, situation.task.constraints.deployment) or not situation.deployment
    more = figure("new_rows_for_version")
    due = decision(
        Text("Where the difference comes from", "差別從哪裡來"),
        [
            Text(
                "The other program asks it differently (chat template, system prompt, quantization)",
                "另一個程式問它的方式不同（對話模板、系統提示詞、量化）",
            ),
            Text(
                "The texts in use differ from the data (new topics, longer, typos)",
                "實際的文字和資料不一樣（新主題、更長、錯字）",
            ),
            Text(
                "The test was too easy (rows of one group on both sides of the split)",
                "測試太簡單（同一組的資料同時出現在訓練和測試）",
            ),
        ],
        Text("Check the template and quantization first", "先查模板與量化")
        if elsewhere
        else Text("Compare the failing texts with the data first", "先拿答錯的文字和資料比對"),
        [
            Text(
                "Another template is the most frequent cause outside this server: the model was trained on one exact form "
                "(llm-knowledge/trouble-bad-after-deployment, llm-knowledge/chat-templates).",
                "離開這個伺服器後，最常見的原因是模板不同：模型只學過一種固定的形式"
                "（llm-knowledge/trouble-bad-after-deployment、llm-knowledge/chat-templates）。",
            )
            if elsewhere
            else Text(
                "The endpoint here answered the whole benchmark as the evaluation did before it counted as deployed, so "
                "template and weights are right; what is left is the texts (llm-knowledge/trouble-bad-after-deployment).",
                "這裡的端點在部署完成前，已經把整個評估基準答得和評估時一樣，模板和權重沒有問題，剩下的就是文字本身"
                "（llm-knowledge/trouble-bad-after-deployment）。",
            ),
            Text(
                f"Whatever the cause: the answers people correct, with the right label, are new data; {more:.0f} of them "
                "make the next version and a second benchmark (set_data_source adds their file).",
                f"不管原因是什麼：大家更正過的答案加上正確標籤就是新資料，累積 {more:.0f} 筆就能做下一版和第二份評估基準"
                "（用 set_data_source 加入檔案）。",
            ),
        ],
        Text(
            "If the same text gets another answer here than there, it is the other program, not the data.",
            "同一句話在這裡和那裡答案不同，就是另一個程式的問題，不是資料。",
        ),
    )
    message = join_sentences(
        benefit(situation.task),
        where_it_stands(result),
        Text(
            "Good there and bad in use has three causes, and one question tells them apart.",
            "測試時好、用起來不好，原因有三種，一個問題就分得出來。",
        ),
    )
    return build_answer(
        situation,
        "live" if situation.deployment else "deciding",
        message,
        _diagnose(situation, version, said),
        question=_which_of_three(elsewhere),
        decision=due,
    )


def _which_of_three(elsewhere: bool) -> Question:
    if elsewhere:
        return Question(
            field="complaint",
            ask=str(
                Text(
                    "Give one text that fails there to this server too: does it answer the same? And is the model "
                    "there quantised (q4, q8), with which template?",
                    "拿一句在那邊答錯的話，也問問這裡的端點：答案一樣嗎？那邊的模型有量化（q4、q8）嗎？用的是哪個模板？",
                )
            ),
            why=str(
                Text(
                    "A different answer to the same text means the other program; the same wrong answer means the "
                    "texts.",
                    "同一句話答案不同，是另一個程式的問題；一樣答錯，就是文字的問題。",
                )
            ),
            examples=[
                str(
                    Text(
                        "Here it says delivery, in Ollama a whole paragraph; q4_K_M",
                        "這裡回答「物流」，Ollama 卻寫一整段；q4_K_M",
                    )
                ),
                str(Text("The same wrong answer in both", "兩邊一樣答錯")),
            ],
            default=str(Text("Not tried yet: suspect the template first", "還沒試：先懷疑模板")),
        )
    return Question(
        field="complaint",
        ask=str(
            Text(
                "What is different about the texts it gets wrong: new topics, another channel, longer, typos?",
                "答錯的文字有什麼不同？新的主題、別的管道、比較長，還是錯字多？",
            )
        ),
        why=str(
            Text(
                "The endpoint answers as it was evaluated, so what changed is what comes in.",
                "端點的回答和評估時一致，所以變的是進來的文字。",
            )
        ),
        examples=[
            str(Text("They come from chat now, short and without punctuation", "現在是聊天來的，很短、沒標點")),
            str(Text("A product that did not exist in the data", "資料裡沒有的新產品")),
        ],
        default=str(Text("Don't know: collect twenty of them and look", "不知道：先收集二十筆來看")),
    )


def _diagnose(situation: Situation, version: VersionFolder, said: Said) -> NextStep:
    complaint = {"complaint": said.message[:_LONGEST_COMPLAINT]} if said.message else {}
    return call(
        "diagnose",
        Text(
            "Ask, then diagnose (their words as complaint); it names the likeliest cause and one change.",
            "先問這一題，再診斷（把對方的話放進 complaint）；它會指出最可能的原因和一個改動。",
        ),
        task=situation.name,
        version=version.name,
        **complaint,
    )


def _may_show(situation: Situation) -> bool:
    return situation.task.constraints.privacy != "on-premise"


def accept(situation: Situation, said: Said) -> CoachAnswer:
    """They take what stands, below the goal or not: an honest record of why, then into use."""
    version = chosen_version(said, situation.evaluated)
    result = result_of(situation.task, version) if version else None
    if version is None or result is None:
        return states.answer(situation, opening=Text("Nothing is measured yet.", "還沒有量過。"))
    if result.standing in ("met", "no_goal"):
        return _deploy_it(situation, result, {}, Text("", ""))
    return _deploy_it(
        situation,
        result,
        {"override_reason": "<why it is good enough, in their words>"},
        Text(
            "You decide what is enough. It is below the goal you set, so your reason is kept with the deployment.",
            "夠不夠用由你決定。它還沒到你訂的目標，所以會把你的理由和部署一起記下來。",
        ),
    )


def _deploy_it(situation: Situation, result: Result, more: dict[str, str], why: Text) -> CoachAnswer:
    question = consent(
        Text("In one sentence: why is it good enough for you?", "用一句話說：為什麼對你來說夠用？")
        if more
        else Text("Shall it go live?", "要上線嗎？"),
        Text("In half a year somebody will ask; that may be you.", "半年後會有人問起，那個人可能就是你。"),
        [
            Text("It only sorts the queue; people read everything anyway", "它只是先排序，反正每封都有人看"),
            Text("Better than nothing until v2", "v2 出來之前，總比沒有好"),
        ],
        Text("Good enough for a trial", "先試用夠了"),
    )
    step = call(
        "deploy",
        Text(
            "Fill in their reason and deploy." if more else "Deploy it when they agree.",
            "填上理由再部署。" if more else "對方同意就部署。",
        ),
        task=situation.name,
        version=result.version.name,
        **more,
    )
    return build_answer(
        situation,
        "deploy",
        join_sentences(benefit(situation.task), where_it_stands(result), why),
        step,
        question=question,
    )
