"""Encodings: readings are weighed; in doubt the person is asked, and nothing on-premise is shown."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.errors import DataError
from nlp_skills.resources.foundation.files import write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.charset import sample_of, weigh
from nlp_skills.tools.data.encoding import detect_encoding
from tests.tools.data.test_file import read, refusal, write

TEXTS = {
    "cp950": [
        "台積電營收創新高",
        "商品有瑕疵，要求退貨",
        "客服態度不好",
        "出貨速度很快，謝謝",
        "螢幕刮傷",
        "鍵盤很好打",
    ],
    "gbk": ["这个产品质量很差", "客服不理人", "物流太慢，等了两周", "非常满意，下次还来", "屏幕碎了", "价格优惠"],
    "cp932": ["この商品はとても良いです。", "配達が遅かった", "対応が悪くて残念です", "最高", "画面に傷がありました"],
    "cp949": ["배송이 너무 늦어요", "품질이 좋습니다", "화면에 흠집이 있어요", "환불해 주세요"],
    "cp1252": [
        "It’s broken and I don’t care",
        "größer als erwartet",
        "très déçu par le délai",
        "¿Dónde está mi pedido?",
    ],
    "cp1250": ["Paczka przyszła uszkodzona", "bardzo słaba jakość", "dziękuję, świetny zakup"],
    "cp1251": ["Очень хороший товар", "доставка опоздала", "не работает экран"],
}


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("seed", range(6))
def test_a_reading_is_right_or_in_doubt_and_then_among_the_readings(encoding: str, seed: int) -> None:
    draw = random.Random(seed)
    lines = [f"{text},{draw.choice(['pos', 'neg'])}" for text in draw.sample(TEXTS[encoding], 1 + seed % 3)]
    content = "\n".join(lines).encode(encoding)
    verdict, right = weigh(sample_of(content)), sample_of(content).decode(encoding)

    assert verdict.readings[0].text == right if verdict.sure else right in [one.text for one in verdict.doubtful]
    if len(lines) > 2:
        assert verdict.sure


def test_damage_is_told_with_its_line_under_the_likeliest_encoding(tmp_path: Path) -> None:
    sound = "text,label\n" + "".join(f"{text},好\n" for text in TEXTS["cp950"] * 5)
    error = refusal(write(tmp_path / "a.csv", sound.encode("cp950") + b"\xa4,\n"))

    assert "cp950 (Big5)" in error.problem.en and f"line {sound.count(chr(10)) + 1}" in error.problem.en


def test_in_doubt_the_first_lines_are_shown_under_each_reading(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\n联通,a\n".encode("gbk"))
    error = refusal(path)

    assert "«联通,a»" in error.fix.en and "gb18030 (GBK)" in error.problem.zh and error.field == "sources[0].encoding"
    assert read(path, encoding=error.details["encodings"][0])[0]["text"] == "联通"


def test_on_premise_the_lines_stand_in_a_file_of_the_person(tmp_path: Path) -> None:
    task = TaskFolder(tmp_path / "task")
    task.data.mkdir(parents=True)
    write_yaml(
        task.file,
        {
            "name": "task",
            "type": "classification",
            "language": "en",
            "labels": ["a"],
            "constraints": {"privacy": "on-premise"},
        },
    )
    with pytest.raises(DataError) as caught:
        detect_encoding(write(tmp_path / "a.csv", "text,label\n联通,a\n".encode("gbk")), "sources[0]", task)

    assert "联通" not in str(caught.value) + str(caught.value.details)
    assert "«联通,a»" in (task.data / "encodings.txt").read_text("utf-8") and "encodings.txt" in caught.value.fix.zh


def test_japanese_written_in_escapes_is_no_ascii(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\n配達が遅かった,悪い\n".encode("iso2022_jp"))

    assert read(path) == [{"text": "配達が遅かった", "label": "悪い"}]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("La facture dépasse le devis de 25 €,facture", "iso8859_15"),
        ("c'était à cœur ouvert,santé", "iso8859_15"),
        (
            "Faktura je vyšší než nabídka,účet\nBalík nikdy nedorazil,dodávka\nKrabice byla pomačkaná,dodávka",
            "iso8859_2",
        ),
        (
            "Посылка так и не пришла,доставка\nСписали деньги дважды,оплата\nНе могу войти в аккаунт,аккаунт",
            "iso8859_5",
        ),
        ("Посылка так и не пришла,доставка\nСписали деньги дважды,оплата\nНе могу войти в аккаунт,аккаунт", "cp866"),
        ("He´s late and they don´t ring,delivery", "cp1252"),
    ],
)
def test_encodings_that_look_like_their_neighbours_are_told_or_asked_about(text: str, encoding: str) -> None:
    verdict = weigh(sample_of(text.encode(encoding)))
    right = sample_of(text.encode(encoding)).decode(encoding)
    assert verdict.readings[0].text == right if verdict.sure else right in [one.text for one in verdict.doubtful]
