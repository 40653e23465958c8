"""Who may use the service, from where, and how often."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from ibactors.config.setting import choice, integer, rate, setting, words
from ibactors.keys import ApiKey, read_keys
from ibactors.limits import Rate

Network = IPv4Network | IPv6Network


def _origins(text: str) -> tuple[str, ...]:
    if not all(re.fullmatch(r"null|https?://[^/\s@*]+", word) for word in words(text)):
        raise ValueError(text)
    return tuple(word.lower() for word in words(text))


def _hosts(text: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in words(text))


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(map(ip_network, words(text)))


def _yes(text: str) -> bool:
    return bool(("0", "1").index(text))


@dataclass(frozen=True, kw_only=True)
class AccessSettings:
    """What the gate enforces."""

    api_keys: tuple[ApiKey, ...] = setting(
        (),
        "IBACTORS_API_KEYS",
        "NAME:SCOPES:HASH for each key, as `ibactors key new` prints it",
        read_keys,
        "Who may use the service; without keys, only programs on this machine. Read again on SIGHUP.",
        secret=True,
    )
    allow_anonymous: bool = setting(
        False,  # noqa: FBT003  # the setting's default
        "IBACTORS_ALLOW_ANONYMOUS",
        "1 or 0",
        _yes,
        "1 allows listening on a non-loopback address without API keys.",
    )
    allowed_origins: tuple[str, ...] = setting(
        (),
        "IBACTORS_ALLOWED_ORIGINS",
        "origins such as https://desk.example, between commas",
        _origins,
        "Other web sites whose pages may use the service (CORS and WebSockets).",
    )
    allowed_hosts: tuple[str, ...] = setting(
        (),
        "IBACTORS_ALLOWED_HOSTS",
        "host names without ports, between commas",
        _hosts,
        "Host names by which clients may address the service; if not set, any, but on a loopback address only this machine's own.",
    )
    trusted_proxies: tuple[Network, ...] = setting(
        (),
        "IBACTORS_TRUSTED_PROXIES",
        "addresses or networks such as 10.0.0.0/8, between commas",
        _networks,
        "Proxies whose X-Forwarded-For, -Proto and -Host are believed.",
    )
    mcp: str = choice(
        "off",
        "IBACTORS_MCP",
        ("off", "read", "preview", "trade"),
        "Tools for assistants at /mcp: none; to look; also to preview orders; also to place one that was previewed.",
    )
    rate_per_key: Rate | None = rate(Rate(100.0, 200), "IBACTORS_RATE_PER_KEY", "Requests per second with one key.")
    rate_per_address: Rate | None = rate(
        Rate(50.0, 100), "IBACTORS_RATE_PER_ADDRESS", "Requests per second from one remote address without a valid key."
    )
    rate_on_loopback: Rate | None = rate(None, "IBACTORS_RATE_ON_LOOPBACK", "Requests per second from programs on this machine.")
    rate_of_symbols: Rate | None = rate(
        Rate(200.0, 1000), "IBACTORS_RATE_OF_SYMBOLS", "Symbols per second that one caller names, beyond the first of each request."
    )
    max_streams_per_key: int = integer(
        100, "IBACTORS_MAX_STREAMS_PER_KEY", 1, 100000, "WebSocket connections that one key may have open at once."
    )
    max_subscriptions_per_key: int = integer(
        1000, "IBACTORS_MAX_SUBSCRIPTIONS_PER_KEY", 1, 1000000, "Subscriptions of all WebSockets of one key together."
    )
    login_attempts: int = integer(
        5, "IBACTORS_LOGIN_ATTEMPTS", 1, 1000, "Login attempts per key or address in 15 minutes; further ones answer 429."
    )
