"""`nlp-skills bundle DIR`: nlp-skills.mcpb, which Claude Desktop installs by a double click.

Format: github.com/modelcontextprotocol/mcpb (MANIFEST.md, manifest_version 0.4): a zip with a manifest. The server type
is `uv`: the application builds the environment from the `pyproject.toml` inside, which names the wheel beside it.
"""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from .. import __version__
from ..prompts.flows import ALL
from ..resources.foundation.files import write_atomic
from ..resources.foundation.json_object import JsonObject
from ..resources.foundation.language import Text
from ..tools.compute.environments.wheel import WHEEL_NAME, package_wheel
from .app import build_server
from .client import SERVER_NAME
from .settings import Settings

BUNDLE_NAME = f"{SERVER_NAME}.mcpb"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ICON_SIZE = 512
_ENTRY_POINT = "src/server.py"
_LOCALES = "mcpb-resources/${locale}.json"
_TITLE = Text("NLP Skills: fine-tuning coach", "NLP Skills 模型微調教練")
_ABOUT = Text(
    "Coaches you from a wish to a fine-tuned language model that is measured, deployed and reproducible.",
    "陪你從一個想法走到經過評估、可以部署、可以重現的微調模型。",
)
_LONG = Text(
    "Say what the problem is; the coach asks one question at a time, connects your data, plans the training with "
    "reasons, trains on your machine, measures beside simple baselines, and deploys with proof. Everything is kept in "
    "one folder of yours. The first start downloads the server's libraries; training asks before it builds its own "
    "environment (about 2 GB).",
    "說出你的困擾，教練一次只問一個問題：接上資料、說明理由並規劃訓練、在你的電腦上訓練、和簡單的方法一起評估，再部署並證明回答一致。"
    "所有內容都放在你自己的一個資料夾裡。第一次啟動會下載伺服器需要的函式庫；訓練環境（約 2 GB）會先徵求你同意才建立。",
)
_PYPROJECT = f"""\
[project]
name = "nlp-skills-bundle"
version = "{__version__}"
requires-python = ">=3.11"
dependencies = ["nlp-skills"]

[tool.uv]
package = false

[tool.uv.sources]
nlp-skills = {{ path = "{WHEEL_NAME}" }}
"""
_SERVER = '''\
"""Starts nlp-skills with what the person set in the application."""

import os

for name in ("NLP_SKILLS_WORKSPACE", "NLP_SKILLS_LANGUAGE"):
    if not os.environ.get(name) or os.environ[name].startswith("${"):  # left blank, it arrives unfilled
        os.environ.pop(name, None)

from nlp_skills.server.cli import main

raise SystemExit(main(["serve"]))
'''


def build_bundle(folder: Path) -> Path:
    """Write the bundle into `folder`; the same package gives the same bytes.

    Returns:
        the absolute path of the file.

    Raises:
        WorkspaceError: it cannot be written.
    """
    path = folder.expanduser().absolute() / BUNDLE_NAME
    contents = {
        "manifest.json": _json(manifest()),
        "mcpb-resources/zh-TW.json": _json(
            {"display_name": _TITLE.zh, "description": _ABOUT.zh, "long_description": _LONG.zh}
        ),
        "pyproject.toml": _PYPROJECT.encode(),
        _ENTRY_POINT: _SERVER.encode(),
        "icon.png": icon(),
        WHEEL_NAME: package_wheel(),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            bundle.writestr(entry, content)
    write_atomic(path, packed.getvalue())
    return path


def how_to_use(path: Path) -> Text:
    """What to do with the file."""
    return Text(
        f"Built: {path}\nOpen it with Claude Desktop (double click, or Settings → Extensions → Install), choose the folder "
        "for your tasks, and say: I want to train a model",
        f"已產生：{path}\n用 Claude Desktop 開啟它（按兩下，或「設定 → 擴充功能 → 安裝」），選擇放任務的資料夾，然後說：我想訓練一個模型",
    )


def manifest() -> JsonObject:
    """The manifest, its tools and prompts as the real server lists them."""
    server = build_server(Settings())
    tools, prompts = asyncio.run(server.list_tools()), asyncio.run(server.list_prompts())
    about = {flow.name: flow.about for flow in ALL}
    return {
        "manifest_version": "0.4",
        "name": SERVER_NAME,
        "display_name": _TITLE.en,
        "version": __version__,
        "description": _ABOUT.en,
        "long_description": _LONG.en,
        "author": {"name": SERVER_NAME},
        "icon": "icon.png",
        "localization": {"resources": _LOCALES, "default_locale": "en-US"},
        "server": {
            "type": "uv",
            "entry_point": _ENTRY_POINT,
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", _ENTRY_POINT],
                "env": {
                    "NLP_SKILLS_WORKSPACE": "${user_config.workspace}",
                    "NLP_SKILLS_LANGUAGE": "${user_config.language}",
                    "PYTHONUTF8": "1",
                },
            },
        },
        "tools": [{"name": tool.name, "description": tool.description or ""} for tool in tools],
        "prompts": [
            {
                "name": prompt.name,
                "description": prompt.description or "",
                "arguments": [argument.name for argument in prompt.arguments or []],
                "text": f"{about[prompt.name].en} {about[prompt.name].zh} (nlp-skills: {prompt.name})",
            }
            for prompt in prompts
        ],
        "prompts_generated": True,
        "keywords": ["fine-tuning", "llm", "coach", "微調"],
        "license": "Apache-2.0",
        "compatibility": {"platforms": ["darwin", "win32", "linux"], "runtimes": {"python": ">=3.11"}},
        "user_config": {
            "workspace": {
                "type": "directory",
                "title": "Folder for your tasks · 放任務的資料夾",
                "description": "Data, versions and models are kept there. 資料、版本與模型都放在這裡。",
                "required": False,
                "default": "${HOME}/nlp-skills",
            },
            "language": {
                "type": "string",
                "title": "Language · 語言",
                "description": "en or zh-TW, used when your own words do not show it. 看不出你用的語言時的預設：en 或 zh-TW。",
                "required": False,
                "default": "en",
            },
        },
    }


def icon() -> bytes:
    """A learning curve on a rounded square, 512 × 512 PNG."""
    from PIL import Image, ImageDraw

    size, scale = _ICON_SIZE, 4  # drawn large, then reduced: smooth edges
    image = Image.new("RGBA", (size * scale, size * scale), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, size * scale - 1, size * scale - 1), 112 * scale, fill="#14532d")
    curve = [(96 + 0.8 * step, 400 - 272 * (1 - 0.99**step)) for step in range(401)]
    for radius, colour, points in ((15, "#bbf7d0", curve), (30, "#ffffff", (curve[0], curve[-1]))):
        for x, y in points:
            draw.ellipse([scale * (value + side) for side in (-radius, radius) for value in (x, y)], fill=colour)
    png = io.BytesIO()
    image.resize((size, size)).save(png, "PNG", optimize=True)
    return png.getvalue()


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
