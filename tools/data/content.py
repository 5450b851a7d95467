"""What stands in the texts: personal data, Simplified characters; and which labels the tested splits lack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ...resources.chinese import simplified_characters
from ...resources.language import Text, several
from .findings import Finding, finding, private_finding
from .rows import Row
from .types import kind_of

Placed = Sequence[tuple[str, Row]]
_SURE = ("id_number", "card")  # a check digit holds: no accident
_KINDS = {
    "id_number": Text("a Taiwan ID number", "身分證或居留證字號"), "card": Text("a credit card number", "信用卡號"),
    "mobile": Text("a mobile phone number", "手機號碼"), "landline": Text("a landline phone number", "市話號碼"),
    "email": Text("an e-mail address", "電子郵件地址"),
}


def content_findings(placed: Placed, traditional: bool) -> tuple[list[Finding], list[Finding]]:
    """Errors and warnings about personal data and, where the data should be Traditional Chinese, its characters."""
    from .personal import kinds_of  # its patterns take a while to compile, and the server does not need them to start

    holding: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for name, row in placed:
        for kind in kinds_of(row["text"]):
            holding[kind].append((name, row))
    personal = {kind: private_finding(f"personal_{kind}", len(rows), Text(
        f"{several(len(rows), 'text holds', 'texts hold')} {_KINDS[kind].en}: a model may repeat it to anybody. Mask it "
        "where the data comes from.",
        f"有 {len(rows)} 筆文字含有{_KINDS[kind].zh}：模型可能對任何人說出來。請在來源遮蔽。"), rows)
        for kind in _KINDS if (rows := holding[kind])}
    simplified = [(name, row) for name, row in placed if simplified_characters(row["text"])] if traditional else []
    return (
        [found for kind, found in personal.items() if kind in _SURE],
        [*(found for kind, found in personal.items() if kind not in _SURE),
         *([finding("simplified_characters", len(simplified), Text(
             f"{several(len(simplified), 'text holds', 'texts hold')} Simplified characters, though the task is "
             "Traditional Chinese.",
             f"任務是臺灣繁體中文，但有 {len(simplified)} 筆文字含有簡體字。"), simplified)] if simplified else [])],
    )


def coverage_findings(
    placed: Placed, labels: Sequence[str], held_out: Sequence[Row], one_label: bool
) -> tuple[list[Finding], list[Finding]]:
    """Errors and warnings about labels that are trained and never measured.

    Arguments:
        held_out: the rows of the frozen benchmarks; where there are none, the test split is about to become one.
        one_label: whether an answer is one of the labels.
    """
    by_split = {split: {label for name, row in placed if name == split for label in kind_of(row).labels_of(row)} for split in ("train", "valid", "test")}
    tested = {label for row in held_out for label in kind_of(row).labels_of(row)} or by_split["test"]
    errors, warnings = [], []
    if one_label and len(tested) == 1 and len(by_split["train"]) > 1:
        only = next(iter(tested))
        errors.append(finding("benchmark_one_label", 1, Text(
            f"The benchmark knows one label alone ({only}): whoever always answers that would score 100 %.",
            f"評估基準只有一種標籤（{only}）：永遠回答它就能拿滿分。")))
    for code, split, there in (("label_not_in_benchmark", Text("the benchmark", "評估基準"), tested),
                               ("label_not_in_valid", Text("valid", "valid"), by_split["valid"])):
        lacking = [label for label in labels if label in by_split["train"] and label not in there]
        if there and lacking:
            warnings.append(finding(code, len(lacking), Text(
                f"No row of {split.en} has the label {', '.join(lacking)}: how well it is learnt will not show.",
                f"{split.zh}裡沒有這些標籤：{'、'.join(lacking)}，看不出學得好不好。")))
    return errors, warnings
