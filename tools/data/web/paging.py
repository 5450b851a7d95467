"""From one page of an API to the next: by number, by offset, by cursor, by `Link` header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urljoin

from pydantic import BaseModel, ConfigDict, Field

from ....resources.foundation.json_object import JsonObject

# White space is read in one way only, so that a header cannot be read in more ways than it has characters.
_LINK = re.compile(
    r"<([^<>]*)>((?:\s*;\s*[\w!#$&+.^`|~-]+(?:\s*=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s\",;<]+))?)*)\s*(?:,|$)"
)
_PARAMETER = re.compile(r";\s*([\w!#$&+.^`|~-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\",;]+))")
_LONGEST_HEADER = 8_000  # characters


class Pagination(BaseModel):
    """How to ask for more than one page. Without it, `Link: <…>; rel="next"` headers are followed.

    `page` counts `param` up from `start`; `offset` adds the rows received to `param`; `cursor` passes what stands at
    `next` in the answer back as `param` (an address there is followed as it is); `link` follows the header only;
    `none` reads one page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["page", "offset", "cursor", "link", "none"] = "link"
    param: str | None = Field(None, description="page, offset or cursor if left out.")
    start: int | None = Field(None, ge=0, description="First number: 1 for page, 0 for offset.")
    size_param: str | None = Field(None, description="Parameter that sets how many rows a page has.")
    size: int | None = Field(None, gt=0)
    next: str | None = Field(None, description="Where the next cursor is in the answer: meta.next_cursor.")
    place: Literal["query", "body"] = Field("query", description="Where param goes: the address or the POST body.")

    def first(self) -> JsonObject:
        """The parameters of the first page."""
        sized = {self.size_param: self.size} if self.size_param and self.size else {}
        if self.type == "page":
            return {**sized, self._param: 1 if self.start is None else self.start}
        if self.type == "offset":
            return {**sized, self._param: self.start or 0}
        return sized

    def following(
        self, asked: Mapping[str, Any], rows: int, answer: Any, headers: Mapping[str, str], url: str
    ) -> JsonObject | str | None:
        """What to ask for next: parameters, an address, or None after the last page.

        Arguments:
            asked: the parameters of the page just read.
            rows: how many rows it had.
            answer: its parsed body.
            url: where it was read, for relative addresses.
        """
        if self.type == "none" or not rows:
            return None
        if self.type == "link":
            target = next_link(headers.get("link") or "")
            return urljoin(url, target) if target else None
        if self.type in ("page", "offset"):
            step = 1 if self.type == "page" else rows
            return {**asked, self._param: int(asked[self._param]) + step}
        cursor = at_path(answer, self.next or "next")
        if cursor in (None, "", False):
            return None
        if isinstance(cursor, str) and cursor.startswith(("http://", "https://", "/", "?")):
            return urljoin(url, cursor)
        return {**asked, self._param: cursor}

    @property
    def _param(self) -> str:
        return self.param or self.type


def next_link(header: str) -> str | None:
    """The target with relation `next` in a `Link` header (RFC 8288)."""
    for target, parameters in _LINK.findall(header[:_LONGEST_HEADER]):
        for name, in_quotes, bare in _PARAMETER.findall(parameters):
            if name.lower() == "rel" and "next" in (in_quotes or bare).lower().split():
                return str(target).strip()
    return None


def at_path(value: Any, path: str) -> Any:
    """What stands at a dotted path such as `data.items` or `results.0`; None where nothing does."""
    for part in path.split(".") if path else []:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.lstrip("-").isdigit() and -len(value) <= int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
