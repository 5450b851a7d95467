"""Which hosts may be reached: public ones, what the person allowed outside the chat, and servers of our own."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from ...resources.foundation.access import AccessError, Need, plain_host, read_grants, refusal
from ...resources.foundation.errors import DataSourceError
from ...resources.foundation.language import Text
from ...resources.foundation.secret_forms import REFERENCE
from ...resources.foundation.secrets import host_of, redact
from .own_servers import is_own_server

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# IPv6 networks whose addresses end in the IPv4 address meant: NAT64 (RFC 6052, 8215) and its stateless kin (RFC 2765).
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96")))
_SHARED = ipaddress.ip_network("100.64.0.0/10")  # carriers' own networks; clouds keep metadata there too
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254", "168.63.129.16", "192.0.0.192"),
    )
)
_METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)
_LONGEST_SHOWN = 100
_NO_NAME = re.compile(r"[\s\x00-\x1f\x7f]")


class RefusedAddress(Exception):
    """`host` leads to `address`, which is not public and was not allowed."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{host} → {address}")
        self.host, self.address = host, address

    def to_access_error(self, field: str) -> AccessError:
        if self.host in _METADATA_NAMES or is_metadata(self.address):
            return AccessError(
                Text(
                    f"{self.host} is the address where a cloud machine keeps its own keys; it is never reached.",
                    f"{self.host} 是雲端機器存放自身金鑰的位址，任何情況都不會連線。",
                ),
                Text(
                    "Check where this address came from; neither data nor models are ever kept there.",
                    "請確認這個網址從哪裡來；資料和模型都不會放在那裡。",
                ),
                field=field,
            )
        return refusal([Need(kind="host", subject=plain_host(self.host))], field)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet, whatever form of IPv6 it is wrapped in."""
    parsed = _parse_address(address)
    if (
        isinstance(parsed, ipaddress.IPv6Address) and parsed.is_site_local
    ):  # given up, and still nobody's but the network's
        return False
    return parsed.is_global and not parsed.is_multicast and parsed not in _SHARED and parsed not in _METADATA


def is_metadata(address: str) -> bool:
    """Whether it is link-local or a cloud's metadata service: nothing a person allows reaches those."""
    parsed = _parse_address(address)
    return parsed.is_link_local or parsed in _METADATA


def is_permitted(host: str, port: int) -> bool:
    """Whether the person has allowed that private host, or it is a server of our own."""
    return read_grants().covers(Need(kind="host", subject=host)) or is_own_server(plain_host(host), port)


def unmet_host(url: str, field: str, default_host: str = "") -> Need | None:
    """What the person would have to allow before `url` is asked; None where nothing is missing, or nobody knows the host.

    Raises:
        DataSourceError: it is no address.
        AccessError: it leads to where a cloud keeps keys, which is never reached.
    """
    parts = address_parts(url)
    if parts is None:
        raise _no_address(url, field)
    host = host_of(url) or default_host
    try:
        port = port_of(parts)
        addresses = [host] if host in _METADATA_NAMES else resolve_host(host, port) if host else []
    except (OSError, UnicodeError, ValueError):
        return None
    try:
        check_addresses(host, addresses, permitted=False)
    except RefusedAddress as refused:
        described = refused.to_access_error(field)
        if not described.needs:
            raise described from None
        return None if is_permitted(host, port) else described.needs[0]
    return None


def address_parts(url: str) -> SplitResult | None:
    """The parts of an address, `x` in the place of each reference to a secret; None where the text is no whole address."""
    whole = re.fullmatch(REFERENCE, url.strip()) is not None
    with contextlib.suppress(ValueError):
        parts = urlsplit(re.sub(REFERENCE, "x", url))
        if "[" in parts.netloc:
            ipaddress.ip_address((parts.hostname or "").partition("%")[0])
        if (
            parts.port != 0
            and not _NO_NAME.search(parts.netloc)
            and (whole or parts.hostname or parts.scheme not in ("http", "https"))
        ):
            return parts
    return None


def port_of(parts: SplitResult) -> int:
    """The port an address leads to, that of its scheme where it names none."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def _no_address(url: str, field: str) -> DataSourceError:
    shown = redact(url)[:_LONGEST_SHOWN]
    return DataSourceError(
        Text(f"{shown!r} is not a complete address.", f"「{shown}」不是完整的網址。"),
        Text(
            "Write it in full, such as https://api.example.com/v1.", "請寫完整的網址，例如 https://api.example.com/v1。"
        ),
        field=field,
    )


def check_host(url: str, field: str, default_host: str = "") -> None:
    """Raise `AccessError` unless `url` may be asked."""
    if need := unmet_host(url, field, default_host):
        raise refusal([need], field)


def check_addresses(host: str, addresses: Sequence[str], *, permitted: bool) -> None:
    """Raise `RefusedAddress` unless every address of `host` may be reached.

    Arguments:
        addresses: what its name resolves to; all must pass, so that no answer can be picked later.
        permitted: the person allowed the host, or it is our own: it may be private, but never a metadata service.
    """
    for address in addresses:
        if host in _METADATA_NAMES or is_metadata(address) or not (permitted or is_public(address)):
            raise RefusedAddress(host, address)


def check_address(host: str, port: int) -> list[str]:
    """The addresses of `host` that a connection is made to, so that its name cannot change between the check and it.

    Raises:
        OSError: nobody knows it.
        RefusedAddress: one of them must not be reached.
    """
    name = plain_host(host)
    addresses = resolve_host(name, port)
    check_addresses(name, addresses, permitted=is_permitted(name, port))
    return addresses


def resolve_host(host: str, port: int) -> list[str]:
    """The addresses of `host`, in the order the system would try them.

    Raises:
        OSError: nobody knows it.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _parse_address(address: str) -> _Address:
    """The address meant: an IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64) is that IPv4 address."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed
    inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
    if inner is None and (any(parsed in network for network in _TRANSLATED) or int(parsed) < 1 << 32):
        inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    return inner if inner is not None and parsed != ipaddress.IPv6Address("::1") else parsed
