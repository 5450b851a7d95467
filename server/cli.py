"""The `nlp-skills` command. Every subcommand imports what it needs and no more, so that `serve` starts at once."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import __version__
from ..resources.errors import NlpSkillsError
from ..resources.language import LANGUAGES, speaking

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
    import os

    from .auth import serve_http
    from .settings import HttpSettings

    serve_http(server, HttpSettings(
        host=options.host, port=options.port, token=os.environ.get(HTTP_TOKEN_VARIABLE) or None,
        hosts=tuple(options.allow_host), origins=tuple(options.allow_origin),
    ))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from .doctor import examine, show

    return show(examine(_settings()))


def _watch(options: argparse.Namespace) -> int:
    from ..resources.workspace import Workspace
    from ..tools.compute.watch import watch

    watch(Workspace(_settings().workspace), once=options.once)
    return 0


def _secret(options: argparse.Namespace) -> int:
    from .secret_command import forget, show_names, store

    if options.action == "list":
        return show_names()
    return store(options.name) if options.action == "set" else forget(options.name)


def _install(options: argparse.Namespace) -> int:
    from .install import configuration, where_it_goes

    print(where_it_goes(options.client), file=sys.stderr)
    print(configuration(options.client, _settings()))
    return 0


def _settings() -> Settings:
    from .settings import Settings

    return Settings.from_environment()


_COMMANDS = {"serve": _serve, "doctor": _doctor, "watch": _watch, "secret": _secret, "install": _install}


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
    serve.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1; others need a token · 預設只限本機")
    serve.add_argument("--port", type=int, default=8765, help="default 8765")
    serve.add_argument("--allow-host", action="append", default=[], metavar="HOST",
                       help="a further Host header to accept (reverse proxy) · 另外接受的 Host")
    serve.add_argument("--allow-origin", action="append", default=[], metavar="ORIGIN",
                       help="a further Origin header to accept (web page) · 另外接受的 Origin")

    commands.add_parser("demo", help="the whole story, offline, in a few minutes · 離線示範完整流程")
    doctor = commands.add_parser("doctor", help="check this machine, and what mends it · 檢查這台機器並提供修正方式")
    _speaks(doctor)
    watch = commands.add_parser("watch", help="show all jobs live · 即時顯示所有工作")
    watch.add_argument("--once", action="store_true", help="show them once and end · 只顯示一次")
    _speaks(watch)

    secret = commands.add_parser("secret", help="passwords and keys, kept out of every file · 管理密碼與金鑰")
    actions = secret.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, says in (("set", "type it in, hidden · 輸入（不顯示）"), ("remove", "forget it · 刪除")):
        named = actions.add_parser(action, help=says)
        named.add_argument("name", metavar="NAME", help="such as PG_PASSWORD; files say ${PG_PASSWORD} · 名稱")
        _speaks(named)
    listing = actions.add_parser("list", help="the names, never the values · 只列名稱")
    _speaks(listing)

    from_client = commands.add_parser("install", help="show the configuration for a client · 顯示用戶端設定")
    from_client.add_argument("--client", required=True, choices=["claude-desktop", "claude-code", "vscode", "cursor"])
    _speaks(from_client)
    return parser


def _speaks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--language", choices=LANGUAGES, default=None, help="default: NLP_SKILLS_LANGUAGE, else en")


if __name__ == "__main__":
    sys.exit(main())
