"""Connections that go to exactly the address that was checked, for both generations of httpx."""

from __future__ import annotations

import ssl
from functools import cache
from types import ModuleType
from typing import Any

import httpcore
import httpx

from ....resources.foundation.access import plain_host
from ...compute.addresses import check_address


class GuardedTransport(httpx.HTTPTransport):
    """httpx's own transport over a network that checks addresses; proxies are not used, they would hide them."""

    def __init__(self) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=network(httpcore)(), max_connections=4
        )


def guarded_httpx2_transport() -> Any:
    """The same for httpx2, which the openai client speaks through."""
    import httpcore2
    import httpx2

    class Transport(httpx2.HTTPTransport):
        def __init__(self) -> None:
            self._pool = httpcore2.ConnectionPool(
                ssl_context=ssl.create_default_context(), network_backend=network(httpcore2)(), max_connections=20
            )

    return Transport()


@cache
def network(core: ModuleType) -> Any:
    """A network backend of `httpcore` or `httpcore2` whose names cannot change between the check and the connection."""

    class GuardedNetwork(core.NetworkBackend):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self._network = core.SyncBackend()

        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Any = None,
        ) -> Any:
            name = plain_host(host)
            try:
                addresses = check_address(name, port)
            except (OSError, UnicodeError) as error:
                raise core.ConnectError(f"the host {name} is not known") from error
            failure: Exception | None = None
            for address in addresses:
                try:
                    return self._network.connect_tcp(address, port, timeout, local_address, socket_options)
                except (core.ConnectError, core.ConnectTimeout) as error:
                    failure = error
            raise failure or core.ConnectError(f"the host {name} has no address")

    return GuardedNetwork
