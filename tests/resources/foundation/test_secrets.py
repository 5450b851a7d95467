from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import keyring
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends import fail

from nlp_skills.resources.foundation import secrets, typed_secrets
from nlp_skills.resources.foundation.access import AccessError, Need, grant, read_grants
from nlp_skills.resources.foundation.errors import SecretError
from nlp_skills.resources.foundation.masking import mask_secrets


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "secrets"))
    return tmp_path / "secrets"


class Keychain(KeyringBackend):
    """A keychain in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.values: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.values.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.values[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.values[service, username]


@pytest.fixture
def keychain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A working keychain, and the person's own configuration folder."""
    monkeypatch.delenv("NLP_SKILLS_SECRETS_DIR")
    for name in ("XDG_CONFIG_HOME", "APPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    before, backend = keyring.get_keyring(), Keychain()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_a_stored_secret_is_resolved_where_it_is_referred_to() -> None:
    secrets.store("DB_PASSWORD", "pa ss/wörd")

    assert secrets.resolve("a ${DB_PASSWORD} b", host=None) == "a pa ss/wörd b"
    assert secrets.known_names() == ["DB_PASSWORD"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_the_file_is_for_its_owner_alone(folder: Path) -> None:
    secrets.store("A", "one")
    secrets.store("B", "two")

    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.store("TOKEN_X", "stored")
    monkeypatch.setenv("TOKEN_X", "given")

    assert secrets.resolve("${TOKEN_X}", host=None) == "given"


def test_an_unknown_secret_says_how_to_enter_it() -> None:
    with pytest.raises(SecretError) as caught:
        secrets.resolve("${NEVER_STORED}", host=None)

    assert "nlp-skills secret set NEVER_STORED" in caught.value.fix.en
    assert "nlp-skills secret set NEVER_STORED" in caught.value.fix.zh


def test_the_keychain_is_used_where_there_is_one(keychain: Keychain, tmp_path: Path) -> None:
    assert secrets.store("DB_PASSWORD", "kept-in-keychain") == "keychain"

    assert secrets.resolve("${DB_PASSWORD}", host=None) == "kept-in-keychain"
    assert secrets.known_names() == ["DB_PASSWORD"]
    files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert files and not any("kept-in-keychain" in path.read_text("utf-8") for path in files)
    assert secrets.forget("DB_PASSWORD") and not keychain.values


def test_without_a_working_keychain_the_file_takes_it(keychain: Keychain, tmp_path: Path) -> None:
    keyring.set_keyring(fail.Keyring())

    assert secrets.store("DB_PASSWORD", "in-the-file") != "keychain"
    assert secrets.lookup("DB_PASSWORD") == "in-the-file"


def test_the_seeds_inline_password_moves_out() -> None:
    source = {"type": "database", "connection": "postgresql://user:pass@host/db", "query": "SELECT text, label"}
    clean, moved = typed_secrets.move_inline(source)

    assert moved == ["HOST_DB_PASSWORD"]
    assert clean == {**source, "connection": "postgresql://user:${HOST_DB_PASSWORD}@host/db"}
    assert secrets.lookup("HOST_DB_PASSWORD") == "pass"
    assert typed_secrets.move_inline(clean) == (clean, [])


def test_a_password_written_for_a_url_is_stored_as_it_is_typed() -> None:
    _, moved = typed_secrets.move_inline({"connection": "postgresql://me:p%40ss%2F1@db.example.com:5432/news"})

    assert secrets.lookup(moved[0]) == "p@ss/1"


def test_an_unescaped_at_sign_in_a_password_leaves_nothing_behind() -> None:
    clean, moved = typed_secrets.move_inline({"connection": "postgresql://me:p@ss@host/db"})

    assert clean["connection"] == f"postgresql://me:${{{moved[0]}}}@host/db"
    assert secrets.lookup(moved[0]) == "p@ss"


def test_tokens_in_headers_and_lists_move_too() -> None:
    clean, moved = typed_secrets.move_inline(
        {
            "sources": [
                {"type": "api", "headers": {"Authorization": "Bearer abc.def", "Accept": "json"}},
                {"type": "llm_generated", "api_key": "sk-live-1", "max_tokens": 5, "prompt": "{count} token"},
            ]
        }
    )

    assert clean["sources"][0]["headers"] == {"Authorization": "Bearer ${AUTHORIZATION}", "Accept": "json"}
    assert clean["sources"][1] == {
        "type": "llm_generated",
        "api_key": "${API_KEY}",
        "max_tokens": 5,
        "prompt": "{count} token",
    }
    assert [secrets.lookup(name) for name in moved] == ["abc.def", "sk-live-1"]


def test_two_different_passwords_get_two_names() -> None:
    _, first = typed_secrets.move_inline({"connection": "postgresql://a:one@host/db"})
    _, second = typed_secrets.move_inline({"connection": "postgresql://b:two@host/db"})
    _, again = typed_secrets.move_inline({"connection": "postgresql://a:one@host/db"})

    assert first != second and again == first


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    st.text(
        alphabet=st.characters(
            min_codepoint=33,
            max_codepoint=0x9FFF,
            exclude_characters="/@:#?[]%$",
            exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"],
        ),
        min_size=1,
        max_size=20,
    )
)
def test_no_inline_password_survives_moving(password: str) -> None:
    clean, moved = typed_secrets.move_inline({"connection": f"postgresql://me:{password}@host/db"})

    assert clean["connection"] == f"postgresql://me:${{{moved[0]}}}@host/db"
    assert secrets.resolve(clean["connection"], host="host") == f"postgresql://me:{password}@host/db"


def test_what_was_used_is_redacted() -> None:
    secrets.store("API_TOKEN", "tok-12345")
    secrets.resolve("${API_TOKEN}", host=None)

    assert secrets.redact("error near tok-12345") == "error near ***"
    assert secrets.redact("postgresql://me:hunter2@host/db") == "postgresql://me:***@host/db"
    assert secrets.redact("postgresql://me:${DB}@host/db") == "postgresql://me:${DB}@host/db"


def test_a_name_that_cannot_be_referred_to_is_refused() -> None:
    with pytest.raises(SecretError) as caught:
        secrets.store("MY PASSWORD", "x")

    assert caught.value.field == "name"


def test_a_damaged_store_is_said_so_and_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "secrets.json").write_text("{", encoding="utf-8")
    with pytest.raises(SecretError):
        secrets.store("A", "b")

    assert (folder / "secrets.json").read_text(encoding="utf-8") == "{"
    assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]


@pytest.mark.parametrize(
    "name", ["token", "access_token", "api_key", "apikey", "X-Api-Key", "client_secret", "password"]
)
def test_a_secret_in_the_query_of_an_address_moves_out(name: str) -> None:
    moved, names = typed_secrets.move_inline({"endpoint": f"https://host/data?limit=5&{name}=hunter22&page=1"})

    assert moved["endpoint"] == f"https://host/data?limit=5&{name}=${{{names[0]}}}&page=1"
    assert secrets.lookup(names[0]) == "hunter22" and "hunter22" not in secrets.redact(
        f"failed: https://host/?{name}=hunter22"
    )


@pytest.mark.parametrize("header", ["Authorization", "Cookie", "X-Api-Key", "X-Access-Token"])
def test_a_header_that_carries_a_secret_moves_out(header: str) -> None:
    moved, names = typed_secrets.move_inline({"headers": {header: "session=hunter22", "Accept": "application/json"}})

    assert moved["headers"] == {header: f"${{{names[0]}}}", "Accept": "application/json"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", "a1b2c3d4e5f6g7"),
        ("appid", "0123456789abcdef"),
        ("X-RapidAPI-Key", "short1"),
        ("sig", "Zm9vYmFyYmF6MTIz"),
    ],
)
def test_a_key_among_headers_and_parameters_moves_out_whatever_it_is_called(name: str, value: str) -> None:
    for place in ("headers", "params", "body"):
        moved, names = typed_secrets.move_inline({"sources": [{"type": "api", place: {name: value, "limit": "1000"}}]})
        assert moved["sources"][0][place] == {name: f"${{{names[0]}}}", "limit": "1000"}
    moved, names = typed_secrets.move_inline({"endpoint": f"https://host/data?page=1&{name}={value}"})
    assert value not in moved["endpoint"] and secrets.resolve(moved["endpoint"], host="host").endswith(
        f"{name}={value}"
    )


def test_ordinary_words_are_not_taken_for_keys() -> None:
    source = {
        "type": "api",
        "params": {"key": "news", "code": "TW", "session": "2026-01-06"},
        "query": "token = 1",
        "mapping": {"text": "token", "secret": "secret_column"},
        "selectors": {"token": ".token"},
        "endpoint": "https://host/data?key=news&code=TW",
        "pagination": {"param": "page", "next": "nextPageToken"},
    }

    assert typed_secrets.move_inline(source) == (source, [])


@pytest.mark.parametrize(
    "connection",
    ["host=db user=me password=hunter22 dbname=news", "Server=db;Uid=me;Pwd=hunter22;", "password='hunter22' host=db"],
)
def test_a_password_in_a_connection_written_as_words_moves_out(connection: str) -> None:
    moved, names = typed_secrets.move_inline({"connection": connection})

    assert (
        "hunter22" not in moved["connection"] and secrets.resolve(moved["connection"], host="localhost") == connection
    )
    assert secrets.lookup(names[0]) == "hunter22"


@pytest.mark.parametrize(
    "token",
    [
        "hf_" + "a1" * 17,
        "sk-proj-" + "b2" * 20,
        "ghp_" + "c3" * 18,
        "xoxb-12345678-abcdefgh",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123456_-",
    ],
)
def test_a_token_known_by_its_form_is_hidden_and_moved_wherever_it_stands(token: str) -> None:
    assert mask_secrets(f"use {token}, please") == "use ***, please"
    moved, names = typed_secrets.move_inline({"headers": {"X-Anything": token}})
    assert moved["headers"] == {"X-Anything": f"${{{names[0]}}}"}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("password: hunter2", "password: ***"),
        ("密碼是 abc123，謝謝", "密碼是 ***，謝謝"),
        ("the password is wrong", None),
        ("password is hunter2.", "password is ***"),
        ("Authorization: Basic bWU6aHVudGVyMg==", "Authorization: Basic ***"),
        ("a basic understanding of tokens", None),
        ("max_tokens: 5120", None),
        ("密碼為空的時候不要送出", None),
        ("token: ${API_TOKEN}", None),
        ("postgresql://me:${PG}@db/x", None),
    ],
)
def test_what_people_write_is_shown_without_what_only_looks_like_a_secret(said: str, shown: str | None) -> None:
    assert mask_secrets(said) == (shown or said)


def test_what_the_process_was_started_with_is_known_without_being_asked_for() -> None:
    program = (
        "from nlp_skills.resources.foundation.secrets import redact\n"
        "print(redact('a s3cret-of-the-shell b pr0xy-pass c bWU6cHIweHktcGFzcw== d'))"
    )
    environment = {
        **os.environ,
        "DEPLOY_TOKEN": "s3cret-of-the-shell",
        "HTTPS_PROXY": "http://me:pr0xy-pass@proxy:3128",
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout == "a *** b *** c *** d\n"


def test_a_secret_goes_only_where_the_person_allowed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from-the-environment")
    secrets.store("SHOP_KEY", "kept-value")
    grant([Need(kind="secret", subject="SHOP_KEY", host="api.shop.example")])

    assert secrets.resolve("${SHOP_KEY}", host="API.shop.example.") == "kept-value"
    for text, host in (("${SHOP_KEY}", "shop.example"), ("${AWS_SECRET_ACCESS_KEY}", "api.shop.example")):
        with pytest.raises(AccessError) as refused:
            secrets.resolve(text, host=host)
        assert f"--host {host}" in refused.value.fix.en and f"--host {host}" in refused.value.fix.zh


def test_a_secret_typed_for_one_host_goes_there_and_opens_no_private_host() -> None:
    clean, [name] = typed_secrets.move_inline({"connection": "postgresql://me:hunter22@db.internal/news"})

    assert secrets.resolve_address(clean["connection"]) == "postgresql://me:hunter22@db.internal/news"
    with pytest.raises(AccessError):
        secrets.resolve(f"${{{name}}}", host="elsewhere.example")
    assert not read_grants().covers(Need(kind="host", subject="db.internal"))


@pytest.mark.parametrize(
    "address", ["https://${SHOP_KEY}.example.com/", "https://x.${SHOP_KEY}/", "https://a@${SHOP_KEY}:80/"]
)
def test_a_secret_is_no_part_of_a_hosts_name(address: str) -> None:
    with pytest.raises(AccessError):
        secrets.resolve_address(address)


def test_a_name_for_a_whole_address_says_itself_where_it_leads() -> None:
    secrets.store("DATABASE_URL", "postgresql://me:pw12345@db.example/news")
    with pytest.raises(AccessError) as refused:
        secrets.resolve_address("${DATABASE_URL}")
    assert refused.value.needs == (Need(kind="secret", subject="DATABASE_URL", host="db.example"),)
    grant(refused.value.needs)
    assert secrets.resolve_address("${DATABASE_URL}").endswith("@db.example/news")
