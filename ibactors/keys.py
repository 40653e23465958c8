"""API keys: what a caller may do, and how a key is known again without being kept.

A key is 32 random bytes in text. The service keeps its SHA-256 alone: a slow password hash protects secrets that can be guessed, and
2^256 random keys cannot. A line of configuration is `NAME:SCOPES:HASH`, for example `phone:read+stream:9f86d0…`.
"""

import enum
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

PREFIX = "ibk_"
"""Begins every key, so that people and secret scanners know one when they see it."""
_LINE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63}):(?P<scopes>[a-z]+(?:\+[a-z]+)*):(?P<digest>[0-9a-f]{64})")


class Scope(enum.StrEnum):
    """What a route asks for. None includes another."""

    OPEN = "open"
    """Nothing: anybody may, with or without a key."""
    READ = "read"
    STREAM = "stream"
    LOGIN = "login"
    TRADE = "trade"
    ADMIN = "admin"


GRANTABLE = tuple(scope for scope in Scope if scope is not Scope.OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One configured key: who, what for, and the SHA-256 of the text."""

    name: str
    scopes: frozenset[Scope]
    digest: bytes


def new_key(name: str, scopes: Iterable[Scope]) -> tuple[str, str]:
    """A fresh key, and the line that configures it. Raises ValueError when the name does not fit."""
    key = PREFIX + secrets.token_urlsafe(32)
    line = f"{name}:{'+'.join(dict.fromkeys(scopes))}:{_digest(key).hex()}"
    if len(read_keys(line)) != 1:
        raise ValueError(name)
    return key, line


def read_keys(text: str) -> tuple[ApiKey, ...]:
    """The keys of a setting: lines between commas, blanks or newlines; `#` begins a comment. Raises ValueError."""
    entries = [entry for line in text.splitlines() for entry in re.split(r"[,\s]+", line.partition("#")[0]) if entry]
    keys = tuple(_read_key(entry) for entry in entries)
    if len({key.name for key in keys}) < len(keys) or len({key.digest for key in keys}) < len(keys):
        raise ValueError("a name or a hash is there twice")
    return keys


def _read_key(entry: str) -> ApiKey:
    found = _LINE.fullmatch(entry)
    if found is None:
        raise ValueError(entry)
    scopes = frozenset(map(Scope, found["scopes"].split("+")))
    if not scopes <= set(GRANTABLE):
        raise ValueError(entry)
    return ApiKey(name=found["name"], scopes=scopes, digest=bytes.fromhex(found["digest"]))


class Keyring:
    """The keys that are valid now."""

    def __init__(self, keys: tuple[ApiKey, ...]) -> None:
        self._keys = keys

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __contains__(self, key: ApiKey) -> bool:
        return key in self._keys

    def find(self, text: str) -> ApiKey | None:
        """The key with this text. Takes as long for a wrong one as for a right one, whichever it is."""
        digest = _digest(text)
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def replace(self, keys: tuple[ApiKey, ...]) -> set[ApiKey]:
        """Take *keys* from now on; returns those that are not valid any more, or not with these scopes."""
        gone = set(self._keys) - set(keys)
        self._keys = keys
        return gone


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
