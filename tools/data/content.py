"""What stands in the texts: personal data, secrets, Simplified characters; and which labels the tested splits lack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from ...resources.foundation.chinese import simplified_characters
from ...resources.foundation.language import Text, several
from ...resources.validation import Finding
from .damaged_text import is_damaged
from .findings import finding, private_finding
from .rows import Row
from .task_kind import kind_of

Placed = Sequence[tuple[str, Row]]
# What is certain stops: a check digit holds, or a maker's own form; the rest is told by form alone.
_SURE = ("personal_id_number", "personal_card", "secret_token", "secret_private_key")
_KINDS = {
    "personal_id_number": Text("a Taiwan ID number", "身分證或居留證字號"),
    "personal_card": Text("a credit card number", "信用卡號"),
    "secret_private_key": Text("a private key", "私鑰"),
    "secret_token": Text("a key, a token or the password of an address", "金鑰、權杖或連線密碼"),
    "personal_mobile": Text("a mobile phone number", "手機號碼"),
    "personal_landline": Text("a landline phone number", "市話號碼"),
    "personal_email": Text("an e-mail address", "電子郵件地址"),
    "secret_password": Text("what looks like a password", "看起來像密碼的內容"),
}
_MASK = Text("Mask it where the data comes from", "請在來源遮蔽")
_RENEW = Text(", and have whoever issued it replace it", "，並請發放的單位換一組")
_RENEW_BENCHMARK = Text(
    " The test rows have it: prepare_data(accept={'new_benchmark': 'why'}) freezes a new benchmark of them beside the old one.",
    "測試資料裡有：prepare_data(accept={'new_benchmark': '理由'}) 會另外凍結一份新的評估基準。",
)
_NO_TEXT = ("id", "source", "line", "place")


def content_findings(placed: Placed, traditional: bool) -> tuple[list[Finding], list[Finding]]:
    """Errors and warnings about personal data, secrets and, where the data should be Traditional Chinese, its characters."""
    # Their patterns take a while to compile, and the server does not need them to start.
    from .personal import kinds_of
    from .secrets_in_rows import secret_kinds_of

    holding: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for name, row in placed:
        text = "\n".join(_texts(row))
        for code in (
            *(f"personal_{kind}" for kind in kinds_of(text)),
            *(f"secret_{kind}" for kind in secret_kinds_of(text)),
        ):
            holding[code].append((name, row))
    private = {code: _private(code, rows) for code in _KINDS if (rows := holding[code])}
    damaged = [(name, row) for name, row in placed if is_damaged(row["text"])]
    simplified = [(name, row) for name, row in placed if simplified_characters(row["text"])] if traditional else []
    return (
        [found for code, found in private.items() if code in _SURE],
        [
            *(found for code, found in private.items() if code not in _SURE),
            *(
                [
                    finding(
                        "damaged_text",
                        len(damaged),
                        Text(
                            f"{several(len(damaged), 'text is', 'texts are')} damaged (�, ??????, or letters such as Ã©): an earlier program read "
                            "them in the wrong encoding and saved them that way. Export them again from where they are "
                            "still intact.",
                            f"有 {len(damaged)} 筆文字是亂碼（�、?????? 或 Ã© 這類字）：之前的程式用錯編碼讀取又存檔了。請從還正確的來源重新匯出。",
                        ),
                        damaged,
                    )
                ]
                if damaged
                else []
            ),
            *(
                [
                    finding(
                        "simplified_characters",
                        len(simplified),
                        Text(
                            f"{several(len(simplified), 'text holds', 'texts hold')} Simplified characters, though the task is "
                            "Traditional Chinese.",
                            f"任務是臺灣繁體中文，但有 {len(simplified)} 筆文字含有簡體字。",
                        ),
                        simplified,
                    )
                ]
                if simplified
                else []
            ),
        ],
    )


def _private(code: str, rows: Sequence[tuple[str, Row]]) -> Finding:
    what, renew = _KINDS[code], _RENEW if code.startswith("secret_") else Text("", "")
    return private_finding(
        code,
        len(rows),
        Text(
            f"{several(len(rows), 'row holds', 'rows hold')} {what.en}: a model may repeat it to anybody. {_MASK.en}{renew.en}.",
            f"有 {len(rows)} 列含有{what.zh}：模型可能對任何人說出來。{_MASK.zh}{renew.zh}。",
        ),
        rows,
    )


def _texts(value: Any) -> Iterator[str]:
    """Every text of a row that a model would see or learn to say."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in _NO_TEXT:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def coverage_findings(
    placed: Placed, labels: Sequence[str], held_out: Sequence[Row], one_label: bool
) -> tuple[list[Finding], list[Finding]]:
    """Errors and warnings about labels that are trained and never measured.

    Arguments:
        held_out: the rows of the frozen benchmarks; where there are none, the test split is about to become one.
        one_label: whether an answer is one of the labels.
    """
    by_split = {
        split: {label for name, row in placed if name == split for label in kind_of(row).labels_of(row)}
        for split in ("train", "valid", "test")
    }
    tested = {label for row in held_out for label in kind_of(row).labels_of(row)} or by_split["test"]
    errors, warnings = [], []
    if one_label and len(tested) == 1 and len(by_split["train"]) > 1:
        only = next(iter(tested))
        errors.append(
            finding(
                "benchmark_one_label",
                1,
                Text(
                    f"The benchmark has only one label ({only}): always answering that would score 100 %.",
                    f"評估基準只有一種標籤（{only}）：永遠回答它就能拿滿分。",
                ),
            )
        )
    for code, split, there in (
        ("label_not_in_benchmark", Text("the benchmark", "評估基準"), tested),
        ("label_not_in_valid", Text("valid", "valid"), by_split["valid"]),
    ):
        lacking = [label for label in labels if label in by_split["train"] and label not in there]
        if there and lacking:
            renew = (
                _RENEW_BENCHMARK if there is tested and held_out and by_split["test"] & set(lacking) else Text("", "")
            )
            warnings.append(
                finding(
                    code,
                    len(lacking),
                    Text(
                        f"No row of {split.en} has the label {', '.join(lacking)}: how well it is learnt will not show.{renew.en}",
                        f"{split.zh}裡沒有這些標籤：{'、'.join(lacking)}，看不出學得好不好。{renew.zh}",
                    ),
                )
            )
    return errors, warnings
