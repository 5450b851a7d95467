from __future__ import annotations

import codecs
import csv
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation.errors import DataError, DataSourceError, MissingRequirement, NlpSkillsError
from nlp_skills.tools.data.cells import as_text
from nlp_skills.tools.data.source import kinds, source_kind

ROWS = [{"text": "台積電營收創新高，市場看好", "label": "正面"}, {"text": '他說:"不買"', "label": "負面"}]
anywhere = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def as_csv(rows: list[dict[str, Any]], delimiter: str = ",", newline: str = "\r\n") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def read(path: Path, **fields: Any) -> list[dict[str, Any]]:
    source = source_kind(Source.model_validate({"type": "file", "path": str(path), **fields}), 0)
    return [record for batch in source.batches(path.parent, "sources[0]") for record in batch]


def refusal(path: Path, **fields: Any) -> NlpSkillsError:
    with pytest.raises(NlpSkillsError) as caught:
        read(path, **fields)
    assert caught.value.problem.zh and caught.value.fix.zh and caught.value.field
    return caught.value


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("cp950", b""),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
def test_the_encoding_is_recognised(tmp_path: Path, encoding: str, bom: bytes) -> None:
    path = write(tmp_path / "a.csv", bom + as_csv(ROWS).encode(encoding))

    assert read(path) == ROWS


def test_what_is_no_text_is_said_so(tmp_path: Path) -> None:
    error = refusal(write(tmp_path / "a.csv", bytes(range(256)) * 4))

    assert "is not text" in error.problem.en and error.field == "sources[0].encoding"


@pytest.mark.parametrize(
    ("name", "line"), [("a.csv", "一,正\0面\n"), ("a.jsonl", '{"text": "一", "label": "正\0面"}\n')]
)
def test_a_zero_byte_among_the_rows_is_told_with_its_line(tmp_path: Path, name: str, line: str) -> None:
    sound = (
        "text,label\n" + "好消息一則,正面\n" * 2000 if name == "a.csv" else '{"text": "好", "label": "正面"}\n' * 2000
    )
    error = refusal(write(tmp_path / name, sound + line))

    assert f"Line {sound.count(chr(10)) + 1} " in error.problem.en and "zero byte" in error.problem.en


def test_a_zero_character_that_json_spells_out_is_left_out_of_the_row(tmp_path: Path) -> None:
    assert (
        as_text(read(write(tmp_path / "a.jsonl", '{"text": "\\u0000好\\u0000", "label": "正面"}\n'))[0]["text"]) == "好"
    )


def test_big5_is_recognised_in_json_lines_too(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)

    assert read(write(tmp_path / "a.jsonl", lines.encode("big5"))) == ROWS


def test_a_named_encoding_is_used_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\n简体中文,好\n".encode("gbk"))

    assert read(path, encoding="gbk")[0]["text"] == "简体中文"
    assert refusal(path, encoding="ascii").field == "sources[0].encoding"
    assert refusal(path, encoding="klingon").field == "sources[0].encoding"


def test_broken_utf8_is_told_with_its_line_and_not_taken_for_big5(tmp_path: Path) -> None:
    content = as_csv(ROWS * 50, newline="\n").encode()
    at = content.index("看好".encode(), 2000)
    error = refusal(write(tmp_path / "a.csv", content[:at] + b"\xff" + content[at:]))

    assert isinstance(error, DataError) and error.field == "sources[0].encoding"
    assert f"byte {at}" in error.problem.en
    assert f"line {content[:at].count(bytes([10])) + 1}" in error.problem.en


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.jsonl", "semicolon.csv", "wrapped.json"])
def test_every_text_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    contents = {
        "a.csv": as_csv(ROWS),
        "a.tsv": as_csv(ROWS, "\t"),
        "semicolon.csv": as_csv(ROWS, ";"),
        "a.json": json.dumps(ROWS),
        "a.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
        "wrapped.json": json.dumps({"version": 1, "data": ROWS}),
    }
    assert read(write(tmp_path / name, contents[name])) == ROWS


def test_without_pyarrow_parquet_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)

    assert isinstance(refusal(write(tmp_path / "a.parquet", "PAR1")), MissingRequirement)


cells = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\x85\ufeff"), max_size=30
)


@anywhere
@given(
    st.lists(st.fixed_dictionaries({"text": cells, "label": cells}), min_size=1, max_size=8),
    st.sampled_from([",", "\t", ";"]),
)
def test_any_csv_reads_back_as_it_was_written(tmp_path: Path, rows: list[dict[str, str]], delimiter: str) -> None:
    path = write(tmp_path / "a.csv", as_csv(rows, delimiter))
    expected = [{key: value or None for key, value in row.items()} for row in rows if any(row.values())]

    assert (read(path, delimiter=delimiter) if expected else []) == expected


json_rows = st.lists(
    st.dictionaries(
        st.text(max_size=6),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(max_size=3), max_size=3),
        max_size=4,
    ),
    min_size=1,
    max_size=8,
)


@anywhere
@given(json_rows, st.sampled_from([None, 2]), st.booleans())
def test_any_json_array_reads_back(
    tmp_path: Path, rows: list[dict[str, Any]], indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(rows, indent=indent, ensure_ascii=ascii_only)
    if not ascii_only and not text.isascii() and any(0xD800 <= ord(c) < 0xE000 for c in text):
        return
    assert read(write(tmp_path / "a.json", text)) == rows


@anywhere
@given(st.binary(max_size=300), st.sampled_from(["csv", "tsv", "json", "jsonl"]))
def test_arbitrary_bytes_are_read_or_refused_with_one_clear_error(tmp_path: Path, content: bytes, kind: str) -> None:
    path = write(tmp_path / f"a.{kind}", content)
    try:
        records = read(path)
    except NlpSkillsError as error:
        assert error.field and error.field.startswith("sources[0]")
    else:
        assert all(isinstance(record, dict) for record in records)


def test_a_json_array_larger_than_one_chunk_streams(tmp_path: Path) -> None:
    rows = [{"text": f"第{number}則" + "新聞" * 50, "label": "中性"} for number in range(20_000)]

    assert read(write(tmp_path / "a.json", json.dumps(rows, ensure_ascii=False))) == rows


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.parquet"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, name: str) -> None:
    assert "empty" in refusal(write(tmp_path / name, b"")).problem.en


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path / "absent.csv").field == "sources[0].path"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "text,label\nyes,a\nno,b,c\n", "Line 3"),
        ("a.csv", 'text,label\n"never closed,a\n', "not valid CSV"),
        ("a.csv", "text,text\nx,y\n", "twice"),
        ("a.jsonl", '{"text": "a"}\n{"text": \n', "Line 2"),
        ("a.jsonl", '["text"]\n', "Line 1"),
        ("a.json", '[{"text": "a"}, {"text": ', "Element 2"),
        ("a.json", '[{"text": "a"}, 5]', "Element 2"),
        ("a.json", '{"a": [], "b": []}', "not an array"),
        ("a.json", "null", "not an array"),
    ],
)
def test_a_broken_file_says_where(tmp_path: Path, name: str, content: str, said: str) -> None:
    error = refusal(write(tmp_path / name, content))

    assert said in error.problem.en and error.field == "sources[0].path"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json"])
def test_a_line_of_200_megabytes_is_refused_without_being_held(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(b"text,label\n" if name.endswith("sv") else b'[{"text": "' if name == "a.json" else b'{"text": "')
        for _ in range(200):
            file.write(b"x" * (1 << 20))
    tracemalloc.start()
    try:
        error = refusal(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        path.unlink()

    assert "longer than 8 million" in error.problem.en
    assert peak < 80 << 20


def test_an_unknown_type_or_field_offers_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataSourceError) as kind:
        source_kind(Source(type="databse"), 1)
    with pytest.raises(DataSourceError) as field:
        source_kind(Source.model_validate({"type": "file", "path": "x", "enconding": "big5"}), 0)

    assert "Did you mean database?" in kind.value.fix.en and kind.value.field == "sources[1].type"
    assert "Did you mean encoding?" in field.value.fix.en
    assert set(kinds()) >= {"file", "database", "api", "web_scrape", "llm_generated"}
    assert all(kind.__doc__ for kind in kinds().values())


def test_an_ending_that_says_nothing_asks_for_the_format(tmp_path: Path) -> None:
    path = write(tmp_path / "export.dat", as_csv(ROWS))

    assert refusal(path).field == "sources[0].format"
    assert read(path, format="csv") == ROWS
