"""Findings lead to rows, secrets in rows are found, and a figure says on which rows it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import DataError
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from tests.tools.data.conftest import job as job
from tests.tools.data.conftest import prepare as prepare
from tests.tools.data.conftest import sentences
from tests.tools.data.conftest import task as task
from tests.tools.data.conftest import workspace as workspace
from tests.tools.data.test_regenerate import source

Prepare = Callable[..., dict[str, Any]]
ROWS = sentences(120)

# Secrets of many makers, in pieces, so that none stands in this file. All of them are made up.
SECRETS = {
    "aws key id": "AKIA" + "Q3EGRZ7NXLM2VB5T",
    "aws secret": "aws_secret_access_key = " + "wJq8rXUtnF3MI/K7MDENG/bPxRf" + "iCYzEXQAMPKE1a2Z",
    "google api": "AIza" + "SyD4x9fJk2LmN7pQrStUvWxYz01234567aB",
    "google service account": '{"type": "service_'
    + 'account", "private_key": "-----BEGIN PRIVATE'
    + ' KEY-----\\nMIIEvQIBADANBgkq"}',
    "github": "gh" + "p_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "github fine-grained": "github_"
    + "pat_"
    + "11ABCDEFG0hIjKlMnOpQrS_"
    + "tUvWxYz0123456789aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789aBcDeF",
    "gitlab": "gl" + "pat-" + "x7Kq2mZ9tR4vW1nB8cYd",
    "slack": "xo" + "xb-" + "263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1",
    "openai": "sk-" + "proj-" + "T3xY9bQ2mK7vR4nW8cJ1hL6pZ0dF5gS3aE9uI2oX7tB4yM1k",
    "anthropic": "sk-" + "ant-" + "api03-" + "Zq8Lw3Rk9Tn2Vx7Bp4Mc6Yd1Hs5Jf0Ga" * 2 + "Xw-AbCdEfGhAA",
    "hugging face": "h" + "f_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi",
    "stripe": "sk_" + "live_" + "51H8x2KLm9Qw7Er4Ty1Ui3Op5As6Df",
    "twilio": "SK" + "a1b2c3d4e5f60718293a4b5c6d7e8f90",
    "sendgrid": "SG" + "." + "ngeVfQFYQlKU0ufo8x5d1A" + "." + "TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr",
    "azure storage": "DefaultEndpointsProtocol=https;AccountName=mails;Account"
    + "Key="
    + "k9Jw3mQ7" * 10
    + "abcdef==;EndpointSuffix=core.windows.net",
    "npm": "npm" + "_" + "x7Kq2mZ9tR4vW1nB8cYd3Ls6Hf0Gj5Pa2Eu9",
    "pypi": "pypi-" + "AgEIcHlwaS5vcmc" + "CJDUwY2Q3ZTFhLTk4YzQtNGQ2ZS1hMGI5LTNmZTI4NzYxY2Q0NQACKlszLCJ",
    "telegram": "bot " + "110201543:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw4",
    "jwt": "eyJ"
    + "hbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    + "."
    + "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4ifQ"
    + "."
    + "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    "rsa key": "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIEowIBAAKCAQEA7bq8\n-----END RSA PRIVATE" + " KEY-----",
    "openssh key": "-----BEGIN OPENSSH PRIVATE"
    + " KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE"
    + " KEY-----",
    "password in an address": "postgresql://" + "report:" + "Vq7xT2mKz9" + "@db.example.com/mails",
}
INNOCENT = {
    "commit": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "uuid": "550e8400-e29b-41d4-a716-446655440000",
    "order": "訂單 PO-20261130-000917 已出貨",
    "address": "https://www.example.com/report?id=20261130&page=2",
    "words": "請不要把密碼告訴任何人，金鑰也一樣",
    "model": "型號 SK-1200X 與 AK-47 模型",
    "path": "/usr/share/doc/sk-learn/README",
    "base64": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
    "mail": "bot 請在 110201543 回電",
}


def row(text: str) -> dict[str, str]:
    return {"text": f"公司甲 {text}", "entity": "公司甲", "label": "正面"}


def found_in(prepare: Prepare, task: TaskFolder) -> tuple[list[dict[str, Any]], str]:
    """What validation found, and all that was said, whether it stops or advises."""
    try:
        said = json.dumps(prepare(), ensure_ascii=False)
    except DataError as error:
        said = json.dumps(error.to_dict(), ensure_ascii=False)
    reports = [
        path for path in [task.data / "validation.json", *task.snapshots.glob("*/validation.json")] if path.is_file()
    ]
    assert reports
    report = json.loads(reports[0].read_text("utf-8"))
    return [*report["errors"], *report["warnings"]], said


def of_secrets(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        finding
        for finding in findings
        if re.search(r"secret|credential|token|(api|private)_?key|password", finding["code"])
    ]


@pytest.mark.parametrize("maker", SECRETS)
def test_a_secret_in_a_row_is_found_and_not_repeated(task: TaskFolder, prepare: Prepare, maker: str) -> None:
    source(task, [*ROWS, row(SECRETS[maker])])
    findings, said = found_in(prepare, task)
    named = of_secrets(findings)
    assert named and all(finding["count"] == 1 and finding["message"]["zh"] for finding in named), findings
    core = max(re.split(r"[\s\"=\\]+", SECRETS[maker]), key=len)
    assert core not in said and core not in json.dumps(named, ensure_ascii=False)


def test_what_only_looks_like_a_secret_is_left_alone(task: TaskFolder, prepare: Prepare) -> None:
    source(task, [*ROWS, *map(row, INNOCENT.values())])
    findings, _ = found_in(prepare, task)
    assert of_secrets(findings) == []


def test_version_control_of_a_new_task_leaves_raw_data_and_wheels_out_and_says_how_to_put_them_in(
    tmp_path: Path,
) -> None:
    task = new_task(tmp_path)
    lines = (task.root / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = {line.strip("/") for line in lines if line and not line.startswith("#")}
    assert {"data/raw", "wheels"} <= ignored, lines
    said = " ".join(line for line in lines if line.startswith("#"))
    assert "data/raw" in said or "raw data" in said.lower(), "says what to take out of it, to put them in"


def new_task(root: Path) -> TaskFolder:
    import anyio
    from mcp import Client

    from nlp_skills.server.app import build_server
    from nlp_skills.server.settings import Settings

    async def make_task() -> None:
        async with Client(build_server(Settings(workspace=root / "workspace", language="en"))) as client:
            result = await client.call_tool(
                "create_task",
                {
                    "title": "Mood",
                    "name": "mood",
                    "type": "classification",
                    "language": "en",
                    "labels": ["good", "bad"],
                },
            )
            assert not result.is_error, result.content

    anyio.run(make_task)
    return Workspace(root / "workspace").task("mood")


def files_named(task: TaskFolder, said: Any) -> Iterator[str]:
    """The content of each file of the task that a text or a structure names."""
    if isinstance(said, dict):
        for one in said.values():
            yield from files_named(task, one)
    elif isinstance(said, list):
        for one in said:
            yield from files_named(task, one)
    elif isinstance(said, str):
        for word in re.findall(r"[\w./\\-]+\.(?:csv|jsonl|json|html|xlsx)", said):
            for path in (Path(word), task.root / word, task.data / word):
                if path.is_file() and path.name != "validation.json" and task.root in path.resolve().parents:
                    yield path.read_text("utf-8-sig")


def test_every_row_of_a_finding_stands_in_a_file_with_the_key_and_number_it_has_at_the_source(
    task: TaskFolder, prepare: Prepare
) -> None:
    called = [
        {**row(f"請洽 0912-345-{number:03d} 詢問第 {number} 件。"), "ticket": f"T-{9000 + number}"}
        for number in range(30)
    ]
    plain = [{**one, "ticket": f"T-{number}"} for number, one in enumerate(ROWS)]
    source(task, [*plain, *called])
    findings, said = found_in(prepare, task)
    [finding] = [one for one in findings if one["code"] == "personal_mobile"]
    assert finding["count"] == 30
    contents = [*files_named(task, finding), *files_named(task, json.loads(said))]
    whole = [content for content in contents if all(f"T-{9000 + number}" in content for number in range(30))]
    assert whole, finding
    assert re.search(r"\b121\b", whole[0]) and re.search(r"\b150\b", whole[0]), "the file's own row numbers"
    assert "T-17" not in re.split(r"[\s,\"]+", whole[0]), "and no other row"


def test_every_finding_names_its_file(task: TaskFolder, prepare: Prepare) -> None:
    rows = [
        {**one, "ticket": f"T-{number}"}
        for number, one in enumerate(
            [
                *ROWS,
                row("漲"),
                row("營收创下历年同期新高。"),
                row("請寄 wang@example.com.tw 詢問。"),
                row("長" * 4001),
                {"text": "營收創下同期新高。", "entity": "公司丁", "label": "正面"},
            ]
        )
    ]
    source(task, rows)
    findings, said = found_in(prepare, task)
    of_rows = [
        one
        for one in findings
        if one["code"] in ("simplified_characters", "personal_email", "too_long", "entity_not_in_text")
    ]
    assert len(of_rows) == 4
    everything = json.loads(said)
    for finding, key in zip(
        sorted(of_rows, key=lambda one: str(one["code"])), ("T-124", "T-122", "T-121", "T-123"), strict=True
    ):
        assert any(key in content for content in [*files_named(task, finding), *files_named(task, everything)]), finding
