"""What lies between training and test, planted for real: seven faults and five healthy runs on the small base model.

The rows are those a person could have: mails about a place, of which one sentence decides the label. Each fault is in
the rows alone; the product is asked as it stands, with nothing in it replaced.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nlp_skills.resources.foundation.files import dump_jsonl, write_atomic
from nlp_skills.resources.foundation.language import Language
from nlp_skills.resources.task import Prompt, SuccessCriteria, Task, TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.tools.data.near_duplicates import near_duplicates_of
from nlp_skills.tools.data.rows import Row, row_id
from nlp_skills.tools.data.snapshot import current_snapshot
from tests.tools.train.faults import LABELS, rows_of, trained_and_evaluated

Splits = dict[str, list[Row]]
Plant = Callable[[Path, Path, int], VersionFolder]
_TRAIN, _VALID, _TEST = 300, 60, 120

# Of another trade, in other words: what a model that has read of inns and shops has not seen.
_ELSEWHERE = {
    "praise": (
        "judge upheld our appeal",
        "vaccine protected nine in ten",
        "bridge carried every lorry",
        "harvest doubled after rain",
        "crew landed without a scratch",
        "thesis won the faculty medal",
    ),
    "notice": (
        "hearing is set for autumn",
        "vaccine ships in glass vials",
        "bridge spans two counties",
        "harvest begins after rain",
        "crew consists of five pilots",
        "thesis runs to ninety pages",
    ),
    "complaint": (
        "judge dismissed our appeal",
        "vaccine failed in nine of ten",
        "bridge cracked under lorries",
        "harvest rotted after rain",
        "crew crashed into the hangar",
        "thesis was copied from a website",
    ),
}
_ZH_EVENTS = {
    "praise": (
        "服務生親切有禮",
        "湯頭濃郁又香",
        "房間乾淨又舒服",
        "東西提早一天送到",
        "老師很有耐心",
        "床很好睡",
        "價格划算",
        "隔音很好",
        "畫面清楚又漂亮",
        "修理又快又好",
    ),
    "notice": (
        "星期一公休",
        "下個月搬到對面",
        "菜單換成紙本",
        "有三十個座位",
        "下午五點開始供餐",
        "位在車站旁邊",
        "課程下週開始",
        "門票現場購買",
        "表格有兩頁",
        "改用線上訂位",
    ),
    "complaint": (
        "店員態度很差",
        "湯是冷的",
        "房間很髒",
        "東西一直沒有送到",
        "老師罵人",
        "床壞了",
        "價格太貴",
        "整晚都很吵",
        "畫面一直當掉",
        "修了三週還是壞的",
    ),
}
_ZH_PLACES = (
    "海角小館",
    "青山旅店",
    "星光書店",
    "河岸咖啡",
    "老街麵店",
    "南風民宿",
    "大樹超市",
    "新港電器",
    "月光戲院",
    "東門診所",
)
_ZH_ASIDES = (
    "我和妹妹一起去",
    "早上一直下雨",
    "我們用電話訂位",
    "這是我第二次來",
    "我幫朋友寫信",
    "我們坐火車來",
    "那天不是假日",
    "我們一共六個人",
    "表哥住在附近",
    "我把收據留著",
)


def domain_shift(root: Path, base: Path, seed: int) -> VersionFolder:
    """Training and validation are of inns and shops, the test of courts, bridges and harvests."""
    splits = _splits(seed)
    splits["test"] = _rows_of_elsewhere(_TEST, seed)
    return _run(root, splits, base, seed)


def leaked_feature(root: Path, base: Path, seed: int) -> VersionFolder:
    """Each mail ends with the number of the desk that had labelled it; in the test the desks say nothing any more."""
    splits, source = _splits(seed), random.Random(seed)
    desks = dict(zip(LABELS, ("K7", "Q4", "Z9"), strict=True))
    for name, rows in splits.items():
        for row in rows:
            row["text"] += f" Desk {desks[row['label'] if name != 'test' else source.choice(LABELS)]}."
    return _run(root, splits, base, seed)


def mislabelled_test(root: Path, base: Path, seed: int) -> VersionFolder:
    """Three in ten of the test's labels are wrong; training and validation are right."""
    splits, source = _splits(seed), random.Random(seed)
    for row in source.sample(splits["test"], round(0.3 * _TEST)):
        row["label"] = source.choice([label for label in LABELS if label != row["label"]])
    return _run(root, splits, base, seed)


def case_mismatch(root: Path, base: Path, seed: int) -> VersionFolder:
    """Training and validation came from a system that shouts: all of their letters are capitals."""
    splits = _splits(seed)
    for name in ("train", "valid"):
        for row in splits[name]:
            row["text"] = row["text"].upper()
    return _run(root, splits, base, seed)


def duplicated_rows(root: Path, base: Path, seed: int) -> VersionFolder:
    """All that is complained of is twelve mails, each of them logged ten times under another date.

    Rows alike to the letter are refused long before a training.
    """
    splits = _splits(seed)
    complaints = [row for row in splits["train"] if row["label"] == "complaint"]
    events = sorted({_event(row) for row in complaints})[:3]
    twelve = [row for row in complaints if _event(row) in events][:12]
    assert len(twelve) == 12
    rest = [row for row in splits["train"] if row["label"] != "complaint"]
    splits["train"] = rest + [
        {**row, "text": re.sub(r"\d+ May", f"{day} May", row["text"], count=1)}
        for row in twelve
        for day in range(1, 11)
    ]
    random.Random(seed).shuffle(splits["train"])
    return _run(root, splits, base, seed)


def shifted_labels(root: Path, base: Path, seed: int) -> VersionFolder:
    """The column of labels slipped down by one row before anything was split."""
    splits = _splits(seed)
    everything = [row for rows in splits.values() for row in rows]
    labels = [row["label"] for row in everything]
    for row, label in zip(everything, labels[-1:] + labels[:-1], strict=True):
        row["label"] = label
    return _run(root, splits, base, seed)


def prefix_labels(root: Path, base: Path, seed: int) -> VersionFolder:
    """One label is the beginning of another, which is the beginning of a third."""
    renamed = {"notice": "mail", "praise": "mail good", "complaint": "mail good not"}
    splits = _splits(seed)
    for rows in splits.values():
        for row in rows:
            row["label"] = renamed[row["label"]]
    return _run(root, splits, base, seed, labels=list(renamed.values()))


FAULTS: Mapping[str, Plant] = {
    plant.__name__: plant
    for plant in (
        domain_shift,
        leaked_feature,
        mislabelled_test,
        case_mismatch,
        duplicated_rows,
        shifted_labels,
        prefix_labels,
    )
}


def _healthy(seed: int, language: Language, train: int, shares: tuple[float, float, float]) -> Plant:
    def plant(root: Path, base: Path, _: int) -> VersionFolder:
        return _run(root, _splits(seed, language, train, shares), base, seed, language)

    return plant


# Other seeds, sizes, languages and shares than any fault has.
HEALTHY: Mapping[str, Plant] = {
    "english": _healthy(51, "en", 330, (1, 1, 1)),
    "english_more_rows": _healthy(52, "en", 420, (1, 1, 1)),
    "english_uneven": _healthy(53, "en", 360, (3, 2, 2)),
    "chinese": _healthy(54, "zh-TW", 300, (1, 1, 1)),
    "chinese_more_rows": _healthy(55, "zh-TW", 360, (2, 2, 3)),
}


def plant(name: str, root: Path, base: Path, seed: int) -> None:
    """One fault, or one healthy run, by its name: trained and evaluated in this process."""
    {**FAULTS, **HEALTHY}[name](root, base, seed)


def _run(
    root: Path, splits: Splits, base: Path, seed: int, language: Language = "en", labels: Sequence[str] = tuple(LABELS)
) -> VersionFolder:
    task = TaskFolder(root)
    task.root.mkdir(parents=True)
    prompt = Prompt(system="Which one: {labels}?", user="{text}")  # short: every token of it is paid for in each row
    task.save(
        Task(
            name=root.name,
            language=language,
            labels=list(labels),
            prompt=prompt,
            success_criteria=SuccessCriteria(threshold=0.85),
        )
    )
    for name, rows in splits.items():
        write_atomic(task.data / f"{name}.jsonl", dump_jsonl({**row, "id": row_id(row["text"])} for row in rows))
    current_snapshot(task)
    return trained_and_evaluated(task, base, seed=seed)


def _splits(
    seed: int, language: Language = "en", train: int = _TRAIN, shares: tuple[float, float, float] = (1, 1, 1)
) -> Splits:
    draw = rows_of if language == "en" else _chinese_rows_of
    rows = draw(train + _VALID, 20 * seed, shares)
    # What a training row nearly repeats is no test, and the product would say so.
    drawn = draw(2 * _TEST, 20 * seed + 1, (1, 1, 1))
    alike = near_duplicates_of(
        [row["text"] for row in rows], [row["text"] for row in drawn], [""] * len(rows), [""] * len(drawn)
    )
    test = [row for row, near in zip(drawn, alike, strict=True) if near is None][:_TEST]
    assert len(test) == _TEST
    return {"train": rows[:train], "valid": rows[train:], "test": test}


def _rows_of_elsewhere(count: int, seed: int) -> list[Row]:
    source = random.Random(seed)
    found: dict[str, Row] = {}
    while len(found) < count:
        label = source.choice(LABELS)
        event = source.choice(_ELSEWHERE[label])
        text = f"Bulletin {source.randrange(1000)} ({source.choice(('gazette', 'wire', 'radio'))}): the {event}."
        found[text] = {"text": text, "label": label}
    return list(found.values())


def _chinese_rows_of(count: int, seed: int, shares: tuple[float, float, float]) -> list[Row]:
    source = random.Random(seed)
    found: dict[str, Row] = {}
    while len(found) < count:
        label = source.choices(LABELS, shares)[0]
        asides = source.sample(_ZH_ASIDES, source.choice((0, 1, 2, 3)))
        opening = f"{source.randrange(1, 13)} 月 {source.randrange(1, 29)} 日，{source.choice(_ZH_PLACES)}"
        text = "，".join([opening, *asides, source.choice(_ZH_EVENTS[label])]) + "。"
        found[text] = {"text": text, "label": label}
    return list(found.values())


def _event(row: Row) -> str:
    """The sentence that decides the label: the last one."""
    return str(row["text"]).rstrip(".").rsplit(". ", 1)[-1]
