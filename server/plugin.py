"""`nlp-skills plugin DIR`: the Claude Code plugin, built from the flows, the skills and this installation.

Its format: code.claude.com/docs/en/plugins-reference. Nothing in it is written twice: commands and agents are the flows
of `prompts/`, whose live state becomes a call the model makes first; skills are those of `resources/`.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from .. import __version__
from ..prompts import flows
from ..resources.foundation.files import commit_folder, write_json
from ..resources.foundation.json_object import JsonObject
from ..resources.foundation.language import LANGUAGES, Language, Text, speaking
from ..resources.knowledge import MAIN_PAGE, SKILLS, Skill, read_page, skill_names, skills
from ..tools.compute.environments.wheel import WHEEL_NAME, package_wheel
from .client import SERVER_NAME, ClientError
from .launch import command_line, launch_environment
from .settings import Settings

# What stands for the live state of each flow: the call that brings it, in the words the coach listens for.
_WORDS = Text('coach(task, message="<their words>")', 'coach(task, message="<對方的話>")')
_WISH = Text('coach(message="<their words>")', 'coach(message="<對方的話>")')
_SOURCE = Text(
    'coach(task, message="Where can the data come from? <their words>")',
    'coach(task, message="資料可以從哪裡來？<對方的話>")',
)
_DIAGNOSIS = Text("diagnose(task, version)", "diagnose(task, version)")
CALLS = {
    "coach": _WORDS,
    "tasks": Text("list_tasks()", "list_tasks()"),
    "new-task": _WISH,
    "data-source": _SOURCE,
    "generate": Text('coach(task, message="Generate the project")', 'coach(task, message="產生專案結構")'),
    "evaluate": Text(
        'coach(task, message="What are the results of <version>?")', 'coach(task, message="<版本> 的結果怎麼樣？")'
    ),
    "deploy": Text('coach(task, message="Deploy <version>")', 'coach(task, message="部署 <版本>")'),
    "goal-clarifier": _WISH,
    "data-source-advisor": _SOURCE,
    "problem-diagnoser": _DIAGNOSIS,
    "result-analyzer": _DIAGNOSIS,
}
HINTS = {
    "coach": "[task] [what you want to say · 想說的話]",
    "tasks": "",
    "new-task": "[what you would like to solve · 想解決的事]",
    "data-source": "[task] [where the data is · 資料在哪裡]",
    "generate": "[task]",
    "evaluate": "[task] [version]",
    "deploy": "[task] [version]",
}
TRIGGERS = {
    "goal-clarifier": Text(
        "Use proactively when a wish for a model is vague or its goal, labels or measure are unclear",
        "想要模型但需求模糊、目標或標籤或衡量方式不清楚時主動使用，例如「我想訓練一個模型」「幫我分析這個任務該怎麼做」",
    ),
    "data-source-advisor": Text(
        "Use proactively when someone asks where training data comes from or how to connect it",
        "詢問資料從哪裡來、怎麼接時主動使用，例如「資料從 PostgreSQL 來」「用 GPT 生成訓練資料」",
    ),
    "problem-diagnoser": Text(
        "Use proactively when a model performs badly, in training, evaluation or after deployment",
        "模型效果不好時主動使用（訓練、評估或上線後），例如「為什麼準確率這麼低」",
    ),
    "result-analyzer": Text(
        "Use proactively after a training or an evaluation has finished, to decide what comes next",
        "訓練或評估剛結束、要決定下一步時主動使用，例如「訓練好了，結果怎麼樣」",
    ),
}
_MATCHER = "Write|Edit|MultiEdit"
_HOOK_SECONDS = 60
_ADVISES_ONLY = "Write, Edit, NotebookEdit, Bash"
_COMMAND = f"""\
What the person wrote after the command (empty: nothing): $ARGUMENTS

Follow the flow of the language they write in. Its calls go to the MCP server `{SERVER_NAME}`; leave out arguments and
<angle brackets> they said nothing about.
照對方使用的語言選擇下面的流程。所有呼叫都送到 MCP 伺服器 `{SERVER_NAME}`；對方沒提到的參數與 <角括號> 就省略。
"""
_AGENT = f"""\
You work for the assistant who speaks with the person; you cannot speak with the person yourself. Where the flow says to ask
and wait, end with that question, in the person's language, and the exact next call. Calls go to the MCP server
`{SERVER_NAME}`; leave out arguments and <angle brackets> you know nothing about.
你替正在和對方說話的助理工作，不能直接和對方說話。流程要你發問並等待的地方，就以那個問題（用對方的語言）和接下來一字不差的呼叫作結。\
所有呼叫都送到 MCP 伺服器 `{SERVER_NAME}`；沒有告訴你的參數與 <角括號> 就省略。
"""


def build_plugin(folder: Path, settings: Settings, *, portable: bool = False) -> Path:
    """Build the plugin into `folder`, which is new, empty or an earlier build.

    Arguments:
        portable: start the server by `uvx` from a wheel in the folder, for other machines; else by this installation.

    Returns:
        the folder's absolute path.

    Raises:
        ClientError: something else stands in `folder`.
        WorkspaceError: it cannot be written.
    """
    final = folder.expanduser().absolute()
    if final.exists() and not _is_ours(final):
        raise ClientError(
            Text(f"{final} holds something else.", f"{final} 裡有其他東西。"),
            Text("Name a new folder; nothing was changed.", "請指定新的資料夾；沒有更動任何內容。"),
            field="folder",
        )
    aside = final.with_name(f".{final.name}.before")
    shutil.rmtree(aside, ignore_errors=True)
    if final.exists():
        os.rename(final, aside)
    try:
        commit_folder(final, lambda draft: _fill(draft, settings, portable))
    except BaseException:
        if aside.exists() and not final.exists():
            os.rename(aside, final)
        raise
    shutil.rmtree(aside, ignore_errors=True)
    return final


def how_to_use(folder: Path) -> Text:
    """What to type next."""
    name = f"{SERVER_NAME}@{SERVER_NAME}"
    return Text(
        f"Built: {folder}\nTry it:    claude --plugin-dir '{folder}'\n"
        f"Keep it:   claude plugin marketplace add '{folder}'\n           claude plugin install {name}\n"
        "Then type: /nlp-skills:coach, or say: I want to train a model",
        f"已產生：{folder}\n試用：claude --plugin-dir '{folder}'\n"
        f"安裝：claude plugin marketplace add '{folder}'\n      claude plugin install {name}\n"
        "接著輸入：/nlp-skills:coach，或直接說：我想訓練一個模型",
    )


def _is_ours(folder: Path) -> bool:
    try:
        if not any(folder.iterdir()):
            return True
        return bool(json.loads(_manifest_file(folder).read_text(encoding="utf-8")).get("name") == SERVER_NAME)
    except (OSError, ValueError, AttributeError):
        return False


def _manifest_file(folder: Path) -> Path:
    return folder / ".claude-plugin" / "plugin.json"


def _fill(draft: Path, settings: Settings, portable: bool) -> None:
    about = (
        "Coaches a person from a wish to a fine-tuned language model that is measured, deployed and reproducible. "
        "陪你從一個想法走到經過評估、可以部署、可以重現的微調模型。"
    )
    named: JsonObject = {
        "name": SERVER_NAME,
        "version": __version__,
        "description": about,
        "author": {"name": "nlp-skills"},
    }
    write_json(_manifest_file(draft), {**named, "license": "Apache-2.0", "keywords": ["fine-tuning", "llm", "coach"]})
    write_json(
        draft / ".claude-plugin" / "marketplace.json",
        {
            "name": SERVER_NAME,
            "description": about,
            "owner": {"name": "nlp-skills"},
            "plugins": [{**named, "source": "./"}],
        },
    )
    for command, hint in HINTS.items():
        _write_page(
            draft / "commands" / f"{command}.md",
            {"description": _about(command), **({"argument-hint": hint} if hint else {})},
            f"{_COMMAND}\n{_flow_texts(command)}",
        )
    for agent, trigger in TRIGGERS.items():
        _write_page(
            draft / "agents" / f"{agent}.md",
            {
                "name": agent,
                "description": f"{_about(agent)} {trigger.en}. {trigger.zh}。",
                "disallowedTools": _ADVISES_ONLY,
            },
            f"{_AGENT}\n{_flow_texts(agent)}",
        )
    shutil.copytree(SKILLS, draft / "skills", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for skill in skill_names():
        _write_skill(draft / "skills" / skill / f"{MAIN_PAGE}.md", skill)
    write_json(draft / "hooks" / "hooks.json", _hooks(portable))
    write_json(draft / ".mcp.json", {"mcpServers": {SERVER_NAME: _server(settings, portable)}})
    if portable:
        (draft / WHEEL_NAME).write_bytes(package_wheel())


def _about(name: str) -> str:
    flow = next(flow for flow in flows.ALL if flow.name == name)
    return f"{flow.about.en} {flow.about.zh}"


def _flow_texts(name: str) -> str:
    """The flow in both languages, its live state replaced by the call that brings it."""
    flow, call = next(flow for flow in flows.ALL if flow.name == name), CALLS[name]
    state = Text(
        "(Call `{call}` now: its answer is what belongs here.)", "（現在呼叫 `{call}`：它的回答就是這裡的內容。）"
    ).format(call=call)
    return (
        "\n".join(
            f'<flow language="{language}">\n{flows.template(flow, language).replace("{state}", state.to(language)).strip()}'
            "\n</flow>"
            for language in LANGUAGES
        )
        + "\n"
    )


def _write_skill(path: Path, skill: str) -> None:
    """The skill's main page, described in both languages (a client decides by the description) and naming the Chinese
    pages beside it."""
    described = {
        language: next(found for found in _skills_in(language) if found.name == skill).description
        for language in LANGUAGES
    }
    chinese = f"對方用中文時，請讀同一個資料夾裡的 `{MAIN_PAGE}.zh-TW.md`；其他頁面也都有 `.zh-TW.md`。"
    _write_page(
        path,
        {"name": skill, "description": " ".join(described.values())},
        f"{chinese}\n\n{read_page(skill, language='en')}",
    )


def _skills_in(language: Language) -> list[Skill]:
    with speaking(language):
        return skills()


def _write_page(path: Path, front: dict[str, str], text: str) -> None:
    """A Markdown file with YAML front matter; JSON strings are YAML."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["---", *lines, "---", "", text]), encoding="utf-8", newline="\n")


def _command(portable: bool, *arguments: str) -> tuple[str, list[str]]:
    if portable:
        return "uvx", ["--from", f"${{CLAUDE_PLUGIN_ROOT}}/{WHEEL_NAME}", "nlp-skills", *arguments]
    return command_line(*arguments)


def _server(settings: Settings, portable: bool) -> JsonObject:
    command, arguments = _command(portable, "serve")
    environment = {"PYTHONUTF8": "1"} if portable else launch_environment(settings)
    return {"type": "stdio", "command": command, "args": arguments, "env": environment}


def _hooks(portable: bool) -> JsonObject:
    def hook(event: str) -> JsonObject:
        command, arguments = _command(portable, "hook", event)
        return {"type": "command", "command": command, "args": arguments, "timeout": _HOOK_SECONDS}

    return {
        "description": "Validates a task's data and its versions' lineage after they are written. "
        "寫入任務的資料與版本之後，驗證資料與 lineage。",
        "hooks": {"PostToolUse": [{"matcher": _MATCHER, "hooks": [hook("data-validation"), hook("version-tracking")]}]},
    }
