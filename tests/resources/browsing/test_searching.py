from __future__ import annotations

import time
from pathlib import Path

import pytest

from nlp_skills.resources import knowledge
from nlp_skills.resources.browsing.searching import search, words_of
from nlp_skills.resources.foundation.language import detect_language, speaking

PAGE = "---\ntitle: {title}\ndescription: {about}\nkeywords: [{keywords}]\n---\n# {title}\n\n{text}\n"

# What people ask, and the page that answers it.
QUESTIONS = [
    ("what to do about rare classes", "imbalance"),
    ("類別不平衡怎麼辦", "imbalance"),
    ("loss is nan", "trouble-loss-nan"),
    ("loss 變成 nan", "trouble-loss-nan"),
    ("CUDA out of memory", "trouble-out-of-memory"),
    ("記憶體不足", "trouble-out-of-memory"),
    ("how many rows do I need", "data-sizes"),
    ("要多少資料才夠", "data-sizes"),
    ("how long will training take and cost", "memory-time-cost"),
    ("訓練要多久、多少錢", "memory-time-cost"),
    ("which GPU", "memory-time-cost"),
    ("model answers in simplified chinese", "trouble-simplified-characters"),
    ("模型回簡體字", "trouble-simplified-characters"),
    ("model never stops writing", "trouble-end-of-turn"),
    ("回答停不下來", "trouble-end-of-turn"),
    ("DPO or SFT", "preference-methods"),
    ("a bot that knows our documents", "retrieval-or-training"),
    ("懂我們文件的機器人", "retrieval-or-training"),
    ("LoRA rank", "lora"),
    ("學習率要設多少", "hyperparameters"),
    ("learning rate", "hyperparameters"),
    ("label guideline annotators disagree", "annotation"),
    ("標註不一致", "annotation"),
    ("GPT generated data", "synthetic-data"),
    ("用 GPT 產生資料", "synthetic-data"),
    ("int4 gguf", "quantization"),
    ("量化", "quantization"),
    ("overfitting", "trouble-overfitting"),
    ("過度擬合", "trouble-overfitting"),
    ("training is slow", "trouble-slow-training"),
    ("訓練好慢", "trouble-slow-training"),
    ("forgets other skills", "trouble-forgetting"),
    ("confidence interval", "statistics"),
    ("部署後變差", "trouble-bad-after-deployment"),
    ("worse after deployment", "trouble-bad-after-deployment"),
    ("Taiwanese wording", "traditional-chinese"),
    ("PPO reward model", "reward-methods"),
    ("GRPO", "reward-methods"),
]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "skills" / "llm-knowledge"
    folder.mkdir(parents=True)
    for file, title, about, keywords, text in (
        ("SKILL.md", "Knowledge", "All of it.", "", "Pages about training."),
        ("SKILL.zh-TW.md", "知識", "全部。", "", "關於訓練的頁面。"),
        (
            "imbalance.md",
            "Imbalance",
            "Few rows of one class.",
            "rare classes",
            "Weigh the loss.\n\n| remedy | effect |\n|---|---|\n| oversampling | helps recall of the smallest class |",
        ),
        (
            "imbalance.zh-TW.md",
            "類別不平衡",
            "某一類的資料很少。",
            "少數類別",
            "調整損失的權重。\n\n- 過採樣能提高召回率。",
        ),
        ("lora.md", "LoRA", "Adapters.", "rank", "Ranks of 16 suffice. See [a class](https://oversampling.example/x)."),
        ("lora.zh-TW.md", "LoRA", "轉接器。", "rank, 秩", "rank 16 通常就夠。"),
    ):
        (folder / file).write_text(
            PAGE.format(title=title, about=about, keywords=keywords, text=text), encoding="utf-8"
        )
    monkeypatch.setattr(knowledge, "SKILLS", folder.parent)
    return folder


def test_words_are_compared_without_case_and_plural_and_han_by_pairs() -> None:
    assert words_of("The LoRA Ranks, class") == ["the", "lora", "rank", "class"]
    assert words_of("losses, batches and classes") == ["loss", "batch", "and", "class"]
    assert words_of("不平衡") == ["不", "平", "衡", "不平", "平衡"]
    assert words_of("用ＬｏＲＡ嗎") == ["用", "lora", "嗎"]


def test_a_page_is_found_by_words_of_its_text_with_the_passage_that_holds_them(shelf: Path) -> None:
    found, total = search("how does oversampling help")
    assert total == 1 and found[0][:4] == (
        "nlp-skills://skills/llm-knowledge/imbalance",
        "Imbalance",
        "oversampling | helps recall of the smallest class",
        "en",
    )


def test_a_question_in_chinese_finds_the_chinese_page(shelf: Path) -> None:
    with speaking("zh-TW"):
        found, _ = search("類別很不平衡怎麼辦？")
    assert (found[0].uri, found[0].title, found[0].language) == (
        "nlp-skills://skills/llm-knowledge/imbalance",
        "類別不平衡",
        "zh-TW",
    )


def test_words_both_languages_hold_are_shown_in_the_calls_language(shelf: Path) -> None:
    assert search("LoRA rank")[0][0].language == "en"
    with speaking("zh-TW"):
        assert search("LoRA rank")[0][0].language == "zh-TW"
        assert search("adapters")[0][0].language == "en"


def test_a_title_counts_more_than_the_text(shelf: Path) -> None:
    (shelf / "other.md").write_text("# Other\n\nlora lora is mentioned twice\n", encoding="utf-8")
    assert [one.uri.rpartition("/")[2] for one in search("lora")[0]] == ["lora", "other"]


def test_further_results_follow_and_nothing_answers_nonsense(shelf: Path) -> None:
    first, total = search("class", limit=1)
    second, _ = search("class", limit=1, offset=1)
    assert total == 2 and {first[0].uri, second[0].uri} == {
        f"nlp-skills://skills/llm-knowledge/{page}" for page in ("imbalance", "lora")
    }
    assert search("zzz qqq") == ([], 0) and search("") == ([], 0) and search("？！") == ([], 0)


def test_a_page_that_was_changed_added_or_removed_is_searched_as_it_stands(shelf: Path) -> None:
    (shelf / "lora.md").write_text("# LoRA\n\nquaternions\n", encoding="utf-8")
    (shelf / "new.md").write_text("# New\n\nquaternions too\n", encoding="utf-8")
    assert search("quaternions")[1] == 2
    (shelf / "new.md").unlink()
    assert search("quaternions")[1] == 1


def test_every_shipped_page_is_found_first_by_its_own_title() -> None:
    for skill in knowledge.skills():
        for page in skill.pages:
            found, _ = search(f"{page.title} {' '.join(page.keywords)}")
            assert found[0].uri == knowledge.page_uri(skill.name, page.name), page.title


def test_what_people_ask_leads_to_its_page_among_the_first_three() -> None:
    missed = []
    for question, page in QUESTIONS:
        with speaking(detect_language(question)):
            found, _ = search(question, limit=3)
        if page not in [one.uri.rpartition("/")[2] for one in found]:
            missed.append(question)
    assert len(missed) <= len(QUESTIONS) // 10, missed


def test_eighty_pages_are_searched_within_twenty_milliseconds(shelf: Path) -> None:
    text = "\n\n".join(f"Paragraph {number} speaks of training, data and rank {number}." for number in range(80))
    for number in range(80):
        (shelf / f"page-{number}.md").write_text(f"# Page {number}\n\n{text}\n", encoding="utf-8")
        (shelf / f"page-{number}.zh-TW.md").write_text(
            f"# 頁面{number}\n\n{'訓練資料的品質。' * 200}\n", encoding="utf-8"
        )
    search("warm")
    seconds = []
    for query in ("training data of good quality", "訓練資料的品質", "rank 17"):
        started = time.process_time()  # what it costs, whatever else the machine does
        search(query)
        seconds.append(time.process_time() - started)
    print(f"80 pages in two languages: {[f'{1000 * one:.1f} ms' for one in seconds]}")
    assert min(seconds) <= 0.02
