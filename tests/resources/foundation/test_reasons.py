"""Why the system or the network refused: in the person's language, and what nobody listed as it came."""

from __future__ import annotations

import errno
import os
import socket

import httpx
import pytest

from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.foundation.reasons import reason_of


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ENOSPC, errno.EADDRINUSE, errno.ECONNREFUSED])
def test_the_system_gives_its_reason_in_both_languages(number: int) -> None:
    said = reason_of(OSError(number, os.strerror(number)))
    assert said.en.isascii() and not any(letter.isascii() and letter.isalpha() for letter in said.zh)


@pytest.mark.parametrize(
    ("error", "english"),
    [
        (httpx.ReadTimeout("timed out"), "there was no answer in time"),
        (httpx.ConnectError("[Errno 111] Connection refused"), "the connection failed"),
        (httpx.RemoteProtocolError("peer closed connection"), "the connection was cut in the middle of an answer"),
        (httpx.ReadError(""), "the connection was cut"),
    ],
)
def test_so_does_the_network(error: httpx.HTTPError, english: str) -> None:
    said = reason_of(error)
    assert said.en == english and said.zh != said.en


def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(httpx.ConnectError) as failed:
        httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
    assert reason_of(failed.value).zh == "連線被拒絕"


def test_a_host_that_nobody_knows_is_said_so() -> None:
    error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert reason_of(error).zh == "找不到這個主機名稱"
    around = httpx.ConnectError("[Errno -2] Name or service not known")
    around.__cause__ = error
    assert reason_of(around) == reason_of(error)


def test_a_reason_nobody_listed_is_quoted() -> None:
    assert reason_of(OSError(errno.EXDEV, "Invalid cross-device link")).zh == "Invalid cross-device link"
    assert reason_of(ValueError("odd")).en == "odd"
    assert reason_of(KeyboardInterrupt()).en == "KeyboardInterrupt"


def test_an_error_raised_with_words_of_both_languages_says_those() -> None:
    said = Text("its answer has no end", "回應沒有結尾")
    assert reason_of(httpx.ReadError(said)) is said  # type: ignore[arg-type]
