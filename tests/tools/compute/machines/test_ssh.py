"""A machine over SSH as a person meets it: named, trusted, looked at, made ready. Against a real server."""

from __future__ import annotations

import http.server
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client

from nlp_skills.resources.foundation.errors import MachineError
from nlp_skills.resources.foundation.files import read_yaml, write_yaml
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.app import build_server
from nlp_skills.server.cli import main as command_line
from nlp_skills.server.settings import Settings
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.machines.ssh import Ssh
from nlp_skills.tools.compute.machines_file import keep_machine
from nlp_skills.tools.compute.named_machines import named_machine
from nlp_skills.tools.compute.remote import remote_environment
from nlp_skills.tools.compute.remote.remote import environment_key
from tests.tools.compute.sshd import ACCOUNT, Proxy, Sshd, left_running
from tests.tools.compute.working import eventually

pytestmark = pytest.mark.minutes


def set_up(workspace: Workspace, **arguments: Any) -> Any:
    """The tool's answer."""

    async def run() -> Any:
        settings = Settings.from_environment({"NLP_SKILLS_WORKSPACE": str(workspace.root)})
        async with Client(build_server(settings)) as client:
            return await client.call_tool("set_up", {**arguments, "what": "machine"})

    return anyio.run(run)


@pytest.fixture
def stranger(sshd: Sshd, proxy: Proxy) -> Iterator[Sshd]:
    """The server before the person has ever met it: there is not even a file of known hosts."""
    sshd.known_hosts.unlink(missing_ok=True)
    yield sshd
    sshd.trust()


def test_an_unknown_host_key_is_trusted_only_by_its_own_fingerprint(
    workspace: Workspace, stranger: Sshd, far_folder: Path
) -> None:
    settings = {"host": "gpubox", "folder": str(far_folder), "label": "研究室的機器"}
    asked = set_up(workspace, name="gpubox", settings=settings).structured_content
    assert asked["plan"]["fingerprint"] == stranger.fingerprint() and stranger.fingerprint() in asked["message"]
    assert not stranger.known_hosts.exists() and not (workspace.root / "machines.yaml").exists()

    wrong = set_up(workspace, name="gpubox", settings={**settings, "fingerprint": "SHA256:other"}, confirm=True)
    assert wrong.structured_content["plan"]["fingerprint"] == stranger.fingerprint()
    assert not stranger.known_hosts.exists()

    step = asked["next_step"]["arguments"]
    assert step["settings"]["fingerprint"] == stranger.fingerprint()
    ready = set_up(workspace, **{**step, "confirm": False}).structured_content
    assert ready["plan"]["fingerprint"], "without confirm nothing is trusted"
    assert not stranger.known_hosts.exists()

    trusted = set_up(workspace, **step).structured_content
    assert stat.S_IMODE(stranger.known_hosts.stat().st_mode) == 0o600
    assert trusted["job"] is None, "the yes to a host key is not one to an installation"
    assert trusted["plan"]["disk"] > 10**9 and trusted["next_step"]["arguments"]["confirm"] is True
    assert read_yaml(workspace.root / "machines.yaml")["machines"]["gpubox"] == {"kind": "ssh", **settings}


def test_a_changed_host_key_is_refused_with_both_fingerprints_whatever_is_confirmed(
    workspace: Workspace, sshd: Sshd, proxy: Proxy, far_folder: Path
) -> None:
    sshd.trust()
    before, known = sshd.fingerprint(), sshd.known_hosts.read_text()
    sshd.new_host_key()
    refused = set_up(
        workspace,
        name="gpubox",
        confirm=True,
        settings={"host": "gpubox", "folder": str(far_folder), "fingerprint": sshd.fingerprint()},
    )
    assert refused.is_error and before in refused.content[0].text and sshd.fingerprint() in refused.content[0].text
    assert sshd.known_hosts.read_text() == known and not far_folder.exists()
    sshd.trust()


def test_jump_hosts_of_the_persons_ssh_config_are_gone_through_and_checked_too(
    sshd: Sshd, proxy: Proxy, far_folder: Path
) -> None:
    sshd.point_to(
        sshd.port, more=f"  ProxyJump jump\nHost jump\n  HostName 127.0.0.1\n  Port {proxy.port}\n  User {ACCOUNT}\n"
    )
    sshd.trust()
    machine = Ssh(host="gpubox", folder=str(far_folder))
    with pytest.raises(MachineError) as asked, machine.connect_to("gpubox"):
        pass
    assert asked.value.code == "host_key_unknown" and asked.value.details["host"] == "jump"
    passed = proxy.passed["there"]
    with machine.connect_to("gpubox", sshd.fingerprint()) as far:
        assert far.folder == str(far_folder)
    assert proxy.passed["there"] > passed + 5000
    sshd.trust()


@pytest.fixture
def agent(sshd: Sshd, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The person's key has a passphrase and is open in their agent alone."""
    socket, key = tmp_path / "agent", sshd.home / ".ssh" / "id_ed25519"
    before = key.read_bytes()
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL) as process:
        eventually(socket.exists)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "a passphrase", "-f", str(key)], check=True)
        yield
        process.terminate()
    key.write_bytes(before)


@pytest.mark.usefixtures("agent")
def test_a_key_that_only_the_agent_can_use_opens_the_jump_host_and_the_machine(
    sshd: Sshd, proxy: Proxy, far_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd.point_to(
        sshd.port,
        more=f"  ProxyJump jump\nHost jump\n  HostName 127.0.0.1\n  Port {proxy.port}\n"
        f"  User {ACCOUNT}\n  HostKeyAlias gpubox\n",
    )
    sshd.known_hosts.write_text(
        sshd.known_hosts.read_text() + f"[gpubox]:{proxy.port} " + (sshd.root / "host_key.pub").read_text()
    )
    machine = Ssh(host="gpubox", folder=str(far_folder))
    with machine.connect_to("gpubox") as far:
        assert far.folder == str(far_folder) and proxy.passed["there"] > 5000
    monkeypatch.delenv("SSH_AUTH_SOCK")
    with pytest.raises(MachineError) as refused, machine.connect_to("gpubox"):
        pass
    assert "ssh-add" in refused.value.fix.en and "ssh-add" in refused.value.fix.zh
    sshd.trust()


def test_a_port_where_something_else_listens_is_told(far_folder: Path, proxy: Proxy) -> None:
    class Page(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"{ACCOUNT}@127.0.0.1:{server.server_port}"
    with pytest.raises(MachineError) as told, Ssh(host=place, folder=str(far_folder)).connect_to("gpubox"):
        pass
    server.shutdown()
    server.server_close()
    assert told.value.code == "machine_unreachable" and f"ssh {place}" in told.value.fix.zh


def test_keys_that_are_refused_and_machines_that_are_away_are_told_apart(
    sshd: Sshd, proxy: Proxy, far_folder: Path
) -> None:
    machine = Ssh(host="gpubox", folder=str(far_folder))
    key = sshd.home / ".ssh" / "id_ed25519"
    key.rename(key.with_suffix(".away"))
    try:
        with pytest.raises(MachineError) as refused, machine.connect_to("gpubox"):
            pass
    finally:
        key.with_suffix(".away").rename(key)
    assert "ssh-copy-id" in refused.value.fix.en and refused.value.code == "machine"
    proxy.down = True
    with pytest.raises(MachineError) as away, machine.connect_to("gpubox"):
        pass
    assert away.value.code == "machine_unreachable"


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("gpubox", {"host": "a b"}, "settings.host"),
        ("gpubox", {"host": "-oProxyCommand=x"}, "settings.host"),
        ("gpubox", {"host": "x", "phyton": "/usr/bin/python3"}, "settings.phyton"),
        ("gpubox", {"kind": "shh", "host": "x"}, "ssh"),
        ("GPU box", {"host": "x"}, "name"),
        ("local", {"host": "x"}, "name"),
        ("gpubx", {}, "gpubox"),
    ],
)
def test_settings_that_cannot_be_are_named_with_what_can(
    workspace: Workspace, name: str, settings: dict[str, Any], said: str
) -> None:
    keep_machine(workspace, "gpubox", Ssh(host="x"))
    answer = set_up(workspace, name=name, settings=settings)
    assert answer.is_error and said in answer.content[0].text


def test_a_file_of_machines_that_is_no_file_of_machines_is_told(workspace: Workspace) -> None:
    (workspace.root / "machines.yaml").write_text("machines: [gpubox]")
    with pytest.raises(MachineError) as told:
        named_machine(workspace, "gpubox")
    assert told.value.field == "machines.yaml"


def test_the_machines_are_listed_and_keep_what_an_hour_costs(workspace: Workspace) -> None:
    keep_machine(workspace, "rented", Ssh(host="rented", price_per_hour=1.25))
    assert named_machine(workspace, "rented").price_per_hour == 1.25
    assert "rented (rented)" in set_up(workspace).structured_content["message"]


def test_the_doctor_looks_at_each_machine_and_names_what_mends_it(
    workspace: Workspace,
    sshd: Sshd,
    proxy: Proxy,
    far_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(workspace.root))
    write_yaml(
        workspace.root / "machines.yaml",
        {
            "machines": {
                "gpubox": {"kind": "ssh", "host": "gpubox", "folder": str(far_folder)},
                "nowhere": {"kind": "ssh", "host": "nowhere.invalid"},
            }
        },
    )
    command_line(["doctor", "--language", "zh-TW"])
    shown = capsys.readouterr().out
    assert "機器 gpubox：gpubox 有回應，主機金鑰可信；Python 3." in shown and "沒有 NVIDIA GPU" in shown
    assert "set_up(what='machine', name='gpubox', confirm=True)" in shown
    assert "機器 nowhere" in shown and "ssh nowhere.invalid" in shown


def test_an_environment_is_built_there_from_our_wheel_and_found_again(
    workspace: Workspace, sshd: Sshd, proxy: Proxy, far_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(workspace.root))
    machine = Ssh(host="gpubox", folder=str(far_folder))
    keep_machine(workspace, "gpubox", machine)
    job = job_control.submit(
        workspace,
        remote_environment.KIND,
        remote_environment.ENTRY,
        ["--machine", "gpubox", "--extra", "", "--check", "nlp_skills.tools.compute.jobs.running"],
        python=sys.executable,
        resumable=True,
        machine="gpubox",
    )
    assert job_control.wait(job, 240) == "succeeded", (
        job_control.failure(job),
        job.output_file.read_text(encoding="utf-8"),
    )
    ended = job.exit()
    assert ended and ended.result["python"] == str(far_folder / "environments" / environment_key() / "bin" / "python")
    with machine.connect_to("gpubox") as far:
        assert far.worker == ended.result["python"] and far.libraries["pydantic"]
    assert not list((far_folder / "runs").iterdir()) and not left_running(far_folder)
