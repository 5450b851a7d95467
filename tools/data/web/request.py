"""A request with its secrets in place: who is asking, where, with which parameters and headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, model_validator

from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text
from ....resources.foundation.masking import remember, remember_pair
from ....resources.foundation.secrets import host_of, resolve, resolve_address

_LONG = 16  # characters from which a cookie is one that lets somebody in


class Auth(BaseModel):
    """Who is asking: `{type: bearer, token: ${KEY}}`, `{type: basic, username, password: ${KEY}}` or
    `{type: key, api_key: ${KEY}, name: X-API-Key, place: header}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["bearer", "basic", "key"]
    token: str | None = None
    username: str | None = None
    password: str | None = None
    api_key: str | None = None
    name: str = "X-API-Key"
    place: Literal["header", "query"] = "header"

    @model_validator(mode="after")
    def _complete(self) -> Auth:
        needed = {"bearer": self.token, "basic": self.username, "key": self.api_key}[self.type]
        if not needed:
            name = {"bearer": "token", "basic": "username", "key": "api_key"}[self.type]
            raise ValueError(Text(f"{self.type} needs {name}", f"{self.type} 需要 {name}"))
        return self

    def headers(self, host: str) -> dict[str, str]:
        """The header it is sent to `host` in, secrets resolved."""
        if self.type == "bearer":
            return {"Authorization": f"Bearer {resolve(self.token or '', host=host)}"}
        if self.type == "basic":
            pair = remember_pair(resolve(self.username or "", host=host), resolve(self.password or "", host=host))
            return {"Authorization": f"Basic {pair}"}
        return {self.name: resolve(self.api_key or "", host=host)} if self.place == "header" else {}

    def params(self, host: str) -> dict[str, str]:
        if self.type != "key" or self.place != "query":
            return {}
        return {self.name: resolve(self.api_key or "", host=host)}


@dataclass(frozen=True)
class RequestAddress:
    """The request with its secrets in place."""

    url: str
    params: JsonObject
    auth_params: dict[str, str]
    headers: dict[str, str]
    private: dict[str, str]
    body: Any

    @classmethod
    def of(
        cls, endpoint: str, params: Mapping[str, Any], headers: Mapping[str, str], body: Any, auth: Auth | None
    ) -> RequestAddress:
        """The request as a person wrote it, every `${NAME}` replaced for the host it goes to."""
        host = host_of(endpoint)
        headers = _resolve_value(headers, host)
        for name, value in headers.items():
            if name.lower() == "cookie":  # a server may repeat one of several
                remember(
                    *(cookie.partition("=")[2].strip() for cookie in str(value).split(";") if len(cookie) >= _LONG)
                )
        return cls(
            url=resolve_address(endpoint),
            params=_resolve_value(params, host),
            auth_params=auth.params(host) if auth else {},
            headers={"Accept": "application/json"},
            private={**headers, **(auth.headers(host) if auth else {})},
            body=_resolve_value(body, host),
        )


def _resolve_value(value: Any, host: str) -> Any:
    if isinstance(value, str):
        return resolve(value, host=host)
    if isinstance(value, Mapping):
        return {str(key): _resolve_value(inner, host) for key, inner in value.items()}
    return [_resolve_value(inner, host) for inner in value] if isinstance(value, list) else value


def with_params(url: str, params: Mapping[str, Any]) -> str:
    """`url` with `params` added to its query, replacing those of the same name."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in params]
    added = [
        (name, _format_value(one))
        for name, value in params.items()
        if value is not None
        for one in (value if isinstance(value, list) else [value])
    ]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(kept + added), ""))


def _format_value(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
