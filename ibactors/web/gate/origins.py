"""Where a request comes from and what it was addressed to: proxies, the Host header, the Origin of a web page.

A page of another site can make a visitor's browser send requests here. Its Origin gives it away, unless its own host name was made to
resolve to this address (DNS rebinding): then its Host header does, where the service is served on loopback.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ibactors.config.access import Network
from ibactors.web.contract.addresses import parsed_address

_LOOPBACK_NAMES = re.compile(r"(?:[a-z0-9-]+\.)*localhost\.?|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]")
_HOP_WITH_PORT = re.compile(r"([^\[\]:]+):\d{0,5}|\[([^\[\]]+)\](?::\d{0,5})?")
_LONGEST_HOP = 64
_OTHER_SITES = frozenset({b"cross-site", b"same-site"})
"""`same-site` is another port or another name of the same domain, so another program all the same."""
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/@]+)(?::\d{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """Who sent a request, to which host name (empty if none was given), over which scheme."""

    address: str
    host: str
    scheme: str


def addressed(peer: str, scheme: str, headers: Mapping[bytes, bytes], proxies: tuple[Network, ...]) -> Addressed:
    """What the connection and the Host header say, or X-Forwarded-* where the peer is one of *proxies*."""
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if not proxies or not _trusted(peer, proxies):
        return Addressed(address=peer, host=host, scheme=scheme)
    hops = [_without_port(hop) for hop in headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",") if hop.strip()]
    # From the right: each proxy appends whom it talked to, and what stands left of the first stranger is the stranger's claim.
    address = next((hop for hop in reversed(hops) if not _trusted(hop, proxies)), hops[0] if hops else peer)
    forwarded_scheme = _last(headers.get(b"x-forwarded-proto", b""))
    return Addressed(
        # What is no address, such as `unknown`, counts as one of its own: the proxy's would be shared by all its clients, or have no limit.
        address=address,
        host=_last(headers.get(b"x-forwarded-host", b"")) or host,
        scheme=forwarded_scheme if forwarded_scheme in {"http", "https"} else scheme,
    )


class Origins:
    """Which host names and which web pages are welcome."""

    def __init__(self, *, hosts: tuple[str, ...], origins: tuple[str, ...], loopback_only: bool) -> None:
        self._hosts = frozenset(hosts)
        self._origins = frozenset(origins)
        self._loopback_only = loopback_only

    def welcomes_host(self, host: str) -> bool:
        """Whether a request may be addressed to *host*, with or without a port. One without any comes from no browser."""
        if not host or not (self._hosts or self._loopback_only):
            return True
        found = _HOST.fullmatch(host)
        return found is not None and (found[1] in self._hosts or bool(self._loopback_only and _LOOPBACK_NAMES.fullmatch(found[1])))

    def welcomes_origin(self, origin: str, host: str) -> bool:
        """Whether a page of *origin* may use a service that it addresses as *host*."""
        return origin in self._origins or origin.partition("://")[2] == host != ""

    def hides_origin(self, site: bytes, origin: str) -> bool:
        """Whether a page of another site, as a browser tells in Sec-Fetch-Site, makes a request that does not say of which.

        So do images, forms that only read and links: the page sees no answer, but what is asked for is done and used up.
        """
        return not origin and site in _OTHER_SITES

    def shares_with(self, origin: str) -> bool:
        """Whether a page of this other site is one of those that were allowed by setting."""
        return origin in self._origins


def _last(value: bytes) -> str:
    return value.decode("latin-1").rpartition(",")[2].strip().lower()


def _without_port(hop: str) -> str:
    """A hop's address, cut to what one may have: some proxies write a port behind it (203.0.113.9:1000, [2001:db8::1]:443), or quotes."""
    text = hop.strip().strip('"')[:_LONGEST_HOP]
    found = _HOP_WITH_PORT.fullmatch(text)
    return (found[1] or found[2]) if found else text.strip("[]")


def _trusted(address: str, proxies: tuple[Network, ...]) -> bool:
    parsed = parsed_address(address)
    return parsed is not None and any(parsed in network for network in proxies)
