"""The network as the attacked machine sees it, for every process that starts with this folder on its path.

Names resolve as `ATTACKED_NAMES` says. Whatever lies outside of this machine (a cloud's metadata service, an office's
private network, the internet) is played by servers on the loopback, and each address connected to is written down.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections import Counter
from pathlib import Path
from typing import Any

_LOOPBACK = (
    ipaddress.ip_network("127.0.0.0/8"),
    ipaddress.ip_network("::1"),
    ipaddress.ip_network("::ffff:127.0.0.0/104"),
)


def install(names: dict[str, list[str]], ports: dict[str, int], log: str) -> None:
    """Play the network in this process.

    Arguments:
        names: host, in lower case and without a last dot, to the addresses that one look-up after the other gives.
        ports: port asked for (`""`: any other) to the port on the loopback that answers in its place.
        log: the file that takes a line for each connection.
    """
    connect, look_up = socket.socket.connect, socket.getaddrinfo
    asked: Counter[str] = Counter()

    def play_connection(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            host = str(address[0]).partition("%")[0]
            with Path(log).open("a", encoding="utf-8") as file:
                file.write(f"{host}\n")
            try:
                here = any(ipaddress.ip_address(host) in network for network in _LOOPBACK)
            except ValueError:  # a name: the system looks it up, and finds this machine or nothing
                here = True
            if not here:
                port = ports.get(str(address[1]), ports[""])
                address = ("127.0.0.1", port) if self.family == socket.AF_INET else ("::ffff:127.0.0.1", port, 0, 0)
        connect(self, address)

    def answer_name(host: Any, port: Any, family: int = 0, type: int = 0, *rest: Any, **named: Any) -> Any:
        name = (host.decode() if isinstance(host, bytes) else str(host or "")).rstrip(".").lower()
        if name not in names:
            return look_up(host, port, family, type, *rest, **named)
        addresses = names[name]
        address = addresses[min(asked[name], len(addresses) - 1)]
        asked[name] += 1
        if ":" in address:
            return [(socket.AF_INET6, type or socket.SOCK_STREAM, 6, "", (address, int(port or 0), 0, 0))]
        return [(socket.AF_INET, type or socket.SOCK_STREAM, 6, "", (address, int(port or 0)))]

    socket.socket.connect = play_connection  # type: ignore[method-assign,assignment]
    socket.getaddrinfo = answer_name


if "ATTACKED_NAMES" in os.environ and Path(__file__).parent.name == "network":
    install(
        json.loads(os.environ["ATTACKED_NAMES"]), json.loads(os.environ["ATTACKED_PORTS"]), os.environ["ATTACKED_LOG"]
    )
