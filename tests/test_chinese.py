"""Everything Chinese we ship is Taiwan's: no Simplified characters, no mainland terms; both languages stay in step."""

from __future__ import annotations

import re
from pathlib import Path

from nlp_skills.resources.foundation.chinese import is_simplified, simplified_characters

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = {".py", ".md", ".yaml", ".csv", ".html", ".toml"}
FOLDERS = ("server", "tools", "resources", "prompts", "docs", "benchmarks")

MAINLAND = re.compile(
    "軟件|硬件|數據(?!機)|視頻|音頻|信息|默認|用戶(?!端)|質量|網絡|硬盤|磁盤|內存|模塊|服務器|屏幕|鼠標|鏈接|字符|"
    "代碼|運行|加載|(?<!微)調用|接口|線程|(?<!行)進程(?!度)|緩存|變量|數組|登錄(?!表)|賬號|賬戶|打印|文檔|反饋|批量|"
    "缺省|卸載|報錯|拉取|兼容|遞歸|魯棒|過擬合|欠擬合"
)
# People may speak as they like: what the rules listen for is not what we say, nor are the rows of a data set.
HEARD = ("tools/coach/intents/zh-TW.yaml", "tools/coach/intents/foreign.yaml", ".csv")
# What people may write so, and what the checker looks for.
SIMPLIFIED_MEANT = (
    "tools/coach/intents/foreign.yaml",
    "resources/foundation/simplified_reviewed.yaml",
    "tools/data/frequent_characters.py",
)
HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,;:?!](?=[\u4e00-\u9fff]|\s|$)")
CODE = re.compile(r"\A---\n.*?\n---\n|```.*?```|`[^`\n]*`", re.DOTALL)  # front matter is YAML


def test_no_simplified_character_stands_anywhere() -> None:
    assert not [
        f"{_name_of_file(path)}:{number}: {character}"
        for path in _texts()
        if _name_of_file(path) not in SIMPLIFIED_MEANT
        for number, line in _lines(path)
        for character in simplified_characters(line)
    ]


def test_no_mainland_term_stands_in_our_texts() -> None:
    assert not [
        f"{_name_of_file(path)}:{number}: {term}"
        for path in _texts()
        if not _name_of_file(path).endswith(HEARD)
        for number, line in _lines(path)
        for term in MAINLAND.findall(line)
    ]


def test_chinese_pages_use_full_width_punctuation() -> None:
    assert not [
        f"{_name_of_file(path)}: {found[0]}" for path in _chinese_pages() for found in HALF_WIDTH.finditer(_prose(path))
    ]


def test_no_link_is_dead() -> None:
    links = [
        (path, link)
        for path in _texts()
        if path.suffix == ".md"
        for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    ]
    assert not [
        f"{_name_of_file(path)}: {link}"
        for path, link in links
        if "://" not in link and not link.startswith("#") and not (path.parent / link.partition("#")[0]).exists()
    ]
    assert len(links) > 10


def test_a_page_has_the_same_headings_in_both_languages() -> None:
    for path in _chinese_pages():
        plain, named = (path.with_name(path.name.replace(".zh-TW", other)) for other in ("", ".en"))
        assert _headings(path) == _headings(plain if plain.is_file() else named), _name_of_file(path)


def test_every_skill_is_written_in_both_languages() -> None:
    skills = ROOT / "resources" / "skills"
    assert {path.parent.name for path in skills.glob("*/SKILL.md")} == {
        "llm-coach",
        "llm-knowledge",
        "task-manager",
        "data-pipeline",
    }
    english = {path for path in skills.rglob("*.md") if ".zh-TW" not in path.name}
    chinese = {path for path in _chinese_pages() if skills in path.parents}
    assert {path.with_suffix(".zh-TW.md") for path in english} == chinese


def test_the_checker_tells_simplified_from_traditional() -> None:
    assert all(map(is_simplified, "这们个数训练体"))
    assert not any(map(is_simplified, "這們個數據訓練模型資料夾裡的臺灣台后里只"))
    assert MAINLAND.search("軟件")
    assert not MAINLAND.search("用戶端與數據機")


def _texts() -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    found += [path for path in ROOT.iterdir() if path.is_file()]
    return sorted(
        path for path in found if path.suffix in SUFFIXES and path.is_file() and "__pycache__" not in path.parts
    )


def _chinese_pages() -> list[Path]:
    return [path for path in _texts() if path.name.endswith(".zh-TW.md")]


def _lines(path: Path) -> list[tuple[int, str]]:
    return list(enumerate(path.read_text(encoding="utf-8").splitlines(), start=1))


def _prose(path: Path) -> str:
    return CODE.sub("", path.read_text(encoding="utf-8"))


def _headings(path: Path) -> list[int]:
    return [len(found) for found in re.findall(r"(?m)^(#+) ", _prose(path))]


def _name_of_file(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
