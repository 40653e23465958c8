"""Who may use the service, from where, and how often."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from ibactors.config.setting import integer, rate, setting, words
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
    """What the gate goes by."""

    api_keys: tuple[ApiKey, ...] = setting(
        (),
        "IBACTORS_API_KEYS",
        "NAME:SCOPES:HASH for each key, as `ibactors key new` prints it",
        read_keys,
        "Who may use the service; without any, only programs on this machine. Read again on SIGHUP.",
        secret=True,
    )
    allow_anonymous: bool = setting(
        False,  # noqa: FBT003  # the setting's default
        "IBACTORS_ALLOW_ANONYMOUS",
        "1 or 0",
        _yes,
        "1 serves on an address that others can reach although there are no keys.",
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
        "Names by which clients may address the service; any if not set, but only this machine's own on a loopback address.",
    )
    trusted_proxies: tuple[Network, ...] = setting(
        (),
        "IBACTORS_TRUSTED_PROXIES",
        "addresses or networks such as 10.0.0.0/8, between commas",
        _networks,
        "Proxies whose X-Forwarded-For, -Proto and -Host are believed.",
    )
    rate_per_key: Rate | None = rate(Rate(100.0, 200), "IBACTORS_RATE_PER_KEY", "How many requests one key may send.")
    rate_per_address: Rate | None = rate(
        Rate(50.0, 100), "IBACTORS_RATE_PER_ADDRESS", "The same for each other machine that shows no valid key."
    )
    rate_on_loopback: Rate | None = rate(None, "IBACTORS_RATE_ON_LOOPBACK", "The same for this machine's own programs.")
    max_streams_per_key: int = integer(
        100, "IBACTORS_MAX_STREAMS_PER_KEY", 1, 100000, "WebSocket connections that one key may have open at once."
    )
    max_subscriptions_per_key: int = integer(
        1000, "IBACTORS_MAX_SUBSCRIPTIONS_PER_KEY", 1, 1000000, "Subscriptions that the WebSockets of one key may have, all together."
    )
    login_attempts: int = integer(
        5, "IBACTORS_LOGIN_ATTEMPTS", 1, 1000, "Logins that one key or address may try in 15 minutes; further ones answer 429."
    )
