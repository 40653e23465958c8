"""The script of misbehaviours: which messages are lost, doubled, late, out of order, maimed, or cost the socket.

Every request passes `incoming` on its way to its handler and every answer `outgoing` on its way to the outbox, so
that one place can break any message of the protocol. Rules are in the order in which they were given; the first
that fits a message decides. Without rules a message costs one look at an empty list.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from ibactors.sim.wire.frames import frame

# Answers by the names that the protocol's documentation has for them.
ANSWERS = {
    "orderStatus": 3,
    "errMsg": 4,
    "openOrder": 5,
    "nextValidId": 9,
    "contractData": 10,
    "execDetails": 11,
    "managedAccts": 15,
    "contractDataEnd": 52,
    "openOrderEnd": 53,
    "execDetailsEnd": 55,
    "commissionReport": 59,
    "position": 61,
    "positionEnd": 62,
    "orderBound": 100,
    "completedOrder": 101,
    "completedOrdersEnd": 102,
}
_NAMES = {number: name for name, number in ANSWERS.items()}
# Where the answers about orders have the order's own reference, the same at every version.
_ORDER_REF = {"openOrder": 23, "execDetails": 26, "completedOrder": 22}
_KEPT_WHEN_MAIMED = 0.6

log = structlog.get_logger(__name__)


class Peer(Protocol):
    """The session that a message comes from or goes to."""

    def post(self, data: bytes) -> None:
        """Put a frame into the outbox, past the script."""

    def sever(self) -> None:
        """Reset the connection once what was posted is out; what is posted from now on is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Messages of one name, and of these only those that have a field with a text, if there is one."""

    name: str
    text: str = ""

    def fits(self, name: str, fields: list[str]) -> bool:
        """Whether a message is one of them."""
        return name == self.name and (not self.text or self.text in fields)


@dataclass(slots=True, kw_only=True)
class Rule:
    """What happens to the messages of a pattern: `skips` of them pass first, then it happens to `count`.

    `action` is lose, double, late (by `seconds`), hold (until one of the pattern `until` has gone out), sever-before,
    sever-after, strip (answers lose the order's reference), maim (they end early) or when (`command` is carried out
    right before them).
    """

    action: str
    pattern: Pattern
    skips: int = 0
    count: float = 1
    seconds: float = 0.0
    until: Pattern | None = None
    command: str = ""

    def applies(self, name: str, fields: list[str]) -> bool:
        """Whether it happens to this message, which is counted."""
        if not self.count or not self.pattern.fits(name, fields):
            return False
        if self.skips:
            self.skips -= 1
            return False
        self.count -= 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    peer: Peer
    data: bytes
    until: Pattern


class Script:
    """The rules of one gateway, and the messages that they keep back; `now` is a clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.rules: list[Rule] = []
        # Carries out a command of the control port, which sets this; the answer says whether it could.
        self.execute: Callable[[str], str] = lambda _: "error: there is no control port"
        self._now = now
        self._held: list[_Held] = []
        self._due: list[tuple[float, Callable[[], None]]] = []

    def clear(self) -> None:
        """Have no rules; what was held goes out, what is late still comes."""
        self.rules.clear()
        held, self._held = self._held, []
        for h in held:
            h.peer.post(h.data)

    def incoming(self, peer: Peer, name: str, body: bytes, carry_out: Callable[[], None]) -> bool:
        """Carry out a request as often and as late as the rules say; False when it is lost."""
        rule = self._rule(name, body)
        if rule is None:
            carry_out()
            return True
        if rule.action == "late":
            self.later(rule.seconds, carry_out)
            return True
        self._intervene(rule)
        if rule.action.startswith("sever"):
            peer.sever()
        if rule.action in ("lose", "sever-before"):
            return False
        carry_out()
        if rule.action == "double":
            carry_out()
        return True

    def outgoing(self, peer: Peer, data: bytes) -> None:
        """Post an answer, or do with it what the rules say."""
        if not self.rules and not self._held:
            peer.post(data)
            return
        number, _, _ = data[4:].partition(b"\0")
        name = _NAMES.get(int(number), "") if number.isdigit() else ""
        rule = self._rule(name, data[4:]) if name else None
        if rule is None:
            peer.post(data)
        else:
            self._misbehave(peer, rule, name, data)
        if rule is None or rule.action not in ("lose", "late", "hold"):
            self._release(peer, name, data)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something after some seconds, whether or not anybody is connected then."""
        self._due.append((self._now() + seconds, act))

    def tick(self) -> None:
        """Do what is due; called some times a second."""
        due = [act for when, act in self._due if when <= self._now()]
        self._due = [d for d in self._due if d[0] > self._now()]
        for act in due:
            act()

    def _rule(self, name: str, body: bytes) -> Rule | None:
        if not self.rules:
            return None
        fields = _fields(body)
        rule = next((r for r in self.rules if r.applies(name, fields)), None)
        self.rules = [r for r in self.rules if r.count]
        return rule

    def _misbehave(self, peer: Peer, rule: Rule, name: str, data: bytes) -> None:
        match rule.action:
            case "double":
                peer.post(data)
                peer.post(data)
            case "late":
                self.later(rule.seconds, lambda: peer.post(data))
            case "when":
                self._intervene(rule)
                peer.post(data)
            case "hold" if rule.until is not None:
                self._held.append(_Held(peer=peer, data=data, until=rule.until))
            case "sever-before":
                peer.sever()
            case "sever-after":
                peer.post(data)
                peer.sever()
            case "strip":
                peer.post(_without(data, _ORDER_REF.get(name, math.inf)))
            case "maim":
                fields = _fields(data[4:])
                peer.post(frame(*fields[: max(1, int(len(fields) * _KEPT_WHEN_MAIMED))]))
            case _:
                pass

    def _intervene(self, rule: Rule) -> None:
        answer = self.execute(rule.command) if rule.command else "ok"
        if answer.startswith("error: "):
            log.warning("script_command_failed", command=rule.command, error=answer.removeprefix("error: "))

    def _release(self, peer: Peer, name: str, data: bytes) -> None:
        """Send what waited for this message."""
        if not self._held:
            return
        fields = _fields(data[4:])
        free = [h for h in self._held if h.peer is peer and h.until.fits(name, fields)]
        self._held = [h for h in self._held if h not in free]
        for h in free:
            peer.post(h.data)


def _fields(body: bytes) -> list[str]:
    return body.decode("utf-8", errors="replace").removesuffix("\0").split("\0")


def _without(data: bytes, position: float) -> bytes:
    return frame(*("" if n == position else field for n, field in enumerate(_fields(data[4:]))))
