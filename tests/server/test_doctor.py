"""What the doctor says a machine can do, and what brings the rest."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.catalogue import base_models
from nlp_skills.resources.foundation.files import write_yaml
from nlp_skills.server import abilities
from nlp_skills.server.cli import main
from nlp_skills.tools.compute.hardware import Gpu, Machine
from tests.docs.extending import files_of

GIB = 2**30


def machine(memory: int, *gpus: int) -> Machine:
    cards = [
        Gpu(name="NVIDIA L4", memory=size * GIB, free=size * GIB, driver="1", uuid=str(at))
        for at, size in enumerate(gpus)
    ]
    return Machine(
        system="Linux",
        cores=8,
        free_cores=8,
        memory=memory * GIB,
        free_memory=memory * GIB,
        disk_free=1,
        gpus=cards,
        device="cuda" if cards else "cpu",
        worker="/opt/ml/bin/python",
    )


def parameters(model: str | None) -> float:
    return next(entry.parameters for entry in base_models() if entry.id == model)


def test_the_largest_model_that_fits_grows_with_memory_and_shrinks_with_what_is_trained() -> None:
    small, large = (abilities.largest(size * GIB, True, 16) for size in (8, 80))
    assert parameters(small) < parameters(large)
    assert parameters(abilities.largest(80 * GIB, True, 0)) < parameters(large)
    assert parameters(abilities.largest(24 * GIB, True, 16, four_bits=True)) > parameters(
        abilities.largest(24 * GIB, True, 16)
    )
    assert abilities.largest(10**8, False, 16) is None


def test_what_a_machine_can_train_is_told_in_both_languages() -> None:
    said = list(abilities.training("box", machine(64, 24, 24), {}))
    english, chinese = (" ".join(getattr(one.says, language) for one in said) for language in ("en", "zh"))
    assert "Machine box: 2 GPU: NVIDIA L4 (26 GB, 26 GB free)" in english and "up to 2 (num_processes)" in english
    assert "sft" in english and "LoRA up to" in english and "every weight up to" in english
    assert "機器 box：2 張 GPU" in chinese and "LoRA 最大到" in chinese and "單張 GPU" in chinese
    assert "處理器" in " ".join(one.says.zh for one in abilities.training("", machine(16), {}))
    (tiny,) = abilities.training("", machine(0), {})
    assert tiny.state == "warning" and tiny.mends and "set_up(what='machine')" in tiny.mends.zh


def test_a_road_whose_packages_are_missing_is_named_with_the_command_that_opens_it() -> None:
    everything = dict.fromkeys(abilities.optional_packages(), "1")
    (only,) = abilities.roads("python3", everything)
    assert "excel" in only.says.en and "mysql" in only.says.en and "PostgreSQL" in only.says.zh
    opened, missing = abilities.roads("python3", {**everything, "openpyxl": None})
    assert "excel" not in opened.says.en
    assert "python3 -m pip install 'nlp-skills[excel]'" in missing.says.en and "尚未安裝" in missing.says.zh


class _Ollama(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(
            {"/api/version": {"version": "0.12.3"}, "/api/tags": {"models": [{"name": "qwen3"}]}}[self.path]
        )
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Ollama)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("ollama")
def test_an_ollama_that_answers_is_found_with_its_models() -> None:
    said = " ".join(one.says.en for one in abilities.deployment({}))
    assert "Ollama 0.12.3 answers" in said and ", 1 model " in said and "vLLM" in said


def test_an_ollama_that_is_installed_and_asleep_is_woken_by_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "ollama"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    asleep = next(one for one in abilities.deployment({"torch": "2"}) if "Ollama" in one.says.en)
    assert asleep.state == "warning" and asleep.mends and "ollama serve" in asleep.mends.zh
    no_gguf = next(one for one in abilities.deployment({"torch": "2"}) if "xllamacpp" in one.says.en)
    assert no_gguf.mends and "nlp-skills[gguf]" in no_gguf.mends.en


def test_a_program_can_read_it_and_machines_that_do_not_answer_hold_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two machines at an address that swallows what it is sent, and one that is misdescribed."""
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    gone = {"kind": "ssh", "host": "somebody@127.0.0.1:9"}
    write_yaml(tmp_path / "machines.yaml", {"machines": {"one": gone, "two": gone, "wrong": {"kind": "shh"}}})
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "cut_off.py").write_text("def (", encoding="utf-8")
    (tmp_path / "plugins" / "our_label.py").write_text(files_of("extending.md")["acme_nlp/named_label.py"], "utf-8")
    began = time.monotonic()
    assert main(["doctor", "--json", "--language", "zh-TW"]) == 1
    assert time.monotonic() - began < 20
    told = json.loads(capsys.readouterr().out)
    by_machine = {name: [one for one in told["findings"] if one["about"] == name] for name in ("local", "one", "wrong")}
    assert told["format"] == 1 and told["broken"] >= 3
    assert by_machine["one"][0]["state"] == "broken" and "機器 one" in by_machine["one"][0]["says"]
    assert by_machine["one"][0]["mends"] and "ssh" in by_machine["wrong"][0]["mends"]
    assert any("Ollama" in one["says"] for one in by_machine["local"])
    assert any("our_label.py 還沒有經過同意" in one["says"] for one in by_machine["local"])
    assert any("cut_off.py" in one["says"] and "第 1 行不是 Python" in one["says"] for one in by_machine["local"])
