"""Five incidents, as whoever is woken at night meets them. Each plays one and types the commands that docs/debugging.md shows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.incidents.faulty import CRASHES, STALLS
from tests.incidents.scene import SHOWN_URL, Scene, open_demo, open_scene


async def crash(scene: Scene) -> None:
    """A symbol's actor crashes."""
    await scene.quietly(f"curl -s {SHOWN_URL}/market/quote/TSLA")
    await scene.simulator(f"set TSLA {CRASHES:g} {CRASHES + 1:g} {CRASHES:g}")
    await scene.until("service.log", "actor_crashed")
    await scene.type(f"curl -s '{SHOWN_URL}/debug/actors?format=text'", until="symbol:TSLA +running")
    await scene.type(f"curl -s '{SHOWN_URL}/debug/actors/symbol:TSLA?format=text'")
    await scene.type("grep actor_crashed service.log")
    await scene.type(f"curl -s {SHOWN_URL}/metrics | grep ^ibactors_actor_restarts")


async def mute(scene: Scene) -> None:
    """The gateway keeps its socket open and says nothing."""
    await scene.simulator("mute")
    await scene.until("service.log", "phase=backing_off")
    await scene.type(f"curl -s {SHOWN_URL}/health")
    await scene.type("grep session_changed service.log")
    await scene.type(f"curl -s {SHOWN_URL}/metrics | grep -E '^ibactors_session_(up|phase).* 1'")
    await scene.simulator("unmute")
    await scene.type("grep session_changed service.log | tail -1", until="phase=up")


async def slow_client(scene: Scene) -> None:
    """One WebSocket client does not read."""
    await scene.simulator("rate 1000")
    parts = urlsplit(scene.url)
    await scene.start(scene.nursery, "tests.incidents.slow_client", str(parts.hostname), str(parts.port), output="slow.log")
    await scene.type(f"curl -s {SHOWN_URL}/metrics | grep -E '^ibactors_(streams_open|slow_reader)'", until=r"skips_total [1-9]")
    await scene.type(f"ibactors tasks --url {SHOWN_URL} | grep -A 2 'ws:/ws/stream'", until=r"/sender .* for ([2-9]|\d{2,})\.\d s")
    await scene.simulator("rate 5")


async def blocked_loop(scene: Scene) -> None:
    """Something blocks the event loop."""
    await scene.quietly(f"curl -s {SHOWN_URL}/market/quote/TSLA")
    await scene.simulator(f"set TSLA {STALLS:g} {STALLS + 1:g} {STALLS:g}")
    await scene.type(f'curl -s -m 0.8 {SHOWN_URL}/health/live; echo "curl ended with $?"', until="ended with 28")
    await scene.type("kill -USR2 $PID; sleep 0.2; grep -A 6 'Current thread' service.log", until="look_up_rating")
    await scene.type("grep loop_blocked service.log", until="look_up_rating")
    await scene.type(f"curl -s '{SHOWN_URL}/debug/loop?format=text'", until="look_up_rating")


async def second_factor(scene: Scene) -> None:
    """A login waits for its second factor, which nobody approves."""
    body = '{"username":"twofactor-never","password":"any","account_type":"paper"}'
    await scene.type(f"curl -s '{SHOWN_URL}/auth/login?wait=4' -H 'Content-Type: application/json' -d '{body}'")
    await scene.type(f"curl -s {SHOWN_URL}/auth/status", until="two_factor_pending")
    await scene.type(f"curl -s {SHOWN_URL}/health")
    await scene.until("service.log", "phase=two_factor_expired")
    await scene.type("grep login_changed service.log | tail -4")
    await scene.type(f"curl -s {SHOWN_URL}/metrics | grep '^ibactors_logins.* [1-9]'")


Stage = Callable[..., AbstractAsyncContextManager[Scene]]

INCIDENTS: dict[str, tuple[Callable[[Scene], Awaitable[None]], Stage, dict[str, str]]] = {
    "crash": (crash, open_scene, {}),
    "mute": (mute, open_scene, {"IBACTORS_PROBE_IDLE_SECONDS": "1", "IBACTORS_PROBE_TIMEOUT_SECONDS": "2"}),
    "slow-client": (slow_client, open_scene, {}),
    "blocked-loop": (blocked_loop, open_scene, {"IBACTORS_SLOW_STEP_SECONDS": "0.5"}),
    "second-factor": (second_factor, open_demo, {"IBACTORS_TWO_FACTOR_TIMEOUT_SECONDS": "10"}),
}
"""By the name that docs/debugging.md marks their place with; where they are played, and the settings of the service."""


@asynccontextmanager
async def played(name: str, folder: Path) -> AsyncIterator[Scene]:
    """The incident was played; its processes still run inside the block."""
    play, stage, settings = INCIDENTS[name]
    async with stage(folder, **settings) as scene:
        await play(scene)
        yield scene
