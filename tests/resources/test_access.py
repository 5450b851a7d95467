"""What a person has allowed is kept for the account and asked for once."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from nlp_skills.resources.access import AccessError, Need, grant, grants_file, plain_host, read_grants, require
from nlp_skills.resources.language import Text


@pytest.fixture(autouse=True)
def _own_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "account"))


def refused(*needs: Need) -> AccessError:
    return AccessError(Text("not yet", "還沒"), Text("ask", "請詢問"), needs=needs)


def test_nothing_is_allowed_at_first() -> None:
    with pytest.raises(AccessError):
        require(refused(Need(kind="host", subject="localhost")))


def test_a_yes_is_remembered(tmp_path: Path) -> None:
    needs = [Need(kind="file", subject=str(tmp_path / "a.csv")), Need(kind="secret", subject="KEY", host="API.example.com."),
             Need(kind="script", subject="ab" * 32)]
    grant(needs)
    require(refused(*needs))
    with pytest.raises(AccessError):
        require(refused(*needs, Need(kind="secret", subject="KEY", host="other.example.com")))


def test_a_folder_covers_what_stands_in_it_and_nothing_beside(tmp_path: Path) -> None:
    grant([Need(kind="file", subject=str(tmp_path / "in" / "a.csv"))], whole_folder=True)
    grants = read_grants()
    assert grants.allows_path(tmp_path / "in" / "deep" / "b.csv")
    assert not grants.allows_path(tmp_path / "inside.csv")


def test_a_host_bound_to_a_secret_may_be_reached() -> None:
    grant([Need(kind="secret", subject="KEY", host="intranet")])
    require(refused(Need(kind="host", subject="Intranet.")))


def test_what_no_yes_helps_stays_refused() -> None:
    with pytest.raises(AccessError):
        require(refused())


def test_only_the_owner_reads_the_permissions() -> None:
    grant([Need(kind="host", subject="localhost")])
    assert stat.S_IMODE(grants_file().stat().st_mode) == 0o600


@pytest.mark.parametrize(("written", "meant"), [
    ("API.Example.com.", "api.example.com"), ("[::1]", "::1"), ("bücher.example", "xn--bcher-kva.example")])
def test_a_host_is_one_however_it_is_written(written: str, meant: str) -> None:
    assert plain_host(written) == meant


def test_the_needs_of_a_refusal_cross_processes(tmp_path: Path) -> None:
    import pickle

    error = refused(Need(kind="file", subject=str(tmp_path)))
    assert pickle.loads(pickle.dumps(error)).needs == error.needs
