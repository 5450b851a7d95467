"""How a function of a tool module becomes a tool: `@tool(…)` keeps beside it what clients read of it, `add_tools` adds it
to a server.

A tool function's first parameter is the workspace, or whatever else it works with; `add_tools` fills it, and clients see
the others.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from mcp.server import MCPServer
    from mcp_types import ToolAnnotations

Function = TypeVar("Function", bound=Callable[..., Any])
_ATTRIBUTE = "nlp_skills_tool"


class _About(NamedTuple):
    """What clients read of a tool beside its arguments."""

    title: str
    description: str
    annotations: ToolAnnotations


def tool(*, title: str, description: str, annotations: ToolAnnotations) -> Callable[[Function], Function]:
    """Say of a function what clients read of it; the tool's name is the function's."""

    def mark(function: Function) -> Function:
        setattr(function, _ATTRIBUTE, _About(title, description, annotations))
        return function

    return mark


def add_tools(server: MCPServer[Any], first: object, *functions: Callable[..., Any]) -> None:
    """Add functions marked by `tool` to a server.

    Arguments:
        first: what every call hands them as their first argument, such as the workspace.
    """
    for function in functions:
        about: _About = getattr(function, _ATTRIBUTE)
        server.add_tool(
            MethodType(function, first),  # the SDK reads the signature of a method, but not of a `partial`
            function.__name__,
            about.title,
            about.description,
            about.annotations,
            structured_output=True,
        )
