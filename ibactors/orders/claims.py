"""Requests that are under way: who is about to place what. In memory, from the first look at a request until its commit or refusal."""

from typing import Generic, NamedTuple, TypeVar

C = TypeVar("C")


class Claimed(NamedTuple, Generic[C]):
    """Somebody else has the client_order_id; wait for that one's outcome."""

    claim: C
    same: bool
    """The body is the same: this is a repetition, and gets the same answer. Else it is a conflict."""


class Claims(Generic[C]):
    """One claim for each account and client_order_id. `C` is what a second request waits on."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[C, str]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def take(self, account: str, client_order_id: str, fingerprint: str, claim: C) -> Claimed[C] | None:
        """Hold the id with *claim*; None when it was free, else whose it is."""
        held = self._held.get((account, client_order_id))
        if held is not None:
            return Claimed(held[0], held[1] == fingerprint)
        self._held[account, client_order_id] = (claim, fingerprint)
        return None

    def release(self, account: str, client_order_id: str, claim: C) -> None:
        """Let go, after commit or refusal. Another's claim is left alone."""
        held = self._held.get((account, client_order_id))
        if held is not None and held[0] is claim:
            del self._held[account, client_order_id]
