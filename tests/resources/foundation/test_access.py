"""What a person has allowed is kept for the account and asked for once."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.access import (
    AccessError,
    Need,
    grant,
    grants_file,
    plain_host,
    read_grants,
    require,
)
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.paths import readable


@pytest.fixture(autouse=True)
def _own_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "account"))


def make_refusal(*needs: Need) -> AccessError:
    return AccessError(Text("not yet", "還沒"), Text("ask", "請詢問"), needs=needs)


def test_nothing_is_allowed_at_first() -> None:
    with pytest.raises(AccessError):
        require(make_refusal(Need(kind="host", subject="localhost")))


def test_a_yes_is_remembered(tmp_path: Path) -> None:
    needs = [
        Need(kind="file", subject=str(tmp_path / "a.csv")),
        Need(kind="secret", subject="KEY", host="API.example.com."),
        Need(kind="script", subject="ab" * 32),
    ]
    grant(needs)
    require(make_refusal(*needs))
    with pytest.raises(AccessError):
        require(make_refusal(*needs, Need(kind="secret", subject="KEY", host="other.example.com")))


def test_a_folder_covers_what_stands_in_it_and_nothing_beside(tmp_path: Path) -> None:
    grant([Need(kind="file", subject=str(tmp_path / "in" / "a.csv"))], whole_folder=True)
    grants = read_grants()
    assert grants.allows_path(tmp_path / "in" / "deep" / "b.csv")
    assert not grants.allows_path(tmp_path / "inside.csv")


def test_a_host_bound_to_a_secret_may_be_reached() -> None:
    grant([Need(kind="secret", subject="KEY", host="intranet")])
    require(make_refusal(Need(kind="host", subject="Intranet.")))


def test_what_no_yes_helps_stays_refused() -> None:
    with pytest.raises(AccessError):
        require(make_refusal())


def test_only_the_owner_reads_the_permissions() -> None:
    grant([Need(kind="host", subject="localhost")])
    assert stat.S_IMODE(grants_file().stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("written", "meant"),
    [("API.Example.com.", "api.example.com"), ("[::1]", "::1"), ("bücher.example", "xn--bcher-kva.example")],
)
def test_a_host_is_one_however_it_is_written(written: str, meant: str) -> None:
    assert plain_host(written) == meant


def test_the_needs_of_a_refusal_cross_processes(tmp_path: Path) -> None:
    import pickle

    error = make_refusal(Need(kind="file", subject=str(tmp_path)))
    assert pickle.loads(pickle.dumps(error)).needs == error.needs


def test_a_hidden_folder_is_opened_by_its_owner_on_the_terminal_alone(tmp_path: Path) -> None:
    model = tmp_path / "home" / ".models" / "small"
    model.mkdir(parents=True)
    grant([Need(kind="folder", subject=str(tmp_path / "home"))])
    with pytest.raises(AccessError) as hidden:
        readable(model, "base_model", workspace=tmp_path / "tasks")
    assert (
        not hidden.value.needs
        and f"nlp-skills allow {model}" in hidden.value.fix.en
        and "隱藏資料夾" in hidden.value.problem.zh
    )
    grant([Need(kind="folder", subject=str(model))])
    assert readable(model, "base_model", workspace=tmp_path / "tasks") == model


@pytest.mark.parametrize(
    "given", [{"kind": "rows", "subject": "mails", "host": "API.example.com."}, {"kind": "rows", "subject": "mails"}]
)
def test_rows_of_an_on_premise_task_go_only_where_they_may(given: dict[str, str]) -> None:
    grant([Need.model_validate(given)])
    there = Need(kind="rows", subject="mails", host="api.example.com")
    require(make_refusal(there))
    for other in (there.model_copy(update={"subject": "news"}), there.model_copy(update={"host": "evil.example"})):
        assert read_grants().covers(other) is ("host" not in given and other.subject == "mails")
