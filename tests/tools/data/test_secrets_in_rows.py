"""Keys, tokens, private keys and passwords in rows are found; ordinary words are not taken for them.

Every planted secret is made up here, and written in two parts so that nobody's scanner takes it for a real one.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.secrets_in_rows import secret_kinds_of
from nlp_skills.tools.data.snapshot import current_snapshot
from tests.tools.data.conftest import sentences
from tests.tools.data.test_decisions import Prepare
from tests.tools.data.test_regenerate import refusal, source

LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xR"  # made up; long enough for every form
HEX = "0123456789abcdef" * 4
TOKENS = {
    "AWS": "AKIA" + "ABCDEFGH23456789",
    "AWS for a session": "ASIA" + "ABCDEFGH23456789",
    "Google": "AIza" + LETTERS + "abc",
    "Google OAuth": "GOCSPX-" + LETTERS[:28],
    "Azure storage": "AccountKey=" + LETTERS * 2 + "ab==",
    "Alibaba": "LTAI" + LETTERS[:20],
    "Tencent": "AKID" + LETTERS,
    "DigitalOcean": "dop_v1_" + HEX,
    "Databricks": "dapi" + HEX[:32],
    "GitHub": "ghp_" + LETTERS + "abcd",
    "GitHub, fine-grained": "github_pat_" + LETTERS,
    "GitLab": "glpat-" + LETTERS[:20],
    "Atlassian": "ATATT3" + LETTERS,
    "npm": "npm_" + LETTERS + "abcd",
    "PyPI": "pypi-" + "AgEIcHlwaS5vcmc" + LETTERS,
    "Docker": "dckr_pat_" + LETTERS[:27],
    "OpenAI": "sk-" + LETTERS + LETTERS[:16],
    "OpenAI, project": "sk-proj-" + LETTERS,
    "Anthropic": "sk-ant-" + "api03-" + LETTERS,
    "OpenRouter": "sk-or-v1-" + HEX,
    "DeepSeek": "sk-" + HEX[:32],
    "Hugging Face": "hf_" + LETTERS,
    "Groq": "gsk_" + LETTERS + LETTERS[:20],
    "xAI": "xai-" + LETTERS * 2,
    "NVIDIA": "nvapi-" + LETTERS * 2,
    "Slack": "xoxb-" + "123456789012-" + LETTERS,
    "Slack hook": "https://hooks.slack.com/" + "services/T00000000/B00000000/" + LETTERS[:24],
    "Telegram": "123456789:" + "AA" + LETTERS + "a",
    "Stripe": "sk_live_" + LETTERS[:24],
    "Twilio": "SK" + HEX[:32],
    "SendGrid": "SG." + LETTERS[:22] + "." + LETTERS + LETTERS[:11],
    "Shopify": "shpat_" + HEX[:32],
    "Vault": "hvs." + LETTERS,
    "Grafana": "glsa_" + LETTERS + "_" + HEX[:8],
    "Notion": "ntn_" + LETTERS + LETTERS[:14],
    "Figma": "figd_" + LETTERS + LETTERS[:8],
    "JWT": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + LETTERS,
    "a login": "postgresql://admin:" + "S3cr3t-pw@db.example.com/x",
    "AWS secret": "aws_secret_access_key = wJalrXUtnFEMI/" + "K7MDENG/bPxRfiCY" + "abcdEFGH12",
    "setting": 'apiKey: "' + HEX[:32] + '"',
    "header": "Authorization: Bearer " + LETTERS,
    "basic": "Authorization: Basic " + "bWU6aHVudGVyMg==",
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("text", ["{}", "客人貼上的金鑰是{}，請協助", "log: {} failed", "請看（{}）"])
def test_keys_and_tokens_of_every_maker_are_found(token: str, text: str) -> None:
    assert secret_kinds_of(text.format(token)) == ["token"]


@pytest.mark.parametrize("kind", ["RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "", "DSA "])
def test_private_keys_are_found(kind: str) -> None:
    assert "private_key" in secret_kinds_of(f"-----BEGIN {kind}PRIVATE " + "KEY-----\nMIIEow\n")
    assert "private_key" in secret_kinds_of("-----BEGIN PGP PRIVATE " + "KEY BLOCK-----")
    assert secret_kinds_of(f"-----BEGIN {kind}PUBLIC KEY-----\nMIIEow\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "密碼是 abc123",
        "我的密碼：123456，登不進去",
        "password: hunter2",
        "the password is hunter2.",
        "ｐａｓｓｗｏｒｄ：ｈｕｎｔｅｒ２",
    ],
)
def test_what_looks_like_a_password_is_advised_on(text: str) -> None:
    assert secret_kinds_of(text) == ["password"]


@pytest.mark.parametrize(
    "text",
    [
        "忘記密碼怎麼辦",
        "密碼是空的",
        "密碼：一直輸入錯誤",
        "the password is wrong",
        "a basic understanding of tokens",
        "sk-hynix-2026-q3-results-hbm4",
        "營收 1234567890123456 元",
        "https://example.com/a:b@c",
        "see https://user@example.com",
        "postgresql://me:${PG}@db/x",
        "password: ********",
        "api_key=YOUR_API_KEY_HERE",
        "token: <your-token>",
        "commit 9e107d9d372bb6826bd81d3542a419d6e3b0c442",
        "型號 AKIA-100",
        "eyJ 不是權杖",
        "",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert secret_kinds_of(text) == []


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    assert set(secret_kinds_of(text)) <= {"token", "private_key", "password"}


def test_a_token_in_a_row_blocks_is_never_quoted_and_can_be_accepted(task: TaskFolder, prepare: Prepare) -> None:
    token, rows = TOKENS["GitHub"], sentences(60)
    rows[0] = {**rows[0], "text": f"{rows[0]['text']}{token}"}
    source(task, rows)
    error = refusal(prepare)

    assert "accept={'secret_token'" in error.fix.en and token not in str(error.to_dict())
    prepare(accept={"secret_token": "示範用的假金鑰"})
    [kept] = current_snapshot(task).summary().accepted
    assert kept.finding == "secret_token" and kept.count == 1


def test_what_a_model_would_learn_to_say_is_looked_at_too() -> None:
    from nlp_skills.tools.data.content import content_findings

    row: dict[str, Any] = {"id": "a", "text": "請給我設定", "output": f"export KEY={TOKENS['OpenAI']}"}
    conversation = {
        "id": "b",
        "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "A123456789"}],
        "text": "hi",
    }
    errors, _ = content_findings([("train", row), ("train", conversation)], traditional=False)

    assert [(found.code, found.ids) for found in errors] == [("personal_id_number", ["b"]), ("secret_token", ["a"])]
