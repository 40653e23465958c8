"""The conductor: calm, a fault or two, the way back, calm; it times what the clients see and knows what they must see."""

import random
import signal
from dataclasses import dataclass, field

import trio

from chaos.callers import Caller, HealthWatch
from chaos.faults import NOTICE_S, SILENCE_NOTICE_S, Fault
from chaos.followers import Follower
from chaos.menu import Menu
from chaos.processes import Control
from chaos.record import Record
from chaos.streams import Listener
from chaos.truth import ARRIVAL_MS, FUTURE_MS, RECOVERY_MS, Break, Kind, Truth

GIVE_UP_S = 20.0
HEALTH_S = 2.0
_LOOK_S = 0.02


@dataclass(slots=True, kw_only=True)
class Measured:
    """One fault, or an overlapping pair, in seconds; None: not seen or not to be seen."""

    name: str
    at_s: float
    sign_s: float | None = None
    """Until anything showed outside."""
    told_s: float | None = None
    """Until nobody held an old value without knowing."""
    health_s: float | None = None
    """Until /health said so."""
    healthy_s: float | None = None
    """From the end of the fault until /health was well again."""
    first_s: float | None = None
    """From the end until the first new value at any stream."""
    live_s: float | None = None
    """From the end until all symbols ticked at all clients and REST gave each."""


@dataclass(slots=True, kw_only=True)
class Conductor:
    """Runs the faults of one seed."""

    truth: Truth
    control: Control
    service: trio.Process
    health: HealthWatch
    listeners: list[Listener]
    followers: list[Follower]
    record: Record
    menu: Menu
    chance: random.Random
    probes: list[Caller]
    """The first asks for all stocks at once, each of the others for one symbol that is no stock."""
    measured: list[Measured] = field(default_factory=list)

    async def run(self, until_s: float) -> None:
        """Faults until trio's clock shows `until_s`."""
        while trio.current_time() < until_s:
            await trio.sleep(self.chance.uniform(0.8, 2.5))
            await self.cause(self.menu.choose(self.chance, self.truth))

    async def cause(self, faults: list[Fault]) -> None:
        """Let faults happen, judge how they are noticed and how everything comes back."""
        truth = self.truth
        truth.forget_old_breaks()
        truth.signs.clear()
        measured = Measured(name=" + ".join(sorted(fault.name for fault in faults)), at_s=(truth.now - truth.started) / 1000)
        self.measured.append(measured)
        truth.active = [str(fault) for fault in faults]
        begun = truth.now
        epoch = self.health.state.epoch
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._happen, faults[0])
            if len(faults) > 1:
                await trio.sleep(self.chance.uniform(0, max(0.2, faults[0].hold_s)))
                nursery.start_soon(self._happen, faults[1])
            if len(faults) == 1:
                nursery.start_soon(self._watch_notice, faults[0], measured, begun, epoch)
        ended = truth.now
        truth.active = [f"after {name}" for name in truth.active]
        if not await self._recover(measured, ended):
            await self._cure()
        await self._count_lines()
        truth.active = []

    async def _count_lines(self) -> None:
        """There is one line per symbol at the gateway; a second one is lost for as long as the session lasts."""
        lines: dict[str, int] = (await self.control.stats())["lines"]
        twice = sorted(name for name, count in lines.items() if count > 1)
        if twice:
            self.truth.blame("two lines", "gateway", f"{len(twice)} symbols have more than one line: {twice[:10]}")

    async def _cure(self) -> None:
        """A run that found something that never comes back goes on from a new session, so that it may find more."""
        truth = self.truth
        truth.active = ["cure"]
        found = Break(fault="cure", symbols=frozenset(truth.symbols), session=True, begun=truth.now, void_from=float("inf"))
        truth.breaks.append(found)
        while found.ended > truth.now:
            await self.control.do("drop")
            begun = truth.now
            with trio.move_on_after(GIVE_UP_S):
                while self.note_recovery(Measured(name="cure", at_s=0.0), begun) or not await self._rest_is_live(begun):  # noqa: ASYNC110  # nothing tells
                    await trio.sleep(_LOOK_S)
                found.ended = truth.now

    async def _happen(self, fault: Fault) -> None:
        truth = self.truth
        begun = truth.now
        truth.still |= fault.still
        truth.by_hand_until |= dict.fromkeys(fault.by_hand, truth.now + 1000 * fault.hold_s + ARRIVAL_MS)
        breaks = self._breaks(fault, begun)
        if fault.pause:
            await self._pause(fault.hold_s)
        if fault.says:
            self.record.bulletins[fault.says] = begun
        await self._do(fault.begin, "delayed" if fault.delayed else None)
        # A connection that is refused to begin with is an end without a beginning: only `hold_s` tells.
        await trio.sleep(0.0 if fault.pause else fault.hold_s)
        await self._do(fault.end, "live" if fault.delayed else None)
        if fault.hides:
            self.record.hidden.append((begun - FUTURE_MS, truth.now + FUTURE_MS))
        truth.still -= fault.still
        truth.rested_until |= dict.fromkeys(fault.still, truth.now + ARRIVAL_MS)
        await trio.sleep(fault.linger_s)
        for found in breaks:
            found.ended = truth.now

    async def _pause(self, seconds: float) -> None:
        """Stop the service's process, as a suspended machine does, and let it go on."""
        truth, begun = self.truth, self.truth.now
        self.service.send_signal(signal.SIGSTOP)
        try:
            await trio.sleep(seconds)
        finally:
            self.service.send_signal(signal.SIGCONT)
            truth.machine.paused(begun, truth.now)

    async def _do(self, commands: tuple[str, ...], kind: str | None) -> None:
        changes = [Kind(name=kind, asked=self.truth.now)] if kind else []
        self.truth.kinds += changes
        for command in commands:
            await self.control.do(command)
        for change in changes:
            change.done = self.truth.now

    def _breaks(self, fault: Fault, begun: float) -> list[Break]:
        """What a fault breaks, and what it may seem to break."""
        void_from = begun + fault.notice_s * 1000
        for other in self.truth.breaks:
            if other.fault == "mute" and other.ended >= begun:
                # A gateway that says nothing cannot tell of a second fault either.
                void_from = max(void_from, other.begun + SILENCE_NOTICE_S * 1000)
        broken, suspected = (
            Break(
                fault=fault.name,
                symbols=names,
                session=fault.session,
                begun=begun,
                void_from=void,
                statuses=fault.statuses,
                frozen=fault.notice_s > NOTICE_S,
            )
            for names, void in ((fault.symbols, void_from), (fault.suspects, float("inf")))
        )
        found = [x for x in (broken, suspected) if x.symbols]
        self.truth.breaks += found
        return found

    async def _watch_notice(self, fault: Fault, measured: Measured, begun: float, epoch: int) -> None:
        """Time how a break shows outside, and blame whoever does not know in time; also after the fault has ended."""
        if not fault.symbols and not fault.health:
            return
        truth = self.truth
        limit = max(fault.notice_s, HEALTH_S) * 1000
        while truth.now < begun + limit + truth.machine.allowance(begun):
            self._note_notice(fault, measured, begun, epoch)
            if None not in (measured.sign_s, measured.told_s) and (measured.health_s is not None or not fault.health):
                return
            await trio.sleep(_LOOK_S)
        if measured.told_s is None:
            holders = self._untold(fault, begun)
            truth.blame("not told", f"{len(holders)} clients", f"{limit / 1000:g} s after its begin: {dict(list(holders.items())[:5])}")
        if measured.health_s is None and fault.health:
            truth.blame("health lies", "health", f"{limit / 1000:g} s after its begin /health is {self.health.state}")

    def _untold(self, fault: Fault, begun: float) -> dict[str, list[str]]:
        """Who holds a value from before a break and has not been told, and of what."""
        found = {x.view.client: x.untold(begun, fault.symbols)[:3] for x in self.listeners}
        if fault.session:
            found |= {x.name: x.untold(begun) for x in self.followers}
        return {client: names for client, names in found.items() if names}

    def _note_notice(self, fault: Fault, measured: Measured, begun: float, epoch: int) -> None:
        now = (self.truth.now - begun) / 1000
        if measured.sign_s is None and self.truth.signs:
            measured.sign_s = (self.truth.signs[0][0] - begun) / 1000
        if measured.told_s is None and not self._untold(fault, begun):
            measured.told_s = now
        changed = [state for state in self.health.history if state.at >= begun and (not state.connected or state.epoch != epoch)]
        if measured.health_s is None and changed:
            measured.health_s = (changed[0].at - begun) / 1000

    async def _recover(self, measured: Measured, ended: float) -> bool:
        """Wait until everything is live again and blame what takes longer than its limit; False when something never recovers."""
        truth = self.truth
        blamed = False
        looked = truth.now
        while measured.live_s is None:
            now = (truth.now - ended) / 1000
            behind = self.note_recovery(measured, ended)
            looked = truth.now
            if not behind and await self._rest_is_live(ended):
                measured.live_s = (truth.now - ended) / 1000
                if measured.live_s * 1000 > RECOVERY_MS + truth.machine.allowance(ended) and not blamed:
                    truth.blame(
                        "not live again",
                        "probe",
                        f"REST gave all symbols only {measured.live_s:.1f} s after its end, asked {(looked - ended) / 1000:.1f} s after",
                    )
            elif now * 1000 > RECOVERY_MS + truth.machine.allowance(ended) and not blamed:
                blamed = True
                some = dict(list(behind.items())[:5])
                truth.blame("not live again", f"{len(behind)} clients", f"{now:.1f} s after its end: {some}; health {self.health.state}")
            elif now > GIVE_UP_S + truth.machine.allowance(ended) / 1000:
                truth.blame("never live again", f"{len(behind)} clients", f"given up after {now:.0f} s")
                return False
            await trio.sleep(_LOOK_S)
        return True

    def note_recovery(self, measured: Measured, ended: float) -> dict[str, list[str]]:
        """Times of the steps back; returns who still waits for what."""
        now = (self.truth.now - ended) / 1000
        if measured.first_s is None and any(at >= ended for x in self.listeners for at in x.view.newest.values()):
            measured.first_s = now
        if measured.healthy_s is None and self.health.state.connected and self.health.state.at >= ended:
            measured.healthy_s = now
        behind = {x.view.client: names[:4] for x in self.listeners if (names := x.behind(ended))}
        if measured.healthy_s is None:
            behind["health"] = [self.health.state.reason or ""]
        return behind

    async def _rest_is_live(self, ended: float) -> bool:
        """All symbols asked for at the same time: each with a value from after the end."""
        first, *others = self.probes
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first.request, "/market/quotes?symbols=" + ",".join(first.stocks), first.stocks, 10)
            for probe, name in zip(others, first.others, strict=True):
                nursery.start_soon(probe.request, probe.path_of(name), [name], 10)
        newest = {name: sent for probe in self.probes for name, sent in probe.view.newest.items()}
        return all(newest.get(name, 0.0) >= ended for name in self.truth.symbols if name not in self.truth.still)
