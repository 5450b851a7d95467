"""What people say leads to the right first call: by plain word matching, and by whatever model is put behind it."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest
import yaml
from mcp import Client
from mcp_types import Tool

from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings

TRIGGERS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("triggers.yaml").read_text(encoding="utf-8"))
SEED = [
    "我想訓練一個模型",
    "幫我分析這個任務該怎麼做",
    "列出所有任務",
    "比較 entity-sentiment v1 和 v2",
    "資料從 PostgreSQL 來",
    "用 GPT 生成訓練資料",
]
LEAST = {"tuning": 0.75, "held_out": 0.7}
MOST_WORDS = 60
# Words that say nothing about what is wanted.
STOP_WORDS = frozenset(
    re.findall(
        r"\S+",
        "a an and are as at be but by can do does for from has have how i i'd i'll if in is it it's its me my no not "
        "of on or our please so some that the their then there this to up us was we what which will with you your",
    )
)
WORD, HAN = re.compile(r"[a-z][a-z'-]*\d*|\d+"), re.compile(r"[\u4e00-\u9fff]+")


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> list[Tool]:
    async def list_tools() -> list[Tool]:
        async with Client(build_server(Settings(workspace=tmp_path_factory.mktemp("workspace")))) as client:
            return (await client.list_tools()).tools

    return anyio.run(list_tools)


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "triggers.py"
    spec = importlib.util.spec_from_file_location("triggers_benchmark", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_sixty_sentences_in_two_languages_and_others_held_out() -> None:
    tuning, held_out = TRIGGERS["tuning"], TRIGGERS["held_out"]
    assert Counter(entry["language"] for entry in tuning) == {"zh-TW": 30, "en": 30}
    assert len(held_out) >= 30
    assert [entry["say"] for entry in tuning if entry.get("seed")] == SEED
    sentences = [entry["say"] for entry in tuning + held_out]
    assert len(set(sentences)) == len(sentences)
    assert {entry["situation"] for entry in tuning + held_out} == set(TRIGGERS["situations"])


def test_the_sentences_need_every_tool_and_no_other(tools: list[Tool]) -> None:
    named = {call["tool"] for entry in TRIGGERS["tuning"] for call in entry["calls"]}
    assert named == {tool.name for tool in tools}
    schemas = {tool.name: tool.input_schema["properties"] for tool in tools}
    for entry in TRIGGERS["tuning"] + TRIGGERS["held_out"]:
        for call in entry["calls"]:
            assert set(call.get("with", {})) <= set(schemas[call["tool"]]), entry["say"]


@pytest.mark.parametrize("part", LEAST)
def test_word_matching_alone_finds_most_first_calls(tools: list[Tool], part: str) -> None:
    found = tf_idf({tool.name: f"{tool.name} {tool.title} {tool.description}" for tool in tools})
    misses = [
        (entry["say"], found(entry["say"]))
        for entry in TRIGGERS[part]
        if found(entry["say"]) not in [call["tool"] for call in entry["calls"]]
    ]
    assert 1 - len(misses) / len(TRIGGERS[part]) >= LEAST[part], misses


def test_no_description_is_stuffed(tools: list[Tool]) -> None:
    sentences = [entry["say"] for entry in TRIGGERS["tuning"] + TRIGGERS["held_out"] if len(entry["say"]) > 12]
    for tool in tools:
        description = tool.description or ""
        words = re.findall(r"[^\s\u4e00-\u9fff，。、：；？！]+|[\u4e00-\u9fff]+", description)
        assert len(words) <= MOST_WORDS, (tool.name, len(words))
        assert not [sentence for sentence in sentences if sentence in description], tool.name


def test_the_runner_measures_a_model_behind_an_endpoint(runner: ModuleType, endpoint: FakeEndpoint) -> None:
    report = runner.measure(endpoint.address, "fake", key="k")
    for part in ("tuning", "held_out"):
        wanted = [entry for entry in TRIGGERS[part] if "coach" in [call["tool"] for call in entry["calls"]]]
        assert report[part]["hits"] == report[part]["tools_right"] == len(wanted)
        assert report[part]["rate"] == round(len(wanted) / len(TRIGGERS[part]), 3)
        assert {miss["say"] for miss in report[part]["misses"]} == {entry["say"] for entry in TRIGGERS[part]} - {
            entry["say"] for entry in wanted
        }
    asked = endpoint.requests[0]
    assert asked["authorization"] == "Bearer k" and asked["path"] == "/v1/chat/completions"
    assert asked["body"]["model"] == "fake" and "next_step" in asked["body"]["messages"][0]["content"]
    assert {"coach", "train"} <= {tool["function"]["name"] for tool in asked["body"]["tools"]}


def test_a_call_counts_only_with_the_values_that_belong_to_it(runner: ModuleType) -> None:
    entry = {"calls": [{"tool": "compare_versions", "with": {"a": "v1", "b": "v2"}}]}
    right = {"tool": "compare_versions", "arguments": {"task": "t", "a": "V1", "b": "v2"}}
    assert runner.acceptable(entry, right)
    assert not runner.acceptable(entry, {**right, "arguments": {"a": "v2", "b": "v1"}})
    assert not runner.acceptable(entry, {**right, "tool": "coach"})
    assert not runner.acceptable(entry, None)


def test_a_model_that_only_talks_or_writes_broken_arguments_is_a_miss_not_a_crash(
    runner: ModuleType, endpoint: FakeEndpoint
) -> None:
    endpoint.message = {"role": "assistant", "content": "Sure!"}
    assert runner.measure(endpoint.address, "fake", ("held_out",))["held_out"]["hits"] == 0
    endpoint.message = expected_call("set_data_source", "{broken")
    report = runner.measure(endpoint.address, "fake", ("tuning",))["tuning"]
    missed = {miss["say"] for miss in report["misses"]}
    assert "here's the file: /home/amy/reviews.csv" in missed and "資料從 PostgreSQL 來" not in missed


def tf_idf(documents: dict[str, str]) -> Any:
    """A function from a sentence to the name of the nearest document by the cosine of TF-IDF (none: empty)."""
    counts = {name: features(text) for name, text in documents.items()}
    held = Counter(feature for count in counts.values() for feature in count)
    rarity = {feature: math.log((1 + len(counts)) / (1 + number)) + 1 for feature, number in held.items()}

    def weigh_terms(count: Counter[str]) -> dict[str, float]:
        weights = {feature: (1 + math.log(n)) * rarity[feature] for feature, n in count.items() if feature in rarity}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {feature: weight / length for feature, weight in weights.items()}

    vectors = {name: weigh_terms(count) for name, count in counts.items()}

    def nearest(sentence: str) -> str:
        asked = weigh_terms(features(sentence))
        score, name = max(
            (sum(weight * vector.get(feature, 0) for feature, weight in asked.items()), name)
            for name, vector in vectors.items()
        )
        return name if score > 0 else ""

    return nearest


def features(text: str) -> Counter[str]:
    """English words and their runs of four letters; single and paired Chinese characters."""
    lowered = text.lower().replace("_", " ")
    words = [word for word in WORD.findall(lowered) if word not in STOP_WORDS]
    found = Counter(words)
    for word in words:
        found.update(f"#{padded[i : i + 4]}" for padded in [f"<{word}>"] for i in range(len(padded) - 3))
    for run in HAN.findall(lowered):
        found.update(run[i : i + n] for n in (1, 2) for i in range(len(run) - n + 1))
    return found


def expected_call(tool: str, arguments: str) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": tool, "arguments": arguments}}],
    }


class FakeEndpoint(ThreadingHTTPServer):
    """A model that always gives the same answer, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.message = expected_call("coach", '{"message": "…"}')
        self.address = f"http://127.0.0.1:{self.server_port}/v1/"


class _Handler(BaseHTTPRequestHandler):
    server: FakeEndpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(
            {"path": self.path, "authorization": self.headers.get("Authorization"), "body": body}
        )
        answer = json.dumps({"choices": [{"index": 0, "message": self.server.message}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing on the tests' output."""


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    server = FakeEndpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
