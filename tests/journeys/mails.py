"""The mailbox the journeys' people sort: short customer mails of three kinds, in both languages."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path

Row = dict[str, str]

_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "billing": (
            "Invoice {n} charges me twice",
            "Why does invoice {n} still show {m} dollars?",
            "My card was debited for order {n} although I cancelled it",
            "Please refund the {m} dollars of {n}",
            "The tax on bill {n} is wrong",
            "I never agreed to pay {m} a month",
        ),
        "delivery": (
            "Parcel {n} has not arrived after {m} days",
            "The courier left box {n} at the wrong door",
            "Where is my order {n}? It was due {m} days ago",
            "Package {n} came open and half empty",
            "Tracking {n} has not moved since Monday",
            "Can you send {n} to another address?",
        ),
        "account": (
            "I cannot sign in with user {n}",
            "Please change the mail address of account {n}",
            "The password link for {n} has expired",
            "Close my profile {n}, please",
            "Two people share login {n}, can we split it?",
            "The app asks user {n} for a code {m} times",
        ),
    },
    "zh-TW": {
        "帳務": (
            "第 {n} 號發票重複扣款",
            "帳單 {n} 怎麼還有 {m} 元沒退？",
            "我已經取消 {n}，信用卡卻被請款",
            "請把 {n} 的 {m} 元退給我",
            "{n} 的稅額算錯了",
            "我沒有同意每個月付 {m} 元",
        ),
        "物流": (
            "編號 {n} 的包裹過了 {m} 天還沒到",
            "貨運把 {n} 放錯門口了",
            "訂單 {n} 到底寄到哪裡？",
            "{n} 送來時箱子是破的",
            "{n} 的配送進度從星期一就沒有更新",
            "{n} 可以改寄到另一個地址嗎？",
        ),
        "帳號": (
            "使用者 {n} 登入不了",
            "請幫我改帳號 {n} 的信箱",
            "{n} 的密碼重設連結失效了",
            "請刪除我的會員 {n}",
            "兩個人共用 {n}，可以分開嗎？",
            "App 一直跟 {n} 要驗證碼，已經 {m} 次",
        ),
    },
}
_OPENINGS = {"en": ("", "Hello, ", "Good morning. ", "Second try: "), "zh-TW": ("", "你好，", "請問，", "再寫一次：")}


def labels(language: str) -> list[str]:
    return list(_WORDS[language])


def mails(language: str, counts: dict[str, int] | int, seed: int = 0) -> list[Row]:
    """Distinct mails, so many of each label (or of all), in a shuffled order."""
    draw = random.Random(seed)
    rows = [row for label, count in _counts(language, counts).items() for row in _of(language, label, count, draw)]
    draw.shuffle(rows)
    return rows


def write_csv(path: Path, rows: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _counts(language: str, counts: dict[str, int] | int) -> dict[str, int]:
    return dict.fromkeys(labels(language), counts) if isinstance(counts, int) else counts


def _of(language: str, label: str, count: int, draw: random.Random) -> Iterator[Row]:
    seen: set[str] = set()
    while len(seen) < count:
        opening, words = draw.choice(_OPENINGS[language]), draw.choice(_WORDS[language][label])
        text = opening + words.format(n=draw.randint(1000, 99999), m=draw.randint(2, 900))
        if text not in seen:
            seen.add(text)
            yield {"body": text, "topic": label}
