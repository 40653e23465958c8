"""One siege: the demo in a process of its own, a crowd, then streams and slow clients, and what the one good client noticed."""

import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec
import trio

from chaos.processes import Program, program
from chaos.report import percentile
from chaos.wire import HttpClient
from tests.conftest import eventually
from tests.service.keyed import LINES
from tests.siege.attacks import Attack, attacks, storm
from tests.siege.besiegers import MANNERS, Crowd, Lorises, Sitters
from tests.siege.greed import GREEDS, starve

P99_MS = 100.0
MOST_STARVED = 0.03
"""The part of a modest key's requests that may fail beside a greedy one."""
ATTACKED_P50_MS, ATTACKED_P99_MS, ATTACKED_MB = 30.0, 50.0, 30.0
"""What an attack may cost: the good client's median, how much later its 99th percentile, how much more memory."""
_FILES_TO_SPARE = 300
_SOME = 10
"""Connections and tasks that may be more or fewer at any time."""
_RELEASE_S = 60.0
_PONGS_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How large a siege is."""

    connections: int = 10_000
    streams: int = 1_000
    lorises: int = 200
    seconds: float = 20.0
    """How long each measurement takes."""
    attackers: int = 5
    """Of each kind, in turns."""
    attack_seconds: float = 5.0
    attacked: tuple[bool, ...] = (False, True)
    """Whether the attacked services have keys."""
    greed_rounds: int = 20
    """Of three requests each that a modest key makes beside each kind of greed; 0 for none."""
    seats: int = 10_000
    """IBACTORS_MAX_CONNECTIONS, its default."""
    manners: tuple[str, ...] = tuple(MANNERS)


@dataclass(kw_only=True)
class Findings:
    """What was seen."""

    figures: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    """Clients of the crowd."""
    p99_ms: float = 0.0
    """Of the good client beside streams and slow clients."""
    late: list[str] = field(default_factory=list)
    """The rules about attacks that were broken and are about times, which say little where others use the machine."""
    broken: list[str] = field(default_factory=list)
    """The rules that were broken, but for the one about `p99_ms`."""

    def expect(self, fact: bool, rule: str) -> None:  # it reads like assert
        """Note *rule* as broken unless *fact*."""
        if not fact:
            self.broken.append(rule)


class Measured(msgspec.Struct):
    """Milliseconds of each answer that the good client got, over the connection that it had before and over new ones."""

    kept: list[float]
    new: list[float]
    refused: int
    """New connections for which there was no place."""
    failed: list[str]


async def besiege(plan: Plan, logs: Path, say: Callable[[str], None]) -> Findings:
    """Run the siege; *say* is told the progress. Raises OSError where this machine allows too few files."""
    findings = Findings()
    environment = {"IBACTORS_MAX_CONNECTIONS": str(plan.seats)}
    async with program("demo", ["demo", "--port", "0"], environment, logs) as service:
        port = int((await service.printed(r"ibactors demo: http://127\.0\.0\.1:(\d+)"))[1])
        say(f"the service is alone with one client for {plan.seconds:g} s")
        judge(findings, "alone", await measure(port, plan.seconds))
        before = await tasks(port)
        files, memory = service.files, service.memory_mb
        say(f"{plan.connections} connections come")
        await meet_crowd(plan, service, port, findings)
        await released(service, port, files, before, findings, "the crowd")
        say(f"{plan.streams} idle WebSockets and {plan.lorises} slow clients come")
        await endure(plan, service, port, findings)
        await released(service, port, files, before, findings, "streams and slow clients")
        findings.figures["memory before and after"] = f"{memory:.0f} and {service.memory_mb:.0f} MiB"
        findings.expect(not service.errors, f"errors in the log: {service.errors[:3]}")
    for attack in GREEDS if plan.greed_rounds else ():
        say(f"one key takes what it can beside another: {attack.__name__}")
        answers = await starve(attack, plan.greed_rounds)
        failed = 1 - answers["quote"] / answers.total()
        findings.figures[f"another key beside {attack.__name__}"] = f"{answers['quote']} quotes of {answers.total()} requests"
        findings.expect(failed <= MOST_STARVED, f"of another key's requests few fail beside {attack.__name__}: {dict(answers)}")
    for keyed in plan.attacked:
        await withstand(plan, logs, findings, say, keyed=keyed)
    return findings


async def withstand(plan: Plan, logs: Path, findings: Findings, say: Callable[[str], None], *, keyed: bool) -> None:
    """Let each kind of attack come, to a service with keys or to one without."""
    environment = {"IBACTORS_API_KEYS": LINES["stream"]} if keyed else {}
    async with program(f"demo-attacked-{keyed:d}", ["demo", "--port", "0"], environment, logs) as service:
        port = int((await service.printed(r"ibactors demo: http://127\.0\.0\.1:(\d+)"))[1])
        calm = percentile((await measure(port, plan.attack_seconds, "/health")).kept, 0.99)
        memory = service.memory_mb
        for attack in attacks(keyed=keyed):
            say(f"{plan.attackers} attackers, {'with' if keyed else 'without'} keys configured: {attack.name}")
            await meet_attack(plan, port, attack, calm, findings)
            findings.expect(
                service.memory_mb < memory + ATTACKED_MB,
                f"memory grows by less than {ATTACKED_MB:g} MiB by {attack.name}: {memory:.0f} to {service.memory_mb:.0f} MiB",
            )
        findings.figures[f"memory before and after all attacks, keys {keyed}"] = f"{memory:.0f} and {service.memory_mb:.0f} MiB"
        findings.expect(not service.errors, f"errors in the log of the attacked service: {service.errors[:3]}")


async def meet_attack(plan: Plan, port: int, attack: Attack, calm: float, findings: Findings) -> None:
    """What a client that asks for the health notices of an attack."""
    async with trio.open_nursery() as nursery:
        for _ in range(plan.attackers):
            nursery.start_soon(storm, port, attack)
        measured = await measure(port, plan.attack_seconds, "/health")
        nursery.cancel_scope.cancel(reason="the attack is over")
    findings.expect(not measured.failed and not measured.refused, f"the good client is served beside {attack.name}: {measured.failed[:3]}")
    taken = measured.kept or [float("inf")]
    p50, p99 = percentile(taken, 0.5), percentile(taken, 0.99)
    findings.figures[f"p50, p99, max beside {attack.name}"] = f"{p50:.1f}, {p99:.1f}, {max(taken):.1f} ms of {len(taken)}"
    if p50 >= ATTACKED_P50_MS:
        findings.late.append(f"p50 beside {attack.name} is below {ATTACKED_P50_MS:g} ms: {p50:.1f} ms")
    if p99 >= calm + ATTACKED_P99_MS:
        findings.late.append(f"p99 moves by less than {ATTACKED_P99_MS:g} ms from {calm:.1f} ms by {attack.name}: {p99:.1f} ms")


async def meet_crowd(plan: Plan, service: Program, port: int, findings: Findings) -> None:
    """Let all connections come at once."""
    crowd, peak = Crowd(port), 0
    begun = trio.current_time()

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, service.files)
            await trio.sleep(0.1)

    async def look(*, task_status: trio.TaskStatus[None]) -> None:
        judge(findings, "beside the crowd", await measure(port, plan.seconds, task_status=task_status))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        async with trio.open_nursery() as both:
            await both.start(look)
            both.start_soon(crowd.come, plan.connections, plan.manners)
        nursery.cancel_scope.cancel(reason="all have gone")
    fates = crowd.fates
    findings.refused = fates["refused"]
    findings.figures["the crowd"] = f"{plan.connections} connections, gone after {trio.current_time() - begun:.0f} s"
    findings.figures["files of the service at most"] = str(peak)
    findings.figures["served and refused"] = f"{fates['served']} and {fates['refused']}"
    findings.expect(set(fates) <= {"served", "refused"}, f"each client of the crowd is served or refused: {dict(fates)}")
    room = max(0, plan.connections + _SOME - plan.seats)
    findings.expect(fates["refused"] <= room, f"no more than {room} are refused where there is a place: {fates['refused']}")


async def endure(plan: Plan, service: Program, port: int, findings: Findings) -> None:
    """Let streams sit and slow clients drip, and measure beside them."""
    sitters, lorises = Sitters(), Lorises()
    async with trio.open_nursery() as nursery:
        for _ in range(plan.streams):
            await nursery.start(sitters.sit, port)
        for number in range(plan.lorises):
            nursery.start_soon(lorises.drip, port, number)
        memory = service.memory_mb
        findings.p99_ms = judge(findings, "beside streams and slow clients", await measure(port, plan.seconds))
        with trio.move_on_after(_PONGS_S):
            await sitters.answered()
        findings.figures["idle WebSockets"] = f"{plan.streams}, {sitters.pongs} of them answered in the end, {memory:.0f} MiB"
        findings.figures["slow clients"] = f"{plan.lorises}, turned out {lorises.turned_out} times"
        findings.expect(sitters.pongs == plan.streams, f"every idle WebSocket is answered: {sitters.pongs}; {sitters.dropped[:3]}")
        nursery.cancel_scope.cancel(reason="the siege is over")


def judge(findings: Findings, when: str, measured: Measured) -> float:
    """Note what the good client measured; its 99th percentile in milliseconds."""
    for whose, taken in (("its connection", measured.kept), ("new ones", measured.new)):
        shown = ", ".join(f"{value:.1f}" for value in (percentile(taken, 0.5), percentile(taken, 0.99), max(taken))) if taken else "none"
        findings.figures[f"p50, p99, max {when}, over {whose}"] = f"{shown} ms of {len(taken)}"
    if measured.refused:
        findings.figures[f"new connections refused {when}"] = str(measured.refused)
    findings.expect(not measured.failed, f"no request of the good client fails {when}: {measured.failed}")
    findings.expect(bool(measured.kept), f"the good client is served {when}")
    return percentile(measured.kept + measured.new or [float("inf")], 0.99)


async def measure(port: int, seconds: float, *paths: str, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> Measured:
    """What the good client measures; `started` once it has a place."""
    command = [sys.executable, "-m", "tests.siege.meter", str(port), str(seconds), *paths]
    output = b""
    async with trio.open_nursery() as nursery:
        process = await nursery.start(partial(trio.run_process, command, stdout=subprocess.PIPE))
        async for chunk in process.stdout:
            if not output:
                task_status.started()
            output += chunk
    return msgspec.json.decode(output.partition(b"\n")[2], type=Measured)


async def released(service: Program, port: int, files: int, before: int, findings: Findings, whom: str) -> None:
    """Wait until nothing of them is left."""
    begun = trio.current_time()

    async def is_released() -> bool:
        return service.files <= files + _SOME and await tasks(port) <= before + _SOME

    try:
        await eventually(is_released, _RELEASE_S)
        findings.figures[f"released after {whom}"] = f"in {trio.current_time() - begun:.1f} s"
    except trio.TooSlowError:
        findings.broken.append(f"all files and tasks of {whom} are released: {service.files} files, and {files} before")


async def tasks(port: int) -> int:
    """How many tasks the service has."""
    client = HttpClient(port)
    try:
        page = (await client.get("/metrics")).body.decode()
    finally:
        with trio.move_on_after(2, shield=True):
            await client.close()
    found = re.search(r"^ibactors_tasks (\d+)", page, re.MULTILINE)
    assert found is not None
    return int(found[1])


@contextmanager
def file_limit(wanted: int) -> Iterator[int]:
    """As many files as the system allows; how many of the *wanted* connections that is enough for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield min(wanted, hard - _FILES_TO_SPARE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
