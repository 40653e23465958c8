"""Which part of a service on several machines this process is, and where the bus between them is."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from ibactors.config.setting import choice, number, password, seconds, setting, text

_PREFIX = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def _bus(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"nats", "tls"} or not parts.hostname or parts.username or parts.path:
        raise ValueError(value)
    return value


def _prefix(value: str) -> str:
    if not _PREFIX.fullmatch(value):
        raise ValueError(value)
    return value


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """The bus, and what this process is there."""

    role: Literal["all", "session", "edge"] = choice(
        "all",
        "IBACTORS_ROLE",
        ("all", "session", "edge"),
        "What this process is: `edge` serves clients from the bus and has no gateway; `session` has the gateway and publishes; `all` does "
        "both, and needs no bus.",
    )
    bus: str = setting(
        "", "IBACTORS_BUS", "an address such as nats://127.0.0.1:4222 or tls://bus:4222", _bus, "The NATS server between session and edges."
    )
    bus_prefix: str = setting(
        "ibactors.main", "IBACTORS_BUS_PREFIX", "words of letters and digits with dots between", _prefix, "What the subjects begin with."
    )
    bus_user: str = text("", "IBACTORS_BUS_USER", "a name", "Who this process is at the bus, if that asks.")
    bus_password: str = password("IBACTORS_BUS_PASSWORD", "The password of that user.")
    bus_ca: str = text("", "IBACTORS_BUS_CA", "a file", "Certificates in PEM by which the bus is known; the system's when not set.")
    bus_orders: bool = setting(
        False,  # noqa: FBT003  # the setting's default
        "IBACTORS_BUS_ORDERS",
        "1 or 0",
        lambda text: number(text, int, 0, 1) == 1,
        "1 has the session take orders from edges, whose keys it then believes, and has an edge send them.",
    )
    bus_ticks: bool = setting(
        False,  # noqa: FBT003  # the setting's default
        "IBACTORS_BUS_TICKS",
        "1 or 0",
        lambda text: number(text, int, 0, 1) == 1,
        "1 has the session publish each quote by itself, for recorders and other systems.",
    )
    bus_lease: float = seconds(
        1.0, "IBACTORS_BUS_LEASE_SECONDS", 0.5, 10, "How old the word of the session's holder may be while an edge shows what it has."
    )
