"""Why a regular expression cannot be read, as Python says it, and the same in Chinese with the place."""

from __future__ import annotations

import re

from ....resources.foundation.language import Text

_PLACE = re.compile(r"(?s)(?P<why>.+) at position (?P<place>\d+)(?: \(line \d+, column \d+\))?")
# The messages of Python's `re` (Lib/re/_parser.py, _compiler.py of 3.11 to 3.14); what is said of a pattern's own part is kept.
_MESSAGES = tuple(
    (re.compile(f"(?s){english}"), chinese)
    for english, chinese in (
        (r"unterminated character set", "方括號 [ 沒有結尾的 ]"),
        (r"missing \), unterminated subpattern", "左括號 ( 沒有對應的 )"),
        (r"missing \), unterminated comment", "註解 (?# 沒有對應的 )"),
        (r"missing (\S+), unterminated name", r"名稱後面缺少 \1"),
        (r"unbalanced parenthesis", "多了一個右括號 )"),
        (r"nothing to repeat", "重複符號前面沒有可以重複的內容"),
        (r"multiple repeat", "重複符號不能連著寫"),
        (r"min repeat greater than max repeat", "重複次數的下限大於上限"),
        (r"the repetition number is too large", "重複次數太大"),
        (r"bad escape \(end of pattern\)", "結尾的反斜線後面沒有字元"),
        (r"bad escape (.+)", r"沒有 \1 這種跳脫寫法"),
        (r"incomplete escape (.+)", r"跳脫寫法 \1 不完整"),
        (r"octal escape value (\S+) outside of .+", r"八進位跳脫 \1 超出範圍"),
        (r"undefined character name (.+)", r"沒有名為 \1 的字元"),
        (r"bad character range (.+)", r"字元範圍 \1 的順序不對"),
        (r"bad character in group name (.+)", r"群組名稱 \1 含有不能用的字元"),
        (r"missing group name", "缺少群組名稱"),
        (r"redefinition of group name (\S+) .+", r"群組名稱 \1 重複定義"),
        (r"unknown group name (.+)", r"沒有名為 \1 的群組"),
        (r"invalid group reference (.+)", r"沒有第 \1 個群組"),
        (r"bad group number", "群組編號不對"),
        (r"cannot refer to an open group", "不能引用還沒結束的群組"),
        (r"cannot refer to group defined in the same lookbehind subpattern", "不能引用同一個 lookbehind 裡的群組"),
        (r"too many groups", "群組太多"),
        (r"conditional backref with more than two branches", "條件式最多只能有兩個分支"),
        (r"look-behind requires fixed-width pattern", "lookbehind 的長度必須固定"),
        (r"global flags not at the start of the expression", "整體旗標（如 (?i)）只能寫在最前面"),
        (r"unknown extension (.+)", r"沒有 (\1 這種寫法"),
        (r"unknown flag", "沒有這個旗標"),
        (r"missing flag", "缺少旗標"),
        (r"bad inline flags: .+", "行內旗標的寫法不對"),
        (r"unexpected end of pattern", "寫到一半就結束了"),
        (r"missing (\S+)", r"缺少 \1"),
        (r"missing -, : or \)", "缺少 -、: 或 )"),
        (r"maximum recursion depth exceeded.*", "括號的層數太多"),
    )
)


def explain_pattern_error(said: str) -> Text:
    """Half a sentence of `str(re.error)`; a message that is not known here is quoted as it came."""
    found = _PLACE.fullmatch(said)
    why, place = (found["why"], f"（第 {int(found['place']) + 1} 個字元）") if found else (said, "")
    for message, chinese in _MESSAGES:
        if told := message.fullmatch(why):
            return Text(said, told.expand(chinese) + place)
    return Text(said, said)
