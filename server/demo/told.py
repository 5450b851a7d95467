"""The demonstration's voice in a terminal: what the person says, what the coach says, what is called."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.prompt import Prompt
from rich.table import Table

from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text


class Told:
    """Prints the story as it happens."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._started = time.monotonic()

    def chapter(self, title: Text) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        self.console.print()
        self.console.rule(f"[bold]{title}[/bold] [dim]{minutes}:{seconds:02d}[/dim]", align="left")

    def person(self, said: Text | str) -> None:
        self.console.print(
            Panel(str(said), title=str(Text("you", "你")), title_align="left", border_style="green", padding=(0, 1))
        )

    def coach(self, said: str) -> None:
        self.console.print(
            Panel(said, title=str(Text("coach", "教練")), title_align="left", border_style="cyan", padding=(0, 1)),
            markup=False,
        )

    def model(self, version: str, answered: str) -> None:
        self.console.print(Panel(answered, title=version, title_align="left", border_style="magenta", padding=(0, 1)))

    def call(self, tool: str, arguments: JsonObject) -> None:
        shown = ", ".join(f"{name}={_short(value)}" for name, value in arguments.items())
        self.console.print(f"  → {tool}({shown})", style="dim", markup=False)

    def note(self, said: Text | str) -> None:
        self.console.print(f"  {said}", markup=False)

    def ask(self, question: Text, choices: list[str]) -> str:
        """What the person chooses in a terminal; the first choice where they only press enter."""
        self.console.print(str(question), markup=False)
        return Prompt.ask("  ", console=self.console, choices=choices, default=choices[0])

    def table(self, title: Text | str, columns: list[str], rows: list[list[str]]) -> None:
        table = Table(title=str(title), title_justify="left", title_style="bold", header_style="bold")
        for number, column in enumerate(columns):
            table.add_column(column, justify="left" if number == 0 else "right")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def bar(self) -> Progress:
        return Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=36),
            TextColumn("{task.fields[measures]}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=False,
        )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 88 else text[:85] + "…"
