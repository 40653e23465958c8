"""Running market scans: one actor for each that somebody listens to, of which IB has ten at once."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.directory import DirectoryActor, DirectoryRef, Room
from ibactors.actors.feed import FedActor, FedRef, Feed
from ibactors.actors.subscriber import Directory
from ibactors.actors.symbol import Failed
from ibactors.bridge.scans import ArrivedScan, ScanLine, ScanTerms
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import IbactorsError, TooManyScans
from ibactors.kernel.supervisor import Supervisor
from ibactors.model.encoded import Encoded
from ibactors.model.news import Scan, ScanStale
from ibactors.model.times import now, rfc3339

MOST, SHARE, IDLE_WAIT = 9, 5, 15.0
"""Scans at once, as IB has ten and one is for those who look once; of one caller; seconds for which one is kept for the next."""


class ScanRef(FedRef):
    """One scan. Listeners of `updates` are told each `Scan`, what stands in its place, and `Failed` when it is over."""

    def __init__(self, terms: ScanTerms) -> None:
        super().__init__(f"scan:{terms.name}", terms)
        self.of = terms


class ScansRef(DirectoryRef[ScanRef]):
    """Where the web layer asks for scans."""

    def __init__(self) -> None:
        super().__init__("scans")

    async def of(self, terms: ScanTerms, *, caller: str) -> ScanRef:
        """Who keeps one. Raises TooManyScans."""
        return await self.open(terms, partial(ScanRef, terms), caller=caller)


class ScansActor(DirectoryActor[ScanRef]):
    """One incarnation of the directory."""

    def __init__(self, ref: ScansRef, connection: ConnectionRef, supervisor: Supervisor) -> None:
        def builder(scan: ScanRef) -> Callable[[], ScanActor]:
            return lambda: ScanActor(scan, connection, ref)

        room = Room(most=MOST, share=SHARE, idle_seconds=IDLE_WAIT)
        super().__init__(ref, supervisor, ScanRef, builder, room, lambda why: TooManyScans(f"Of scans {why}"))


class ScanActor(FedActor[ArrivedScan]):
    """One incarnation."""

    def __init__(self, ref: ScanRef, connection: ConnectionRef, directory: Directory) -> None:
        super().__init__(ref, connection, directory, idle_seconds=IDLE_WAIT)
        self._me = ref

    async def subscription(self, feed: Feed) -> Subscription[Any]:
        return ScanLine(self._me.of, feed, caller=self._me.holder)

    def shown(self, value: ArrivedScan) -> Any:
        of = self._me.of
        return Encoded(
            Scan(instrument=of.instrument, location=of.location, code=of.code, rows=value.rows, timestamp=rfc3339(value.arrived))
        )

    def voided(self, error: IbactorsError) -> Any:
        of = self._me.of
        stale = ScanStale(instrument=of.instrument, location=of.location, scan=of.code, code=error.code, reason=str(error), since=now())
        return Encoded(stale)

    def ended(self, error: IbactorsError) -> Any:
        return Failed(error=error)
