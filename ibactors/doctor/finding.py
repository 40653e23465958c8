"""What the doctor finds."""

import enum
from dataclasses import dataclass


class Verdict(enum.StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"
    """Works, but perhaps not as was meant."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    says: str
    """How it is, and, unless that is fine, what to do."""


def ok(name: str, says: str) -> Finding:
    return Finding(name=name, verdict=Verdict.OK, says=says)


def warning(name: str, says: str) -> Finding:
    return Finding(name=name, verdict=Verdict.WARNING, says=says)


def wrong(name: str, says: object) -> Finding:
    return Finding(name=name, verdict=Verdict.WRONG, says=str(says))
