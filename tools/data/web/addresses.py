"""Which addresses may be read: public ones, and what the person allows by name."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence

import httpcore

from ....resources.errors import DataSourceError
from ....resources.language import Text

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SHARED = ipaddress.ip_network("100.64.0.0/10")  # carriers' own networks; clouds keep metadata there too
_METADATA = frozenset(map(ipaddress.ip_address, ("169.254.169.254", "169.254.170.2", "100.100.100.200",
                                                 "fd00:ec2::254", "168.63.129.16")))


class RefusedAddress(Exception):
    """`host` leads to `address`, which is not public and was not allowed."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{host} → {address}")
        self.host, self.address = host, address

    def described(self, field: str) -> DataSourceError:
        if is_metadata(self.address):
            return DataSourceError(
                Text(f"{self.host} is the address where a cloud machine keeps its own keys; it is not read.",
                     f"{self.host} 是雲端機器存放自身金鑰的位址，不會去讀取。"),
                Text("Check where this address came from; a data source never lives there.",
                     "請確認這個網址從哪裡來；資料來源不會放在那裡。"), field=field)
        named = self.host != self.address
        return DataSourceError(
            Text((f"{self.host} leads to {self.address}, " if named else f"{self.host} is ") +
                 "an address inside a private network; such are not read unless you allow them.",
                 (f"{self.host} 指向內部網路的位址 {self.address}" if named else f"{self.host} 是內部網路的位址")
                 + "；除非你明確允許，否則不會讀取。"),
            Text(f"If this is your own server and you mean it, add allow_hosts: [{self.host}] to the source.",
                 f"如果這是你自己的伺服器而且確實要讀，請在來源加上 allow_hosts: [{self.host}]。"), field=field)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet, whatever form of IPv6 it is wrapped in."""
    parsed = _parsed(address)
    return parsed.is_global and not parsed.is_multicast and parsed not in _SHARED and parsed not in _METADATA


def is_metadata(address: str) -> bool:
    """Whether it is link-local or a cloud's metadata service: no name a person allows reaches those."""
    parsed = _parsed(address)
    return parsed.is_link_local or parsed in _METADATA


def _parsed(address: str) -> _Address:
    """The address meant: an IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64) is that IPv4 address."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed
    inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
    if inner is None and (parsed in _NAT64 or int(parsed) < 1 << 32):
        inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    return inner if inner is not None and parsed != ipaddress.IPv6Address("::1") else parsed


def check_addresses(host: str, addresses: Sequence[str], allowed: frozenset[str]) -> None:
    """Raise `RefusedAddress` unless every address of `host` may be read.

    Arguments:
        addresses: what its name resolves to; all must pass, so that no answer can be picked later.
        allowed: hosts the person named, lower case. An IP address named there is allowed as it stands; a name
            reaches private addresses, but never metadata ones.
    """
    for address in addresses:
        if is_public(address) or address in allowed:
            continue
        if host.lower() in allowed and not is_metadata(address):
            continue
        raise RefusedAddress(host, address)


def resolved(host: str, port: int) -> list[str]:
    """The addresses of `host`, in the order the system would try them.

    Raises:
        OSError: nobody knows it.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedNetwork(httpcore.NetworkBackend):
    """Opens connections to exactly the address that was checked, so that a name cannot change in between."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        name = host.strip("[]")
        try:
            addresses = resolved(name, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the host {name} is not known") from error
        check_addresses(name, addresses, self._allowed)
        failure: Exception | None = None
        for address in addresses:
            try:
                return self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"the host {name} has no address")
