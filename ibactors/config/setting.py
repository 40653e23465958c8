"""Declares one setting: a dataclass field with its variable, the form it accepts, its reader and its meaning."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import Any, TypeVar

from ibactors.limits import Rate, read_rate
from ibactors.model.logins import check_credential

T = TypeVar("T")
S = TypeVar("S", bound=str)
_HOST_NAME = re.compile(r"[\w.-]+")
"""Also one in another script, which is looked up as it is; whether there is such a host, the first attempt to connect tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Metadata of a field."""

    variable: str
    default: object
    form: str
    """What is accepted, in words that stand behind "must be"."""
    read: Callable[[str], Any]
    """Raises ValueError for what is not of that form, or InvalidRequest to say more."""
    meaning: str
    secret: bool


def setting(default: T, variable: str, form: str, read: Callable[[str], Any], meaning: str, *, secret: bool = False) -> T:
    """Declare a field that is read from *variable*. A secret is shown nowhere."""
    declared = Declaration(variable=variable, default=default, form=form, read=read, meaning=meaning, secret=secret)
    value: T = field(default=default, repr=not secret, metadata={Declaration: declared})
    return value


def declarations(settings: type) -> dict[str, Declaration]:
    """All of a class, by the name of their field."""
    return {one.name: one.metadata[Declaration] for one in fields(settings) if Declaration in one.metadata}


def plain(text: str) -> str:
    """The text of a number, unless it has what only Python takes for one: `1_000`, and the digits of other scripts. Raises ValueError."""
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return text


def number(text: str, kind: type[int] | type[float], low: float, high: float) -> float:
    """Read a number within its bounds; NaN is in none. Raises ValueError."""
    value = kind(plain(text))
    if not low <= value <= high:
        raise ValueError(text)
    return value


def words(text: str) -> tuple[str, ...]:
    """Read what stands between commas or blanks."""
    return tuple(text.replace(",", " ").split())


def integer(default: int, variable: str, low: int, high: int, meaning: str) -> int:
    """Declare a whole number within its bounds."""
    return setting(default, variable, f"a whole number from {low} to {high}", lambda text: number(text, int, low, high), meaning)


def optional_port(variable: str, low: int, meaning: str) -> int | None:
    """Declare a port that need not be set."""
    return setting(None, variable, f"a whole number from {low} to 65535", lambda text: number(text, int, low, 65535), meaning)


def seconds(default: float, variable: str, low: float, high: float, meaning: str) -> float:
    """Declare a time in seconds within its bounds."""
    form = f"seconds, from {low:g} to {high:g}"
    return setting(default, variable, form, lambda text: number(text, float, low, high), meaning)


def choice(default: S, variable: str, choices: tuple[S, ...], meaning: str) -> S:
    """Declare one of several words; case does not matter."""
    known: list[str] = list(choices)
    return setting(default, variable, " or ".join(choices), lambda text: choices[known.index(text.lower())], meaning)


def text(default: str, variable: str, form: str, meaning: str) -> str:
    """Declare a text, taken as written."""
    return setting(default, variable, form, str, meaning)


def host_name(default: str, variable: str, meaning: str) -> str:
    """Declare a host; a URL, or a port behind it, is none."""
    return setting(default, variable, "a host name or an address alone, without http:// and without a port", _host, meaning)


def _host(text: str) -> str:
    if not _HOST_NAME.fullmatch(text):
        ip_address(text.partition("%")[0])  # IPv6, perhaps with a zone
    return text


def rate(default: Rate | None, variable: str, meaning: str) -> Rate | None:
    """Declare a rate of requests; None is no limit."""
    return setting(default, variable, "requests per second such as 50, with a burst such as 50:200, or off", read_rate, meaning)


def password(variable: str, meaning: str) -> str:
    """Declare a password, as the gateway's programs can be given one."""

    def read(found: str) -> str:
        check_credential("password", found)
        return found

    return setting("", variable, "a password", read, meaning, secret=True)
