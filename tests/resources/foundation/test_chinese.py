"""Simplified Chinese is told from Traditional: what is found is certain, and what Taiwan writes is never accused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources.foundation.chinese import in_one_script, in_simplified, is_simplified, simplified_characters
from nlp_skills.resources.foundation.simplified_table import TABLE, is_common_in_taiwan, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("价格优惠", "价优"),
        ("确定", "确"),
        ("机器", "机"),
        ("网址", "网"),
        ("天气", "气"),
        ("这个软件什么时候更新", "这个软么时"),
        ("旅游", "游"),
        ("建筑", "筑"),
        ("胜利", "胜"),
        ("打听", "听"),
        ("根据", "据"),
        ("工厂", "厂"),
        ("干部", "干"),
    ],
)
def test_simplified_words_are_found_by_the_characters_that_show_them(text: str, shown: str) -> None:
    assert "".join(simplified_characters(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "珉煊晗珏",
        "哌嗪",
        "拮据",
        "三胜肽",
        "膻中穴",
        "万俟先生",
        "鄉愿",
        "梧栖與客庄",
        "宏碁",
        "恒春",
        "化粧品",
        "皇后",
        "台北",
        "只有里長",
        "若干部門",
        "茶几上的書",
        "張三丰富有同情心",
        "風采用相機記錄",
        "上游客戶",
        "從以后里車站",
        "約翰・史密斯",
        "這裡的乾燥花",
        "後來才發現",
        "老么",
        "胡適",
        "ＡＢＣ，123！",
        "",
    ],
)
def test_what_taiwan_writes_is_not_accused(text: str) -> None:
    assert simplified_characters(text) == []


def test_a_text_with_kana_is_japanese_and_not_judged() -> None:
    assert simplified_characters("日本の国会で、学生が写真を") == [] and simplified_characters("国会")


@given(
    st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), max_size=1).filter(is_common_in_taiwan)
)
def test_a_common_character_of_taiwan_alone_is_never_accused(character: str) -> None:
    assert not is_simplified(character) or character in "听儿"


@given(st.text())
def test_each_character_is_told_once_and_stands_in_the_text(text: str) -> None:
    found = simplified_characters(text)

    assert len(set(found)) == len(found) and set(found) <= set(text)


def test_twins_in_the_two_scripts_are_alike_and_texts_of_one_script_stay() -> None:
    ours, theirs = "這個軟體後來發現頭髮乾燥的問題", "这个软体后来发现头发干燥的问题"

    assert in_one_script([ours, theirs]) == [theirs, theirs] and in_one_script([ours]) == [ours]
    assert in_simplified(in_simplified(ours)) == in_simplified(ours)


def test_the_table_is_what_the_generator_makes() -> None:
    to_traditional = {"价": ["價", "价"], "优": ["優"], "秘": ["祕"], "𱊜": ["𪈼"]}
    only, pairs = table(to_traditional, {"祕": ["秘"], "裡": ["里"]}).split("\n\n")[1:]

    assert only == "优"  # 秘 is common in Taiwan, 价 is of both scripts
    assert pairs == "價价優优祕秘裡里\n"
    assert TABLE.read_text(encoding="utf-8").startswith(
        "# Made by simplified_table.py"
    ) and "Apache" in TABLE.read_text(encoding="utf-8")
