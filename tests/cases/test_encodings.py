"""Files of several languages in the encodings that offices, old databases and other countries' Excel write.

Each is read right, or the person is asked with the first lines under each reading; none is silently wrong.
"""

from __future__ import annotations

import codecs
import json

import pytest

from tests.cases.conftest import Office, Rows, Told, dump_csv, dump_lines
from tests.cases.writers import SENTENCES, write_rows

pytestmark = pytest.mark.anyio

# Codec and byte order mark. `cp950`, `gbk`, `cp932`, `cp949` are what Windows calls Big5, GBK, Shift JIS and EUC-KR.
ENCODINGS: dict[str, tuple[str, bytes]] = {
    "utf-8": ("utf-8", b""),
    "utf-8-bom": ("utf-8", codecs.BOM_UTF8),
    "utf-16le": ("utf-16-le", b""),
    "utf-16le-bom": ("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-16be": ("utf-16-be", b""),
    "utf-16be-bom": ("utf-16-be", codecs.BOM_UTF16_BE),
    **{
        name: (name, b"")
        for name in (
            "cp950",
            "big5",
            "gbk",
            "gb18030",
            "cp1252",
            "latin-1",
            "iso8859-15",
            "cp1250",
            "cp932",
            "shift_jis",
            "euc-jp",
            "cp949",
            "euc-kr",
        )
    },
}
USED: dict[str, tuple[str, ...]] = {
    "zh-TW": ("utf-8", "utf-8-bom", "utf-16le", "utf-16le-bom", "utf-16be", "utf-16be-bom", "cp950", "gb18030"),
    "zh-CN": ("utf-8", "utf-8-bom", "utf-16le-bom", "utf-16be", "gbk", "gb18030"),
    "de": ("utf-8", "utf-8-bom", "utf-16le", "cp1252", "latin-1", "iso8859-15"),
    "fr": ("utf-8", "utf-16be-bom", "cp1252"),
    "es": ("utf-8", "cp1252", "latin-1"),
    "pl": ("utf-8", "cp1250"),
    "en": ("utf-8", "utf-8-bom", "utf-16le-bom", "utf-16le", "cp1252"),
    "ja": ("utf-8", "utf-16le-bom", "utf-16be", "cp932", "shift_jis", "euc-jp"),
    "ko": ("utf-8", "utf-16le", "utf-16be-bom", "cp949", "euc-kr"),
    "mixed": ("utf-8", "utf-16le-bom", "cp950", "big5"),
}
# What says itself what it is must not be asked about.
PLAIN = ("utf-8", "utf-8-bom", "utf-16le-bom", "utf-16be-bom")
FORMATS = ("tsv", "json", "jsonl")
CELLS = [
    pytest.param(language, encoding, length, format, id=f"{language}-{encoding}-{length}-{format}")
    for language, encodings in USED.items()
    for number, encoding in enumerate(encodings)
    for place, length in enumerate((3, 60))
    for format in ("csv", FORMATS[(number + place) % 3])
]
LEGACY_LONG = [
    (language, encoding) for language, encodings in USED.items() for encoding in encodings if encoding not in PLAIN
]


def encode_rows(rows: Rows, encoding: str, format: str) -> bytes:
    codec, mark = ENCODINGS[encoding]
    dumped = {
        "csv": lambda: dump_csv([{**row, "text": row["text"].replace(",", ";")} for row in rows]),
        "tsv": lambda: dump_csv(rows, "\t"),
        "json": lambda: json.dumps(rows, ensure_ascii=False),
        "jsonl": lambda: dump_lines(rows),
    }[format]()
    return mark + dumped.encode(codec)


def read_of(told: Told) -> list[tuple[str, str]]:
    return [(row["text"], row["label"]) for row in told.preview["rows"]]


def expected_rows(language: str, count: int, encoding: str, format: str) -> list[tuple[str, str]]:
    comma = ";" if format == "csv" else ","
    codec, _ = ENCODINGS[encoding]
    return [
        (row["text"].replace(",", comma).encode(codec).decode(codec), row["label"])
        for row in writable(language, encoding, count)
    ]


def writable(language: str, encoding: str, count: int) -> Rows:
    """Rows that the encoding can write: ISO 8859-1 has no curly quotes and no euro."""
    codec, _ = ENCODINGS[encoding]
    return [
        row for row in write_rows(language, 120) if row["text"].encode(codec, "ignore").decode(codec) == row["text"]
    ][:count]


@pytest.mark.parametrize(("language", "encoding", "length", "format"), CELLS)
async def test_it_is_read_right_or_asked_about(
    office: Office, language: str, encoding: str, length: int, format: str
) -> None:
    right = expected_rows(language, length, encoding, format)
    assert len(right) == length
    await office.begin(labels=list(SENTENCES[language][0]))
    path = office.put(f"mails.{format}", encode_rows(writable(language, encoding, length), encoding, format))
    told = await office.connect(path)

    if told.goes_on:
        assert read_of(told) == right[:5]
        if length > 5:
            prepared = await office.prepare()
            assert not prepared.refused, prepared.message
            assert {(row["text"], row["label"]) for row in office.rows()} == set(right)
        return
    assert encoding not in PLAIN, told.message
    assert_asked(told, right[0][0])
    prepared = await office.prepare()  # who does not answer gets nothing wrong
    assert prepared.refused or {row["text"] for row in office.rows()} <= {text for text, _ in right}


def assert_asked(told: Told, first: str) -> None:
    """The question names a field that answers it, and shows the first line under the right reading and another one."""
    assert "encoding" in told.everything
    assert first in told.everything, told.everything


async def test_most_files_in_an_old_encoding_are_read_without_a_question(office: Office) -> None:
    read = asked = 0
    await office.begin(labels=sorted({label for labels, *_ in SENTENCES.values() for label in labels}))
    for language, encoding in LEGACY_LONG[::2]:
        path = office.put(f"{language}-{encoding}.csv", encode_rows(writable(language, encoding, 60), encoding, "csv"))
        told = await office.connect(path)
        if told.goes_on:
            read += read_of(told) == expected_rows(language, 5, encoding, "csv")
        else:
            asked += 1
    assert read >= 2 * asked and read + asked == len(LEGACY_LONG[::2])


@pytest.mark.parametrize(
    ("language", "encoding"), [("de", "cp1252"), ("en", "cp1252"), ("zh-CN", "gbk"), ("ko", "cp949"), ("ja", "cp932")]
)
async def test_the_encoding_that_a_person_names_is_the_one_it_is_read_in(
    office: Office, language: str, encoding: str
) -> None:
    await office.begin(labels=list(SENTENCES[language][0]))
    path = office.put("mails.csv", encode_rows(write_rows(language, 3), encoding, "csv"))
    told = await office.connect(path, encoding=encoding)
    assert told.goes_on and read_of(told) == expected_rows(language, 3, encoding, "csv")


@pytest.mark.parametrize("late", ["de", "zh-TW", "ja"])
@pytest.mark.parametrize("encoding", ["utf-8", "legacy"])
async def test_a_letter_outside_ascii_that_comes_late_counts(office: Office, late: str, encoding: str) -> None:
    """2,500 plain rows, then three that say which encoding it is."""
    codec = {
        "utf-8": {"de": "utf-8", "zh-TW": "utf-8", "ja": "utf-8"},
        "legacy": {"de": "cp1252", "zh-TW": "cp950", "ja": "cp932"},
    }[encoding][late]
    plain = [
        {
            "text": f"Parcel {number} came on day {number % 31} and all is well with number {number * 7}",
            "label": "ab"[number % 2],
        }
        for number in range(2500)
    ]
    rows = [*plain, *({"text": row["text"].replace(",", ";"), "label": "c"} for row in write_rows(late, 3))]
    await office.begin(labels=["a", "b", "c"])
    told = await office.connect(office.put("mails.csv", dump_csv(rows).encode(codec)))
    if told.goes_on:
        told = await office.prepare()
        if not told.refused:
            assert {row["text"] for row in office.rows() if row["label"] == "c"} == {row["text"] for row in rows[-3:]}
            return
    assert encoding == "legacy", told.message
    assert_asked(told, rows[-3]["text"])
