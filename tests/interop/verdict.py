"""Judges what a driver printed: complaints that nobody provoked, unread fields, answers that did not come."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steps import Step

# What every connection brings: data farms that are well, or asleep.
_NOTICES = {2104, 2106, 2107, 2108, 2152, 2158}
_LOGGED_CODE = re.compile(r"Error (\d+), reqId")


@dataclass
class Verdict:
    """What became of one run; it passed when `faults` is empty."""

    title: str
    version: int = 0
    steps: int = 0
    messages: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def judge(title: str, expected_version: int, steps: Iterable[Step], output: str, complaints: str) -> Verdict:
    """The verdict on a driver's standard output and standard error."""
    verdict = Verdict(title)
    allowed = _NOTICES | {code for step in steps for code in step.errors}
    ended = False
    for text in output.splitlines():
        fact = _fact(text)
        if fact is None:
            verdict.faults.append(f"printed: {text[:300]}")
            continue
        if fact.get("end"):
            ended, verdict.version = True, fact["version"]
        elif "step" in fact:
            verdict.steps += 1
            verdict.faults += [f"{fact['step']}: no {m}" for m in fact["missing"]]
        elif "message" in fact:
            verdict.messages[fact["message"]] = fact["count"]
        else:
            verdict.faults += _complaint(fact, allowed)
    if not ended:
        verdict.faults.append(f"the driver did not reach its end: {complaints.strip()[-600:]}")
    elif verdict.version != expected_version:
        verdict.faults.append(f"it connected at server version {verdict.version}, not {expected_version}")
    elif complaints.strip():
        verdict.faults.append(f"standard error: {complaints.strip()[-600:]}")
    return verdict


def _fact(text: str) -> dict[str, Any] | None:
    try:
        fact = json.loads(text)
    except ValueError:
        return None
    return fact if isinstance(fact, dict) else None


def _complaint(fact: dict[str, Any], allowed: set[int]) -> list[str]:
    if "error" in fact:
        return [] if fact["error"] in allowed else [f"error {fact['error']} for {fact['id']}: {fact['text']}"]
    if "unread" in fact:
        return [f"unread fields {fact['unread']} of {fact.get('fields')}"]
    logged = _LOGGED_CODE.match(fact["log"])
    return [] if logged and int(logged[1]) in allowed else [f"logged: {fact['log']}"]
