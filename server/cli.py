"""The `nlp-skills` command. Every subcommand imports what it needs and no more, so that `serve` starts at once."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..resources.foundation.errors import NlpSkillsError
from ..resources.foundation.language import LANGUAGES, speaking

if TYPE_CHECKING:
    from .settings import Settings

HTTP_TOKEN_VARIABLE = "NLP_SKILLS_HTTP_TOKEN"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (2: the command was used wrongly)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["demo"]:
        from .demo.story import main as tell  # it reads its own arguments

        return tell(given[1:])
    options = _parser().parse_args(given)
    with speaking(getattr(options, "language", None)):
        try:
            return _COMMANDS[options.command](options)
        except NlpSkillsError as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130


def _serve(options: argparse.Namespace) -> int:
    gc.disable()  # nothing made while starting is garbage, and looking for it is a tenth of the start
    from .app import build_server

    server = build_server(_settings())
    gc.freeze()
    gc.enable()
    if not options.http:
        server.run("stdio")
        return 0
    from .auth import serve_http
    from .http_token import kept_token
    from .settings import HttpSettings

    serve_http(
        server,
        HttpSettings(
            host=options.host,
            port=options.port,
            token=os.environ.get(HTTP_TOKEN_VARIABLE) or kept_token(renew=options.rotate_token),
            hosts=tuple(options.allow_host),
            origins=tuple(options.allow_origin),
        ),
    )
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from .doctor import examine, show, show_json

    return (show_json if options.json else show)(examine(_settings()))


def _watch(options: argparse.Namespace) -> int:
    from ..resources.workspace import Workspace
    from ..tools.compute.jobs.watch import watch

    watch(Workspace(_settings().workspace), once=options.once)
    return 0


def _secret(options: argparse.Namespace) -> int:
    from .secret_command import allow, forget, show_names, store

    if options.action == "list":
        return show_names()
    if options.action == "allow":
        return allow(options.name, options.host)
    return store(options.name, options.host) if options.action == "set" else forget(options.name)


def _allow(options: argparse.Namespace) -> int:
    from .access_command import allow_folder, allow_host, allow_rows, allow_script, show_permissions, take_back

    if options.remove is not None:
        return take_back(options.remove)
    if options.rows_of is not None:
        return allow_rows(options.rows_of, options.host or "")
    if options.host is not None:
        return allow_host(options.host)
    if options.script is not None:
        return allow_script(options.script)
    return show_permissions() if options.folder is None else allow_folder(options.folder)


def _install(options: argparse.Namespace) -> int:
    from .install import install, show_clients, snippet, where_it_goes

    if options.client is None:
        return show_clients()
    if options.print:
        print(where_it_goes(options.client, options.project), file=sys.stderr)
        print(snippet(options.client, _settings()))
        return 0
    return install(options.client, _settings(), project=options.project, remove=options.remove, yes=options.yes)


def _plugin(options: argparse.Namespace) -> int:
    from .plugin import build_plugin, how_to_use

    print(how_to_use(build_plugin(options.folder, _settings(), portable=options.portable)))
    return 0


def _bundle(options: argparse.Namespace) -> int:
    from .bundle import build_bundle, how_to_use

    print(how_to_use(build_bundle(options.folder)))
    return 0


def _hook(options: argparse.Namespace) -> int:
    from .hook import run_hook

    return run_hook(options.event, sys.stdin.buffer.read())


def _settings() -> Settings:
    from .settings import Settings

    return Settings.from_environment()


_COMMANDS = {
    "serve": _serve,
    "doctor": _doctor,
    "watch": _watch,
    "secret": _secret,
    "allow": _allow,
    "install": _install,
    "plugin": _plugin,
    "bundle": _bundle,
    "hook": _hook,
}
HOOKS = ("data-validation", "version-tracking")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nlp-skills",
        description="A coach for fine-tuning language models, as an MCP server. 陪你微調語言模型的 MCP 教練伺服器。",
        epilog="Settings · 設定: NLP_SKILLS_WORKSPACE, NLP_SKILLS_LANGUAGE (en, zh-TW), NLP_SKILLS_WORKER, "
        "NLP_SKILLS_TOOLSETS, NLP_SKILLS_READ_ONLY, NLP_SKILLS_HTTP_TOKEN",
    )
    parser.add_argument("--version", action="version", version=f"nlp-skills {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    parser.set_defaults(command="serve", http=False)

    serve = commands.add_parser("serve", help="speak MCP over stdio (the default), or HTTP · 啟動 MCP 伺服器（預設）")
    serve.add_argument("--http", action="store_true", help="Streamable HTTP at /mcp instead of stdio · 改用 HTTP")
    serve.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1 · 預設只限本機")
    serve.add_argument("--port", type=int, default=8765, help="default 8765")
    serve.add_argument("--rotate-token", action="store_true", help="make a new token; the old one expires · 換新的權杖")
    serve.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="another Host header to accept (reverse proxy) · 另外接受的 Host",
    )
    serve.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="another Origin header to accept (web page) · 另外接受的 Origin",
    )

    commands.add_parser("demo", help="the whole workflow, offline, in a few minutes · 離線示範完整流程")
    doctor = commands.add_parser(
        "doctor",
        help="what this machine and each named one can do, and how to fix it · 檢查每台機器能做什麼、缺什麼、怎麼補",
    )
    doctor.add_argument("--json", action="store_true", help="for programs · 輸出 JSON")
    _speaks(doctor)
    watch = commands.add_parser("watch", help="show all jobs live · 即時顯示所有工作")
    watch.add_argument("--once", action="store_true", help="show them once and exit · 只顯示一次")
    _speaks(watch)

    secret = commands.add_parser("secret", help="passwords and keys, kept out of every file · 管理密碼與金鑰")
    actions = secret.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, says in (
        ("set", "type it in, hidden · 輸入（不顯示）"),
        ("remove", "delete it · 刪除"),
        ("allow", "let a secret or environment variable go to a host · 允許送往某個主機"),
    ):
        named = actions.add_parser(action, help=says)
        named.add_argument("name", metavar="NAME", help="such as PG_PASSWORD; files say ${PG_PASSWORD} · 名稱")
        if action != "remove":
            named.add_argument(
                "--host",
                action="append",
                default=[],
                metavar="HOST",
                required=action == "allow",
                help="where it may be sent, such as api.example.com · 可以送往的主機",
            )
        _speaks(named)
    listing = actions.add_parser("list", help="the names, never the values · 只列名稱")
    _speaks(listing)

    allow = commands.add_parser(
        "allow",
        help="let a folder be read or a private host be reached · 允許讀取資料夾或連線主機",
        description="Without arguments: what is allowed so far. 不加參數：列出目前允許的項目。",
    )
    what = allow.add_mutually_exclusive_group()
    what.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="a folder whose data files may be read · 資料夾"
    )
    what.add_argument("--host", metavar="HOST", help="a host of your own network, such as localhost · 內部網路的主機")
    what.add_argument(
        "--script",
        type=Path,
        metavar="FILE",
        help="run a script that you changed, or bring in code that came with a task · 執行改過的腳本",
    )
    allow.add_argument(
        "--rows-of",
        metavar="TASK",
        help="with --host HOST: send the rows of an on-premise task there; alone: anywhere · 允許把任務的資料送出去",
    )
    what.add_argument("--remove", metavar="WHAT", help="take a permission back · 收回授權")
    _speaks(allow)

    into = commands.add_parser(
        "install",
        help="put the server into a client's configuration · 安裝到用戶端",
        description="Shows the file and the exact change, asks, keeps a backup. Without --client: "
        "which clients are here. 先顯示檔案與更動、詢問，並保留備份。"
        "不加 --client：列出這台機器上的用戶端。",
    )
    into.add_argument("--client", metavar="CLIENT", help="claude-desktop, claude-code, vscode, cursor · 用戶端")
    into.add_argument("--project", type=Path, metavar="DIR", help="for one project only · 只給這個專案用")
    into.add_argument("--remove", action="store_true", help="remove it again · 移除")
    into.add_argument("--yes", action="store_true", help="do not ask · 不詢問")
    into.add_argument("--print", action="store_true", help="only print what to paste · 只印出要貼上的內容")
    _speaks(into)
    plugin = commands.add_parser("plugin", help="build the Claude Code plugin into DIR · 產生 Claude Code 外掛")
    plugin.add_argument(
        "--portable",
        action="store_true",
        help="for other machines: started by uvx from a wheel inside · 給其他電腦用，由 uvx 啟動",
    )
    bundle = commands.add_parser(
        "bundle", help="build nlp-skills.mcpb for Claude Desktop into DIR · 產生桌面版擴充套件"
    )
    for built in (plugin, bundle):
        built.add_argument("folder", type=Path, metavar="DIR", help="a new folder, or one built earlier · 資料夾")
        _speaks(built)
    hook = commands.add_parser("hook", help="what the plugin's hooks run, JSON on stdin · 外掛的 hooks 使用")
    hook.add_argument("event", choices=HOOKS)
    return parser


def _speaks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--language", choices=LANGUAGES, default=None, help="default: NLP_SKILLS_LANGUAGE, else en")


if __name__ == "__main__":
    sys.exit(main())
