"""The worked example of every kind in docs/extending.md, as an installed package: in schema, errors, docs and at work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from mcp import Client

import nlp_skills
from nlp_skills.resources.data_source import load_data_source, save_data_source
from nlp_skills.resources.foundation.errors import MachineError, NlpSkillsError
from nlp_skills.resources.foundation.files import read_json, read_jsonl, sha256_bytes
from nlp_skills.resources.foundation.kinds import REGISTRIES, registry
from nlp_skills.resources.foundation.language import LANGUAGES, Language
from nlp_skills.resources.job import job_folders
from nlp_skills.resources.knowledge import read_page
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.access_command import allow_script
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings
from nlp_skills.tools.compute.jobs import local_process
from nlp_skills.tools.compute.machines_file import keep_machine
from nlp_skills.tools.compute.named_machines import make_machine
from nlp_skills.tools.data.task_kind import _told_apart
from nlp_skills.tools.tasks.project import generate
from tests.docs.extending import files_of, install_example

pytestmark = [pytest.mark.anyio, pytest.mark.minutes]

ADDED = {
    "sources": "tagged_log",
    "types": "headline",
    "metrics": "same_start",
    "baselines": "named_label",
    "causes": "favourite_answer",
    "methods": "quick_sft",
    "rewards": "brevity",
    "machines": "lab",
    "targets": "drop_folder",
}
PACKAGE = Path(nlp_skills.__path__[0]).parent
MOODS = {"praise": ("works well", "arrived early", "love it"), "complaint": ("broke at once", "came late", "no answer")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_example(tmp_path_factory.mktemp("acme"))


def forget() -> None:
    for group in REGISTRIES:
        registry(group).forget()
    _told_apart.cache_clear()


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package stands where the server and its jobs import from."""
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (PACKAGE, site))))
    forget()
    yield
    monkeypatch.undo()
    forget()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: None) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path / "workspace")
    workspace.root.mkdir()
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(workspace.root))
    yield workspace
    for job in job_folders(workspace):
        local_process.stop(job)


async def call(client: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    """The answer, once the job that it started has ended well."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content[0].text
    answer = dict(result.structured_content)
    while (answer.get("job") or {}).get("state") in ("queued", "running"):
        answer = await call(client, "job_status", job_id=answer["job"]["id"], wait_seconds=20)
    assert (answer.get("job") or {}).get("state", "succeeded") == "succeeded", answer
    return answer


async def read_refusal(client: Any, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.structured_content
    return str(result.content[0].text)


def write_log(workspace: Workspace) -> Path:
    log = workspace.root / "inbox" / "mails.log"
    log.parent.mkdir(exist_ok=True)
    lines = [f"{mood} | order {n}: {said}" for n in range(20) for mood in MOODS for said in MOODS[mood]]
    log.write_text("\n".join(lines), encoding="utf-8")
    return log


async def make_task(client: Any, name: str, **more: Any) -> None:
    await call(client, "create_task", title=name, name=name, type="classification", language="en", **more)


def test_both_pages_show_the_same_package_with_one_of_each_kind() -> None:
    assert files_of("extending.md") == files_of("extending.zh-TW.md")
    assert set(ADDED) == set(REGISTRIES)
    stated = files_of("extending.md")["pyproject.toml"]
    for group, name in ADDED.items():
        assert f'entry-points."nlp_skills.{group}"]\n{name} = ' in stated


def test_nothing_of_a_package_is_read_before_the_tools_are_listed_and_then_only_names(site: Path) -> None:
    code = (
        "import anyio, sys\n"
        "from mcp import Client\n"
        "from nlp_skills.server.app import build_server\n"
        "from nlp_skills.resources.foundation.plugins import installed_plugins\n"
        "async def main():\n"
        "    async with Client(build_server()) as client:\n"
        "        print(installed_plugins.cache_info().misses)\n"
        "        tools = {tool.name: tool for tool in (await client.list_tools()).tools}\n"
        "        print('headline' in tools['create_task'].input_schema['properties']['type']['enum'])\n"
        "anyio.run(main)\n"
        "print('acme_nlp' in sys.modules)\n"
    )
    environment = {"PYTHONPATH": os.pathsep.join(map(str, (PACKAGE, site))), "HOME": "/"}
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert told.stdout.split() == ["0", "True", "False"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_a_package_stands_in_the_reference(language: Language, installed: None) -> None:
    page = read_page("llm-coach", "kinds", language)
    for group, name in ADDED.items():
        kinds = registry(group)
        heading = next(line for line in page.splitlines() if line.startswith(f"### `{name}`"))
        assert "acme-nlp 1.0" in heading and (kinds.classes()[name].__doc__ or "").splitlines()[0] in page
        assert all(f"### `{own}`" in page for own in kinds.own())
    assert "| `separator` | `|`" in page.replace("\\|", "|") or "`separator`" in page
    assert "同" in page if language == "zh-TW" else "same first character" in page


def faults(schema: Path, content: dict[str, Any]) -> list[str]:
    """What an editor underlines."""
    found = json.loads(schema.read_text(encoding="utf-8"))
    Draft7Validator.check_schema(found)
    return [error.message for error in Draft7Validator(found).iter_errors(content)]


async def test_editors_complete_and_check_the_fields_of_added_kinds(workspace: Workspace) -> None:
    async with Client(build_server(Settings(workspace=workspace.root, language="en"))) as client:
        await make_task(client, "mails", labels=list(MOODS))
    task = workspace.task("mails")
    source = {"type": "tagged_log", "path": "mails.log"}
    assert faults(task.schema("data_source"), {"sources": [source]}) == []
    assert faults(task.schema("data_source"), {"sources": [{**source, "separator": ""}]})
    assert faults(task.schema("plan"), {"method": "quick_sft", "epochs": 9})
    assert "headline" in json.loads(task.schema("task").read_text("utf-8"))["properties"]["type"]["examples"]
    keep_machine(workspace, "gpu3", make_machine("gpu3", {"kind": "lab", "host": "gpu3"}))
    machines = workspace.root / ".nlp-skills" / "schemas" / "machines.json"
    assert faults(machines, {"machines": {"gpu3": {"kind": "lab", "host": "gpu3", "folder": "scratch"}}})

    put_file(workspace, "our_log", "sources", agree=False)
    assert faults(task.schema("data_source"), {"sources": [{"type": "our_log"}]}) == []
    save_data_source(task, load_data_source(task))
    assert faults(task.schema("data_source"), {"sources": [{"type": "our_log"}]}) == ["'path' is a required property"]
    assert not generate(task).kept and generate(task).updated == []


@pytest.mark.parametrize("group", REGISTRIES)
def test_a_slip_in_the_name_of_a_packages_kind_is_answered_with_it(group: str, installed: None) -> None:
    name = ADDED[group]
    with pytest.raises(NlpSkillsError) as wrong:
        registry(group).get(name[:-1])
    assert f"Did you mean {name}?" in wrong.value.fix.en and f"你是不是要用 {name}？" in wrong.value.fix.zh


def put_file(workspace: Workspace, name: str, group: str, *, agree: bool = True) -> Path:
    """The page's example of a group as a file of the workspace, agreed to in a terminal."""
    file = workspace.root / "plugins" / f"{name}.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(files_of("extending.md")[f"acme_nlp/{ADDED[group]}.py"], encoding="utf-8")
    assert not agree or allow_script(file) == 0
    return file


async def test_a_packages_source_metric_and_reward_and_files_of_other_kinds_train_measure_and_deploy_a_model(
    workspace: Workspace, worker: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_WORKER", str(worker))
    put_file(workspace, "our_label", "baselines")
    put_file(workspace, "our_cause", "causes")
    ours = [put_file(workspace, "our_sft", "methods", agree=False), put_file(workspace, "our_drop", "targets")]
    log = write_log(workspace)
    async with Client(build_server(Settings(workspace=workspace.root, language="en"))) as client:
        await make_task(client, "mails", labels=list(MOODS))
        goal = {"success_criteria.metric": "same_star"}
        assert "Did you mean same_start?" in await read_refusal(client, "update_task", task="mails", changes=goal)
        await call(client, "update_task", task="mails", changes={"success_criteria.metric": "same_start"})

        source = {"type": "tagged_log", "path": str(log)}
        said = await read_refusal(client, "set_data_source", task="mails", sources=[{**source, "type": "taged_log"}])
        assert "Did you mean tagged_log?" in said
        said = await read_refusal(client, "set_data_source", task="mails", sources=[{"type": "tagged_log"}])
        assert "sources[0].path: it is missing." in said and "separator" in said
        said = await read_refusal(client, "set_data_source", task="mails", sources=[{**source, "seperator": ";"}])
        assert "Did you mean separator?" in said
        await call(client, "set_data_source", task="mails", sources=[source])
        await call(client, "prepare_data", task="mails")

        quick = {"method": "our_sft", "base_model": str(tiny_model), "threads": 1}
        said = await read_refusal(client, "plan_training", task="mails", settings=quick)
        assert str(ours[0]) in said and "allow --script" in said
        allow_script(ours[0])
        said = await read_refusal(client, "plan_training", task="mails", settings={**quick, "epochs": 9})
        assert "epochs = '9'" in said and "≤ 3" in said
        await train(client, quick)
        rewarded = {
            "method": "grpo",
            "base_model": "mails/v1",
            "rewards": ["label_match", "brevity"],
            "num_generations": 4,
            "batch_size": 8,
            "max_completion_length": 24,
            "epochs": 1,
            "threads": 1,
        }
        said = await read_refusal(client, "plan_training", task="mails", settings={**rewarded, "rewards": ["brevty"]})
        assert "Did you mean brevity?" in said
        await train(client, rewarded)
        await call(client, "evaluate", task="mails", version="v2")
        diagnosed = await call(client, "diagnose", task="mails", version="v2")
        await call(
            client,
            "deploy",
            task="mails",
            version="v2",
            target="our_drop",
            settings={"folder": str(workspace.root / "handed-over")},
            override_reason="a test",
        )

    versions = workspace.task("mails").root / "versions"
    assert read_json(versions / "v1" / "model_info.json")["method"] == "our_sft"
    assert read_json(versions / "v2" / "environment.json")["packages"]["acme-nlp"] == "1.0"
    assert read_json(versions / "v2" / "model_info.json")["method"] == "grpo"
    [record] = read_json(versions / "v2" / "results.json")["evaluations"]
    assert 0 <= record["metrics"]["same_start"]["value"] <= 1 and {"named_label", "our_label"} <= set(
        record["baselines"]
    )
    assert "favourite_answer" in str(diagnosed) and "our_cause" in str(diagnosed), diagnosed
    assert (workspace.root / "handed-over" / "mails-v2" / "config.json").is_file()


async def train(client: Any, settings: dict[str, Any]) -> None:
    planned = await call(client, "plan_training", task="mails", settings=settings)
    assert planned["next_step"]["tool"] == "train", planned["message"]
    await call(client, "train", **{**planned["next_step"]["arguments"], "confirm": True})


@pytest.mark.parametrize("road", ["package", "file"])
async def test_an_added_type_of_task_is_created_and_prepared(
    workspace: Workspace, road: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "secrets"))
    if road == "file":  # the package stands beside it, and has the name
        example = files_of("extending.md")["acme_nlp/headline.py"]
        put_file(workspace, "our_headline", "types", agree=False).write_text(example.replace('"headline', '"title'))
    type, field = ("headline", "headline") if road == "package" else ("our-headline", "title")
    rows = workspace.root / "inbox" / "news.csv"
    rows.parent.mkdir()
    rows.write_text(f"text,{field}\n" + "".join(f"Story {n} at length,Story {n}\n" for n in range(60)), "utf-8")
    async with Client(build_server(Settings(workspace=workspace.root, language="en"))) as client:
        made = {"title": "news", "name": "news", "language": "en"}
        assert f"did you mean {type}?" in (await read_refusal(client, "create_task", **made, type=type[:-1]))
        if road == "file":
            assert "allow --script" in await read_refusal(client, "create_task", **made, type=type)
            allow_script(workspace.root / "plugins" / "our_headline.py")
        await call(client, "create_task", **made, type=type)
        await call(client, "set_data_source", task="news", sources=[{"type": "file", "path": str(rows)}])
        await call(client, "prepare_data", task="news")
        listed = await call(client, "list_tasks")
    task = workspace.task("news")
    assert f'"{field}": "Story' in (task.data / "train.jsonl").read_text(encoding="utf-8")
    assert task.load().metric == "chrf" and type in str(listed)


def test_a_packages_kind_of_machine_is_described_as_it_says(installed: None) -> None:
    assert make_machine("gpu3", {"kind": "lab", "host": "gpu3"}).model_dump()["folder"] == "/scratch/nlp-skills"
    with pytest.raises(MachineError) as wrong:
        make_machine("gpu3", {"kind": "lab", "host": "gpu3", "foldr": "/x"})
    assert wrong.value.field == "settings.foldr" and "Did you mean folder?" in wrong.value.fix.en
    with pytest.raises(MachineError, match="no kind of machine 'labb'"):
        make_machine("gpu3", {"kind": "labb"})


async def test_a_job_whose_environment_lacks_the_package_says_so(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, site: Path
) -> None:
    log = write_log(workspace)
    async with Client(build_server(Settings(workspace=workspace.root, language="en"))) as client:
        await make_task(client, "mails", labels=list(MOODS))
        source = {"type": "tagged_log", "path": str(log)}
        await call(client, "set_data_source", task="mails", sources=[source])
        monkeypatch.setenv("PYTHONPATH", str(PACKAGE))
        answer = await client.call_tool("prepare_data", {"task": "mails"})
        job = (answer.structured_content or {}).get("job")
        while job and job["state"] in ("queued", "running"):
            answer = await client.call_tool("job_status", {"job_id": job["id"], "wait_seconds": 20})
            job = (answer.structured_content or {})["job"]
    said = str(answer.content)
    assert "There is no source type 'tagged_log'" in said and "-m pip install PACKAGE" in said


async def test_a_source_of_one_file_is_asked_for_once_and_then_read_by_jobs(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE))
    file = workspace.root / "plugins" / "our_log.py"
    file.parent.mkdir()
    file.write_text(files_of("extending.md")["acme_nlp/tagged_log.py"], encoding="utf-8")
    log = write_log(workspace)
    async with Client(build_server(Settings(workspace=workspace.root, language="en"))) as client:
        await make_task(client, "mails", labels=list(MOODS))
        sources = [{"type": "our_log", "path": str(log)}]
        asked = await read_refusal(client, "set_data_source", task="mails", sources=sources)
        assert str(file) in asked and sha256_bytes(file.read_bytes())[:12] in asked and "allow --script" in asked
        assert not (workspace.task("mails").root / "plugins").exists()
        assert allow_script(file) == 0
        answer = await call(client, "set_data_source", task="mails", sources=sources)
        assert "works well" in str(answer)
        await call(client, "prepare_data", task="mails")
    assert '"label": "praise"' in (workspace.task("mails").data / "train.jsonl").read_text(encoding="utf-8")
    ran = [
        event
        for job in job_folders(workspace)
        for event in read_jsonl(job.events_file)
        if event["kind"] == "own_script"
    ]
    assert {(event["file"], event["sha256"]) for event in ran} == {
        ("plugins/our_log.py", sha256_bytes(file.read_bytes()))
    }
