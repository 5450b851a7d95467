"""The offline base model: what it has read, how it is written, what it is once built."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nlp_skills.server.demo import base_model, corpus

FINANCE = re.compile(
    r"股|營收|獲利|盈餘|虧損|財報|毛利|投資|法人|外資|市值|公司|企業|訂單"
    r"|\b(compan(y|ies)|(?<!out of )stocks?|shares|revenues?|profits?|earnings|investors?|dividends?|brokers?|guidance|sales)\b",
    re.IGNORECASE,
)


def test_the_corpus_is_the_same_for_the_same_seed() -> None:
    assert list(corpus.write_chats(200, seed=1)) == list(corpus.write_chats(200, seed=1))
    assert list(corpus.write_chats(200, seed=1)) != list(corpus.write_chats(200, seed=2))


def test_the_base_model_has_read_no_financial_news() -> None:
    # Made-up names are random characters and may spell anything: the word lists are what is looked at.
    for lexicon in corpus.LEXICONS:
        words = repr(lexicon).replace(repr(lexicon.characters), "")
        assert not FINANCE.findall(words)


def test_every_chat_asks_and_is_answered() -> None:
    for chat in corpus.write_chats(1_000, seed=3):
        roles = [message["role"] for message in chat if message["role"] != "system"]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert all(message["content"].strip() for message in chat)
        assert not any(re.search(r"\{\w+\}", message["content"]) for message in chat)


def test_importing_the_module_loads_no_training_library() -> None:
    check = (
        "import sys, nlp_skills.server.demo.base_model; "
        "sys.exit(bool({'torch', 'transformers', 'tokenizers'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", check], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model built from few chats: the same steps, in seconds."""
    return _build_small(tmp_path_factory.mktemp("models") / "base")


@pytest.mark.worker
def test_it_loads_and_answers(built: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(built)
    model = AutoModelForCausalLM.from_pretrained(built)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "你好"}], add_generation_prompt=True, return_tensors="pt"
    )
    answer = model.generate(**asked, max_new_tokens=3)
    assert answer.shape[1] > asked["input_ids"].shape[1]
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    assert sum(weight.numel() for weight in model.parameters()) < 1_500_000


@pytest.mark.worker
def test_it_was_trained_on_what_the_chat_template_renders(built: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(built)
    for chat in corpus.write_chats(50, seed=4):
        rendered = tokenizer.encode(tokenizer.apply_chat_template(chat, tokenize=False))
        example = base_model._tokenize(chat, tokenizer)
        assert example.ids == rendered
        answers = [m["content"] + "<|im_end|>" for m in chat if m["role"] == "assistant"]
        counted = [token for token, weight in zip(example.ids, example.weights, strict=True) if weight]
        assert tokenizer.decode(counted) == "".join(answers)


@pytest.mark.worker
def test_its_tokenizer_keeps_every_text_and_knows_common_characters(built: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(built)
    for text in ("台灣的咖啡 ☕ 123", "Nothing's  lost.\n\n龘", "ＡＢＣ"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    known = [len(tokenizer.encode(character)) == 1 for character in corpus.plain_text()]
    assert sum(known) / len(known) > 0.99


@pytest.mark.worker
def test_the_same_seed_gives_the_same_weights_and_replaces_what_was_there(built: Path, tmp_path: Path) -> None:
    destination = tmp_path / "base"
    destination.mkdir()
    (destination / "left over").touch()
    _build_small(destination)
    assert _digest(destination) == _digest(built)
    assert [path.name for path in tmp_path.iterdir()] == ["base"]
    assert not (destination / "left over").exists()


def _build_small(destination: Path) -> Path:
    told: list[tuple[int, int, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base_model, "CHATS", 120)
        patch.setattr(base_model, "THREADS", 1)
        info = base_model.build_base_model(destination, seed=5, progress=lambda *said: told.append(said))
    assert info.path == destination
    assert info.parameters > 1_000_000
    assert told[-1][0] == told[-1][1] > 0
    return destination


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
