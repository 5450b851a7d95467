from __future__ import annotations

import ipaddress
import socket
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.tools.compute.addresses import RefusedAddress, check_addresses, is_metadata, is_public
from nlp_skills.tools.data.web.guarded import network

PRIVATE = [
    ipaddress.ip_network(name)
    for name in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]


@given(st.sampled_from(PRIVATE), st.integers(0, 2**32 - 1))
def test_no_private_address_passes_in_any_wrapping(network: Any, number: int) -> None:
    inner = int(network.network_address) | (number & int(network.hostmask))
    wrapped = [
        ipaddress.IPv4Address(inner),
        ipaddress.IPv6Address((0xFFFF << 32) | inner),
        ipaddress.IPv6Address((0x2002 << 112) | (inner << 80)),
        ipaddress.IPv6Address((0x64FF9B << 96) | inner),
    ]

    for address in wrapped:
        assert not is_public(str(address)), address


@given(
    st.ip_addresses(v=6, network="fe80::/10")
    | st.ip_addresses(v=6, network="fc00::/7")
    | st.ip_addresses(v=6, network="ff00::/8")
    | st.just(ipaddress.IPv6Address("::1"))
    | st.just(ipaddress.IPv6Address("::"))
)
def test_no_private_address_of_the_new_kind_passes(address: ipaddress.IPv6Address) -> None:
    assert not is_public(str(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "140.112.8.116", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_pass(address: str) -> None:
    assert is_public(address)


def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    with pytest.raises(RefusedAddress):
        check_addresses("both.example", ["8.8.8.8", "10.0.0.1"], permitted=False)


def test_an_allowed_name_reaches_private_addresses_but_never_metadata() -> None:
    check_addresses("intranet", ["10.1.2.3"], permitted=True)
    for address in ("169.254.169.254", "fd00:ec2::254", "fe80::1"):
        assert is_metadata(address)
        with pytest.raises(RefusedAddress):
            check_addresses("intranet", [address], permitted=True)


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that changes its answer between the check and the connection gains nothing."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    connected: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(answers)]

    def connect(self: Any, host: str, *_: Any, **__: Any) -> Any:
        connected.append(host)
        raise httpcore.ConnectError("not really")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with pytest.raises(httpcore.ConnectError):
        network(httpcore)().connect_tcp("rebinding.example", 80)
    with pytest.raises(RefusedAddress):
        network(httpcore)().connect_tcp("rebinding.example", 80)
    assert connected == ["8.8.8.8"]
