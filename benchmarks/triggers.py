"""Whether a model, given our real tools and instructions, makes the right first call for what people say.

The sentences stand in `tests/prompts/triggers.yaml`; any endpoint that speaks OpenAI's chat completions with tools can be
measured: `python benchmarks/triggers.py --endpoint http://localhost:11434/v1 --model qwen3:8b [--part held_out] [--json]`.
A key is read from the environment variable that `--key-variable` names.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import yaml
from mcp import Client

from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings

TRIGGERS = Path(__file__).parents[1] / "tests" / "prompts" / "triggers.yaml"
PARTS = ("tuning", "held_out")


def measure(
    endpoint: str, model: str, parts: tuple[str, ...] = PARTS, key: str = "", parallel: int = 4, seconds: float = 120
) -> dict[str, Any]:
    """The share of sentences whose first call is an acceptable one, by part, and the misses.

    Arguments:
        endpoint: the address under which `/chat/completions` stands.
        key: sent as a bearer token where there is one.
        parallel: requests at a time.
        seconds: that one request may take.

    Raises:
        urllib.error.URLError: the endpoint does not answer.
    """
    triggers = yaml.safe_load(TRIGGERS.read_text(encoding="utf-8"))
    instructions, tools = anyio.run(_surface)

    def ask_model(entry: dict[str, Any]) -> dict[str, Any] | None:
        known = f"{instructions}\n\nThe situation: {triggers['situations'][entry['situation']]}"
        body = {
            "model": model,
            "temperature": 0,
            "tools": tools,
            "tool_choice": "auto",
            "messages": [{"role": "system", "content": known}, {"role": "user", "content": entry["say"]}],
        }
        return _first_call(_post(f"{endpoint.rstrip('/')}/chat/completions", body, key, seconds))

    report: dict[str, Any] = {"model": model}
    for part in parts:
        entries = triggers[part]
        with ThreadPoolExecutor(parallel) as pool:
            calls = list(pool.map(ask_model, entries))
        misses = [
            {"say": entry["say"], "wanted": entry["calls"], "called": call}
            for entry, call in zip(entries, calls, strict=True)
            if not acceptable(entry, call)
        ]
        tools_right = sum(acceptable(entry, call, values=False) for entry, call in zip(entries, calls, strict=True))
        report[part] = {
            "sentences": len(entries),
            "hits": len(entries) - len(misses),
            "tools_right": tools_right,
            "rate": round(1 - len(misses) / len(entries), 3),
            "misses": misses,
        }
    return report


def acceptable(entry: dict[str, Any], call: dict[str, Any] | None, values: bool = True) -> bool:
    """Whether the call is one of those the sentence should bring about.

    Arguments:
        values: with the argument values that belong to the sentence, too.
    """
    return call is not None and any(
        call["tool"] == wanted["tool"]
        and all(
            not values or str(part).casefold() in json.dumps(call["arguments"].get(name), ensure_ascii=False).casefold()
            for name, part in wanted.get("with", {}).items()
        )
        for wanted in entry["calls"]
    )


async def _surface() -> tuple[str, list[dict[str, Any]]]:
    """The server's instructions, and its tools as a chat completion takes them."""
    with tempfile.TemporaryDirectory() as workspace:
        async with Client(build_server(Settings(workspace=Path(workspace)))) as client:
            tools = (await client.list_tools()).tools
            instructions = client.instructions or ""
    return instructions, [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.input_schema},
        }
        for tool in tools
    ]


def _post(address: str, body: dict[str, Any], key: str, seconds: float) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        content: dict[str, Any] = json.load(answer)
    return content


def _first_call(answer: dict[str, Any]) -> dict[str, Any] | None:
    """The first tool called; None where the model only talked. Arguments that are no JSON object count as none."""
    calls = answer["choices"][0]["message"].get("tool_calls")
    if not calls:
        return None
    function = calls[0]["function"]
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except ValueError:
        arguments = {}
    return {"tool": function["name"], "arguments": arguments if isinstance(arguments, dict) else {}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--key-variable", default="", help="the environment variable that holds the endpoint's key")
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    key = os.environ[given.key_variable] if given.key_variable else ""
    report = measure(given.endpoint, given.model, (given.part,) if given.part else PARTS, key, given.parallel)
    if given.json:
        print(json.dumps(report, ensure_ascii=False))
        return
    for part in PARTS:
        if measured := report.get(part):
            print(
                f"{part}: {measured['hits']} of {measured['sentences']} first calls right ({measured['rate']:.0%}); "
                f"the right tool in {measured['tools_right']}"
            )
            for miss in measured["misses"]:
                called = (
                    _write_call(miss["called"]["tool"], miss["called"]["arguments"]) if miss["called"] else "no call"
                )
                wanted = " or ".join(_write_call(call["tool"], call.get("with", {})) for call in miss["wanted"])
                print(f"  {miss['say']} → {called} (wanted {wanted})")


def _write_call(tool: str, arguments: dict[str, Any]) -> str:
    return f"{tool}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"


if __name__ == "__main__":
    main()
