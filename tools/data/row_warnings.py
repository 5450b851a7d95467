"""What is worth a word about the rows: odd lengths, stand-ins, labels with few rows, texts that recur across splits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from ...resources.foundation.language import Text, several
from ...resources.validation import Finding
from .findings import finding
from .labels_alike import alike_in_words, groups_alike, several_in_one, several_in_words
from .rows import Row, normalise, plain_name
from .rules import Rules
from .task_kind import counted_labels

_STAND_INS = frozenset(
    {"null", "n/a", "#n/a", "nan", "undefined", "-", "--", "—", "(blank)", "(空白)", "<na>", "<null>"}
)
_SMALL_TEST_ROWS = 100
_FEW_PER_LABEL = 10


def find_shape_warnings(placed: Sequence[tuple[str, Row]], rules: Rules) -> list[Finding]:
    short = [pair for pair in placed if len(pair[1]["text"]) < rules.min_characters]
    long = [pair for pair in placed if len(pair[1]["text"]) > rules.max_characters]
    stand_ins = [
        pair
        for pair in placed
        if not _STAND_INS.isdisjoint(
            plain_name(pair[1][role]) for role in ("text", "label", "output") if isinstance(pair[1].get(role), str)
        )
    ]
    absent = [
        pair
        for pair in placed
        if "entity" in rules.kind.roles
        and normalise(pair[1]["entity"]).casefold() not in normalise(pair[1]["text"]).casefold()
    ]
    return [
        *(
            [
                finding(
                    "stand_in",
                    len(stand_ins),
                    Text(
                        f"{several(len(stand_ins), 'row holds', 'rows hold')} a mark such as NULL, N/A or - where a "
                        f"text or a label should be. Leave those cells empty if they have no value.",
                        f"有 {len(stand_ins)} 列的文字或標籤是 NULL、N/A、- 之類的符號。如果其實是空的，請把這些儲存格清空。",
                    ),
                    stand_ins,
                )
            ]
            if stand_ins
            else []
        ),
        *(
            [
                finding(
                    "too_short",
                    len(short),
                    Text(
                        f"{several(len(short), 'text is', 'texts are')} shorter than {rules.min_characters} characters.",
                        f"有 {len(short)} 筆文字少於 {rules.min_characters} 個字元。",
                    ),
                    short,
                )
            ]
            if short
            else []
        ),
        *(
            [
                finding(
                    "too_long",
                    len(long),
                    Text(
                        f"{several(len(long), 'text is', 'texts are')} longer than {rules.max_characters} characters.",
                        f"有 {len(long)} 筆文字超過 {rules.max_characters} 個字元。",
                    ),
                    long,
                )
            ]
            if long
            else []
        ),
        *(
            [
                finding(
                    "entity_not_in_text",
                    len(absent),
                    Text(
                        f"{several(len(absent), 'row names', 'rows name')} an entity that the text does not contain.",
                        f"有 {len(absent)} 列的對象沒有出現在文字裡。",
                    ),
                    absent,
                )
            ]
            if absent
            else []
        ),
    ]


def find_balance_warnings(placed: Sequence[tuple[str, Row]], rules: Rules) -> list[Finding]:
    rows = [row for name, row in placed if name == "train"]
    train = Counter({label: count for label, count in counted_labels(rows).items() if label in rules.labels})
    test = sum(name == "test" for name, _ in placed)
    found = []
    if combined := several_in_one(rules.labels):
        found.append(finding("several_labels_in_one", len(combined), several_in_words(combined)))
    if alike := groups_alike(rules.labels):
        found.append(finding("labels_alike", len(alike), alike_in_words(alike)))
    if rules.kind.one_label and len(+train) == 1 and len(rules.labels) == 1:
        found.append(
            finding(
                "one_label",
                1,
                Text(
                    f"Every row has the label {rules.labels[0]}: there is nothing to tell apart. Add rows of the other "
                    f"labels too.",
                    f"每一列的標籤都是「{rules.labels[0]}」，沒有東西可以分辨。請也準備其他標籤的資料。",
                ),
            )
        )
    unseen = [label for label in rules.labels if not train[label]]
    if train and unseen:
        found.append(
            finding(
                "label_without_rows",
                len(unseen),
                Text(
                    f"No row of train has the label {', '.join(unseen)}.",
                    f"訓練資料裡沒有這些標籤：{'、'.join(unseen)}。",
                ),
            )
        )
    rare = [f"{label} ({train[label]})" for label in rules.labels if 0 < train[label] < _FEW_PER_LABEL]
    if rare:
        found.append(
            finding(
                "few_rows",
                len(rare),
                Text(
                    f"Fewer than {_FEW_PER_LABEL} rows to learn from: {', '.join(rare)}.",
                    f"可學習的資料不到 {_FEW_PER_LABEL} 列：{'、'.join(rare)}。",
                ),
            )
        )
    if train and (ratio := max(train.values()) / min(train.values())) > rules.max_imbalance:
        (most, _), (least, _) = train.most_common(1)[0], train.most_common()[-1]
        found.append(
            finding(
                "imbalance",
                1,
                Text(
                    f"{most} has {ratio:.1f} times as many rows as {least} (advice starts at {rules.max_imbalance:g}). "
                    f"Collect more of {least}; or train once as it is, and plan balance: oversample if its F1 lags "
                    f"behind.",
                    f"「{most}」的列數是「{least}」的 {ratio:.1f} 倍（超過 {rules.max_imbalance:g} 倍就建議處理）。"
                    f"最好多收集「{least}」；也可以先照原樣訓練一次，若它的 F1 落後，再規劃 balance: oversample。",
                ),
            )
        )
    if rows and not test:
        found.append(
            finding(
                "no_test", 0, Text("There is no test split, so nothing can be evaluated.", "沒有測試集，之後無法評估。")
            )
        )
    elif rows and test < _SMALL_TEST_ROWS:
        found.append(
            finding(
                "small_test",
                test,
                Text(
                    f"The test split has only {several(test, 'row')}: small differences between versions will not show.",
                    f"測試集只有 {test} 列：版本之間的小差距會看不出來。",
                ),
            )
        )
    return found


def find_overlap_warnings(placed: Sequence[tuple[str, Row]]) -> list[Finding]:
    where: dict[str, set[str]] = defaultdict(set)
    keyed = [(normalise(row["text"]), name, row) for name, row in placed]
    for key, name, _ in keyed:
        where[key].add(name)
    rows = [(name, row) for key, name, row in keyed if name != "train" and "train" in where[key]]
    ids = {row["id"] for name, row in placed if name == "train"}
    rows = [(name, row) for name, row in rows if row["id"] not in ids]  # the same input is an error already
    return (
        [
            finding(
                "text_overlap",
                len(rows),
                Text(
                    f"{several(len(rows), 'text of valid or test appears', 'texts of valid or test appear')} in train "
                    f"too, about another entity.",
                    f"valid 或 test 有 {len(rows)} 筆文字也出現在 train（對象不同）。",
                ),
                rows,
            )
        ]
        if rows
        else []
    )
