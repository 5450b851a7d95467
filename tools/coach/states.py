"""What a task needs now, by the state of its folder: one stage after the other, the first that is not done speaks."""

from __future__ import annotations

from ...resources.answer import NextStep
from ...resources.deployment import Deployment
from ...resources.figures import figure
from ...resources.foundation.language import Text, several
from ..data.task_kind import task_kind
from ..evaluate.measurable import goal_beyond_reach
from . import labelling
from .advice import source_advice, source_decision, source_question
from .analysis import best_result, where_it_stands
from .answer import CoachAnswer
from .answer_builder import ask, assume, build_answer, consent, source_answer, with_source
from .choosing import few_rows
from .closing import cost_of_data, cost_of_deployment, cost_of_version, goal_line
from .contradictions import contradictions, facts_of
from .deciding import deciding
from .intent import Said, mentions, understand
from .planning import first_plan_decision, fits_the_test, start_decision
from .questions import BEFORE_PLANNING, CORE, open_topics
from .situation import Situation
from .waiting import job_now
from .wording import benefit, join_list, join_sentences, list_counts


def answer(situation: Situation, said: Said | None = None, opening: str | Text = "") -> CoachAnswer:
    """What the coach says about this task when nothing particular was asked.

    Arguments:
        said: what the person said; where it answers nothing, a default is put down instead of asking again.
        opening: what to say first.
    """
    said = said or Said()
    for speak in (
        _answer_archived,
        _job,
        _clarifying,
        _source,
        labelling.waiting,
        _prepare,
        _live,
        _evaluate,
        _train,
        _plan,
        _deciding,
    ):
        if told := speak(situation, said):
            return told.model_copy(update={"message": join_sentences(opening, told.message)}) if opening else told
    raise AssertionError("deciding always answers")


_KINDS = {"file": Text("a file", "檔案"), "database": Text("a database", "資料庫")}


def warnings(situation: Situation, told_rows: int | None = None) -> list[Text]:
    """What does not fit together in this task; `told_rows` is how many rows they said just now."""
    rows = sum(situation.counts.values()) if situation.data else told_rows
    beyond = goal_beyond_reach(situation.folder, situation.task) if situation.data else []
    return [*beyond, *contradictions(facts_of(situation.task, rows, bool(situation.data)))]


def _answer_archived(situation: Situation, _said: Said) -> CoachAnswer | None:
    if not situation.task.archived:
        return None
    best = best_result(situation)
    step = NextStep(
        say=str(Text("Bring it back when they want to go on with it.", "想繼續時就把它恢復。")),
        tool="manage_task",
        arguments={"action": "restore", "task": situation.name},
    )
    message = join_sentences(
        benefit(situation.task),
        Text(
            f"This task is put away; everything in it is kept in {situation.folder.root}.",
            f"這個任務已封存，裡面的東西都還在 {situation.folder.root}。",
        ),
        where_it_stands(best) if best else None,
    )
    question = consent(
        Text("Shall it be brought back, or is it about something else?", "要恢復這個任務，還是有別的事？"),
        Text("Brought back, it goes on exactly where it stood.", "恢復之後，會從原來的地方接著做。"),
        [Text("Bring it back", "恢復"), Text("Leave it; something new", "先放著，我有新的事")],
        Text("Leave it", "先放著"),
    )
    return build_answer(situation, "archived", message, step, question=question)


def _job(situation: Situation, _said: Said) -> CoachAnswer | None:
    """A running job comes before everything; one that did not succeed is dealt with first."""
    return job_now(situation) if situation.job else None


def _clarifying(situation: Situation, said: Said) -> CoachAnswer | None:
    """The core is made clear before data is spoken of; later only what a step really needs is asked."""
    if situation.sources.sources or situation.data or situation.versions:
        return None
    missing = open_topics(CORE, situation.task)
    if not missing:
        return None
    if said.unsure:
        topic = missing[0]
        return assume(situation, topic, "", "clarifying") if topic.easy else ask(situation, topic, "", again=True)
    things = Text("one thing is" if len(missing) == 1 else f"{len(missing)} things are", f"還有 {len(missing)} 件事")
    message = join_sentences(
        benefit(situation.task),
        Text(
            f"The task stands in {situation.folder.root}; {things.en} missing before data is spoken of.",
            f"任務已經建立在 {situation.folder.root}；談資料之前，{things.zh}要先說清楚。",
        ),
    )
    return ask(situation, missing[0], message)


def _source(situation: Situation, said: Said) -> CoachAnswer | None:
    if situation.source_problem:
        step = NextStep(
            say=str(Text("Fix the file, or describe the sources again.", "請修正檔案，或重新設定來源。")),
            tool="set_data_source",
            arguments={"task": situation.name},
        )
        message = join_sentences(benefit(situation.task), situation.source_problem)
        return build_answer(situation, "data", message, step, question=source_question(Said(), situation.task))
    if situation.sources.sources or situation.data:
        return None
    if said.unsure or mentions("no_rows", situation.task.resources.rows):
        return without_rows(situation)
    labels, named = counted_labels(situation), understand(situation.task.resources.source)
    message = join_sentences(
        benefit(situation.task),
        Text(
            f"That is settled ({labels.en}), and so far it cost nothing but this talk. Now it needs examples to learn from.",
            f"這部分說清楚了（{labels.zh}），到這裡除了聊天沒有別的花費。接下來需要可以學習的例子。",
        ),
        goal_line(situation.task),
        *warnings(situation, said.rows),
        source_advice(named),
    )
    few = few_rows(facts_of(situation.task, said.rows, False).rows)
    return source_answer(situation, named, message, few or source_decision(situation.task))


def without_rows(situation: Situation) -> CoachAnswer:
    """Nobody knows where rows could come from: how to make the first ones."""
    least = figure("rows_to_start")
    message = Text(
        f"Then we make the first rows: take {least:.0f} real texts as they come in, let two people label them without "
        "looking at each other, and talk about the ones they disagree on. A spreadsheet with the columns text and label "
        "is enough; saved as CSV it is your first source.",
        f"那就自己做第一批：拿 {least:.0f} 筆真實收到的文字，兩個人各自標、互相不看，再討論意見不同的那些。"
        "用試算表就好，兩欄：文字、標籤；存成 CSV 就是你的第一個資料來源。",
    )
    step = NextStep(
        say=str(
            Text(
                "Read how labelling is done well and tell them the steps; when the file stands, coach goes on.",
                "讀怎麼把標註做好，把步驟告訴對方；檔案好了就回到 coach。",
            )
        ),
        tool="read_resource",
        arguments={"uri": "nlp-skills://skills/llm-knowledge/annotation"},
    )
    return build_answer(
        situation, "data", str(message), step, question=source_question(Said(), situation.task), decision=few_rows(0)
    )


def counted_labels(situation: Situation) -> Text:
    """How many labels there are, in words."""
    number, kind = len(situation.labels), task_kind(situation.task.type)
    if not kind.needs_labels:
        return kind.title
    return (
        Text(several(number, "label"), f"{number} 個標籤")
        if number
        else Text("labels come with the data", "標籤會從資料來")
    )


def _prepare(situation: Situation, _said: Said) -> CoachAnswer | None:
    if situation.data:
        return None
    kinds = join_list(dict.fromkeys(str(_KINDS.get(source.type, source.type)) for source in situation.sources.sources))
    policy = situation.sources.split
    message = join_sentences(
        benefit(situation.task),
        Text(
            f"The source is known ({kinds}); now I fetch it, split it {policy.train:.0%}/{policy.valid:.0%}/{policy.test:.0%} "
            "and check it. The test part is frozen as the benchmark and is never trained on.",
            f"來源已經設定好（{kinds}），接著取回、依 {policy.train:.0%}／{policy.valid:.0%}／{policy.test:.0%} 切分、檢查。"
            "測試的部分會凍結成評估基準，永遠不會拿來訓練。",
        ),
    )
    question = consent(
        Text(
            "Do several rows belong together (one customer, one article, one template with other names in it)?",
            "有沒有好幾筆其實是同一組（同一位客戶、同一篇文章、同一個句型只換名字）？",
        ),
        Text(
            "Rows of one group on both sides of the split make the test look easier than life (llm-knowledge/"
            "evaluation); split.group_by keeps them together.",
            "同一組的資料若同時出現在訓練和測試，分數會虛高（llm-knowledge/evaluation）；"
            "split.group_by 可以把它們留在同一邊。",
        ),
        [
            Text("No, each row stands for itself", "沒有，每筆各自獨立"),
            Text("Yes, the column customer_id says so", "有，欄位 customer_id 可以分出來"),
            Text(
                "The sentences repeat with other names (group_by: skeleton)", "句型重複，只換名字（group_by: skeleton）"
            ),
        ],
        Text("No", "沒有"),
    )
    step = NextStep(
        say=str(
            Text(
                'Ask; with groups call set_data_source(task, split={"group_by": …}) first. Else prepare the data; a minute at '
                "most for a few thousand rows.",
                '問一下；有分組的話先呼叫 set_data_source(task, split={"group_by": …})。否則直接準備資料，幾千筆大約一分鐘內。',
            )
        ),
        tool="prepare_data",
        arguments={"task": situation.name},
    )
    return build_answer(situation, "data", message, step, question=question)


def _live(situation: Situation, _said: Said) -> CoachAnswer | None:
    deployed = situation.deployment
    if deployed is None:
        return None
    best = best_result(situation)
    if best and best.version.name != deployed.version and best.standing == "met":
        return None  # a better version stands ready: deciding says so
    if best and best.standing in ("gap", "close") and not deployed.overrides:
        return None  # what is live falls short of the goal, and nobody said that this is good enough
    if situation.plan or situation.data_is_newer or not _all_evaluated(situation):
        return None
    if not situation.serving:
        return _not_serving(situation, deployed)
    more = figure("new_rows_for_version")
    files = ", ".join(deployed.files)
    message = join_sentences(
        benefit(situation.task),
        Text(
            f"{deployed.version} stands ready as {files}; where it runs, prove it with "
            "deploy(target='endpoint', settings={url, model}).",
            f"{deployed.version} 已備妥：{files}；在哪裡執行，就用 deploy(target='endpoint', settings={{url, model}}) "
            "在那裡驗證。",
        )
        if not deployed.url and files
        else Text(
            f"{deployed.version} is live at {deployed.url} and answered the benchmark there as it did when it "
            "was evaluated.",
            f"{deployed.version} 已在 {deployed.url} 上線，在那裡回答評估基準的結果與評估時一致。",
        ),
        cost_of_deployment(situation),
        where_it_stands(best) if best else None,
        Text(
            f"What keeps it good: the answers people correct, kept with the right label; {more:.0f} of them make the next "
            "version (llm-knowledge/trouble-bad-after-deployment).",
            f"要讓它一直好用：把大家更正過的答案連同正確標籤存下來，累積 {more:.0f} 筆就可以做下一版"
            "（llm-knowledge/trouble-bad-after-deployment）。",
        ),
    )
    question = consent(
        Text(
            "Since it is live: which answers did people have to correct, and where could those be kept?",
            "上線之後，哪些答案被人改過？可以存在哪裡？",
        ),
        Text(
            "They are what life sends and the data did not hold: the best rows there are.",
            "那正是實際會遇到、資料裡卻沒有的情況，是最有價值的資料。",
        ),
        [
            Text("About five a day; the agents could note them in a sheet", "一天大約五筆，客服可以記在試算表裡"),
            Text("None so far", "目前沒有"),
        ],
        Text("None so far: look again in a week", "目前沒有，一週後再看"),
    )
    step = with_source(
        situation,
        Said(),
        Text(
            "When corrected rows come in, fill in their file and call this; nothing to do until then.",
            "有更正過的資料時，填上檔案再呼叫；在那之前不用做什麼。",
        ),
    )
    return build_answer(situation, "live", message, step, question=question)


def _not_serving(situation: Situation, deployed: Deployment) -> CoachAnswer:
    say = str(Text("Start it again.", "重新啟動它。"))
    step = (
        NextStep(say=say, tool="manage_job", arguments={"job_id": deployed.job, "action": "resume"})
        if deployed.job
        else NextStep(
            say=say, tool="deploy", arguments={"task": situation.name, "version": deployed.version or "latest"}
        )
    )
    message = join_sentences(
        benefit(situation.task),
        Text(
            f"{deployed.version} is deployed, but its process is not running at the moment (the machine may have been "
            "restarted).",
            f"{deployed.version} 已經部署，但目前服務的程序沒有在執行（可能是機器重新開機過）。",
        ),
    )
    question = consent(
        Text("Start it again, or is it no longer needed?", "要重新啟動，還是已經不需要了？"),
        Text(
            "Nothing is lost either way: the merged model stands on disk.", "兩種都不會遺失東西：合併好的模型在磁碟上。"
        ),
        [
            Text("Start it", "啟動"),
            Text("Take it down (deploy, action='undeploy')", "下線（deploy，action='undeploy'）"),
        ],
        Text("Start it", "啟動"),
    )
    return build_answer(situation, "live", message, step, question=question)


def _all_evaluated(situation: Situation) -> bool:
    return not situation.trained or bool(situation.trained[-1].evaluations())


def _evaluate(situation: Situation, _said: Said) -> CoachAnswer | None:
    if _all_evaluated(situation):
        return None
    newest = situation.trained[-1]
    training = newest.model_info().training
    seen, unseen = training.train_loss, training.valid_loss
    learned = (
        Text(
            f" Its loss ended at {seen:.3g} on rows it saw and {unseen:.3g} on rows it did not.",
            f"損失在看過的資料上是 {seen:.3g}，沒看過的是 {unseen:.3g}。",
        )
        if seen and unseen
        else Text("", "")
    )
    message = join_sentences(
        benefit(situation.task),
        Text(f"{newest.name} is trained.{learned.en}", f"{newest.name} 訓練完成。{learned.zh}"),
        cost_of_version(newest, evaluated=False),
        goal_line(situation.task),
        Text(
            "Whether it helps is not known yet: now it answers the frozen benchmark, beside TF-IDF, the majority answer and "
            "the untuned model (llm-knowledge/evaluation).",
            "有沒有幫助還不知道：接下來讓它回答凍結的評估基準，並和 TF-IDF、多數類別、未微調的模型並列比較"
            "（llm-knowledge/evaluation）。",
        ),
    )
    question = consent(
        Text("Before we look: what do you expect it to score?", "看結果之前先猜一下：你覺得會是幾分？"),
        Text(
            "A guess made before shows whether the result surprises you, and a surprise is worth looking into.",
            "先猜再看，才知道結果有沒有出乎意料；出乎意料的地方值得追下去。",
        ),
        [Text("About 0.7", "大概 0.7"), Text("Better than we are", "比我們人工好")],
        Text("No guess", "猜不到"),
    )
    step = NextStep(
        say=str(Text("Evaluate it.", "進行評估。")),
        tool="evaluate",
        arguments={"task": situation.name, "version": newest.name},
    )
    return build_answer(situation, "evaluation", message, step, question=question)


def _train(situation: Situation, _said: Said) -> CoachAnswer | None:
    if not situation.plan:
        return None
    message = join_sentences(
        benefit(situation.task),
        Text(
            f"The plan {situation.plan} stands and waits for your yes. Every row's label is checked before the "
            "first step, and it can be stopped and resumed at any time.",
            f"計畫 {situation.plan} 已經寫好，等你點頭。第一步之前會逐列檢查標籤，隨時可以停下再接續。",
        ),
    )
    question = consent(
        Text("Shall it start, or should the plan be changed first?", "要開始嗎？還是計畫要先改？"),
        Text(
            "From here on the machine is busy; nothing else is used up.", "開始之後機器會忙一陣子，不會用掉別的東西。"
        ),
        [Text("Start", "開始"), Text("Fewer epochs", "訓練輪數少一點")],
        Text("Start", "開始"),
    )
    step = NextStep(
        say=str(
            Text(
                "Show time and memory from the plan; when they agree, train.",
                "先說明計畫裡的時間與記憶體；對方同意就開始訓練。",
            )
        ),
        tool="train",
        arguments={"task": situation.name, "plan": situation.plan},
    )
    return build_answer(situation, "training", message, step, question=question, decision=start_decision(situation))


def _plan(situation: Situation, said: Said) -> CoachAnswer | None:
    """Before the first version: what the data looks like, what success means, then a plan."""
    if situation.trained and not situation.data_is_newer:
        return None
    if situation.trained:
        return _plan_on_new_data(situation)
    missing = open_topics(BEFORE_PLANNING, situation.task)
    if missing and said.unsure:
        return assume(situation, missing[0], "", "plan")
    few = few_rows(situation.counts.get("train"))
    if missing:
        heard_before = situation.answered_since_data  # the data is told once, not with every question
        opening = str(Text("Noted.", "記下了。")) if heard_before else _data_closed(situation)
        return ask(
            situation, missing[0], join_sentences(opening, fits_the_test(situation, missing[0])), "plan", decision=few
        )
    failed = [version.name for version in situation.versions if version.status() in ("failed", "cancelled")]
    again = Text(
        f"{join_list(failed)} did not finish; this is a new attempt.", f"{join_list(failed)} 沒有完成，這次重新來過。"
    )
    question = consent(
        Text(
            "Shall I write the plan this way, or do you want another base model or method?",
            "就照這樣寫計畫嗎？還是你想換基礎模型或方法？",
        ),
        Text(
            "A plan only writes a file: settings with reasons, time and memory. You can override any of it.",
            "計畫只是寫一個檔案：設定與理由、時間與記憶體，每一項你都可以改。",
        ),
        [Text("Yes", "好"), Text("Use Qwen3-1.7B", "改用 Qwen3-1.7B")],
        Text("Yes", "好"),
    )
    step = NextStep(
        say=str(
            Text(
                "Write the plan: it shows settings with reasons, time and memory; nothing starts yet.",
                "先寫計畫：會列出設定與理由、時間與記憶體，還不會開始訓練。",
            )
        ),
        tool="plan_training",
        arguments={"task": situation.name},
    )
    return build_answer(
        situation,
        "plan",
        join_sentences(_data_closed(situation), again if failed else None),
        step,
        question=question,
        decision=few or first_plan_decision(situation),
    )


def _plan_on_new_data(situation: Situation) -> CoachAnswer:
    newest = situation.trained[-1]
    message = join_sentences(
        benefit(situation.task),
        Text(f"The data changed since {newest.name} was trained.", f"{newest.name} 訓練之後，資料有變動。"),
        _data_words(situation),
        *situation.warnings[:1],
        cost_of_data(situation),
    )
    question = consent(
        Text(f"Plan the next version on exactly {newest.name}'s settings?", f"下一版就沿用 {newest.name} 的設定嗎？"),
        Text("Then the difference shows what the new rows alone bring.", "這樣才看得出新資料本身帶來多少。"),
        [Text("Yes", "好"), Text("No, more epochs too", "不，也想增加訓練輪數")],
        Text("Yes", "好"),
    )
    say = Text("Plan it with no other change: one change at a time.", "規劃時不要再改別的：一次只改一件事。")
    step = NextStep(say=str(say), tool="plan_training", arguments={"task": situation.name, "parent": newest.name})
    return build_answer(situation, "plan", message, step, question=question)


def _data_closed(situation: Situation) -> str:
    """The stage of data, closed: what was learned, what it cost, the score so far."""
    return join_sentences(
        benefit(situation.task),
        _data_words(situation),
        *situation.warnings,
        *warnings(situation),
        cost_of_data(situation),
        goal_line(situation.task),
    )


def _data_words(situation: Situation) -> Text:
    counts, train = situation.counts, situation.train_labels
    shown = list_counts(train, situation.labels)
    labels = Text(f" Labels in training: {shown}.", f"訓練集的標籤：{shown}。") if train else Text("", "")
    return Text(
        f"The data is ready: {several(counts.get('train', 0), 'row')} to train on, {counts.get('valid', 0)} to steer by, "
        f"{counts.get('test', 0)} kept for the test.{labels.en}",
        f"資料準備好了：訓練 {counts.get('train', 0)} 筆、驗證 {counts.get('valid', 0)} 筆、"
        f"測試 {counts.get('test', 0)} 筆。{labels.zh}",
    )


def _deciding(situation: Situation, _said: Said) -> CoachAnswer:
    return deciding(situation)
