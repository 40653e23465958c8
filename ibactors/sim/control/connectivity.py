"""Control commands that break and repair the way between the gateway, its farms and Interactive Brokers."""

from ibactors.sim.control.commands import farm_named, lines, table
from ibactors.sim.live.lines import COMPETING_TEXT
from ibactors.sim.server import Server
from ibactors.sim.session import Session


def lose(server: Server, _: list[str]) -> None:
    """Lose the broker: 1100, and no data and no cancels from now on."""
    server.gateway.faults.connectivity_lost = True
    server.gateway.announce(1100, "Connectivity between IBKR and Trader Workstation has been lost.")
    for session in server.sessions():
        _end_updates(session)


def restore(server: Server, _: list[str]) -> None:
    """Restore the broker with all subscriptions: 1102."""
    server.gateway.faults.connectivity_lost = False
    text = "Connectivity between IBKR and Trader Workstation has been restored - data maintained. "
    text += "All data farms are connected: usfarm; usfuture; cashfarm; usopt; ushmds; secdefil."
    server.gateway.announce(1102, text)
    _refresh(server)


def _end_updates(session: Session) -> None:
    """End bars that were kept up to date: they do not come back with the connection, and have to be requested again."""
    for kind, request_id in [key for key, s in session.streams.items() if key[0] == "history" and s.instrument is not None]:
        session.end_stream(kind, request_id)
        session.error(request_id, 10182, "Failed to request live updates (disconnected).")


def _restore_without_data(server: Server, _: list[str]) -> None:
    server.gateway.faults.connectivity_lost = False
    for session in server.sessions():
        session.lose_data()
    server.gateway.announce(1101, "Connectivity between IBKR and Trader Workstation has been restored - data lost.")


def _lose_server(server: Server, _: list[str]) -> None:
    server.gateway.faults.connectivity_lost = True
    text = "Connectivity between Trader Workstation and server is broken. It will be restored automatically."
    server.gateway.announce(2110, text)


def _farm_down(server: Server, arguments: list[str]) -> None:
    name = farm_named(server, arguments[0])
    server.gateway.faults.farms_down.add(name)
    server.gateway.announce(*server.gateway.farm_notice(name))


def _farm_up(server: Server, arguments: list[str]) -> None:
    name = farm_named(server, arguments[0])
    server.gateway.faults.farms_down.discard(name)
    server.gateway.announce(*server.gateway.farm_notice(name))
    _refresh(server, name)


def _dead_farm(server: Server, arguments: list[str]) -> None:
    """Break a farm for a moment after which it has forgotten every line and stream."""
    name = farm_named(server, arguments[0])
    server.gateway.faults.farms_down.add(name)
    server.gateway.announce(*server.gateway.farm_notice(name))
    server.gateway.faults.farms_down.discard(name)
    server.gateway.announce(*server.gateway.farm_notice(name))
    for line in lines(server):
        if line.instrument.farm == name:
            line.die()
    for stream in (s for session in server.sessions() for s in session.streams.values()):
        # It stays among the client's streams, so that only the client's cancel ends it for the client.
        if stream.instrument is not None and stream.instrument.farm == name:
            stream.end()


def _competing(server: Server, arguments: list[str]) -> None:
    on = arguments[0] == "on"
    changed = on != server.gateway.faults.competing
    server.gateway.faults.competing = on
    if on and changed:
        for line in lines(server):
            line.tell_competing()
        for session in server.sessions():
            for (_, request_id), stream in tuple(session.streams.items()):
                if stream.instrument is not None:
                    session.error(request_id, 10197, COMPETING_TEXT)
    elif changed:
        _refresh(server)


def _delayed(server: Server, arguments: list[str]) -> None:
    server.gateway.faults.delayed = arguments[0] == "on"
    for line in lines(server):
        line.turn(delayed=server.gateway.faults.delayed)


def _refresh(server: Server, farm: str | None = None) -> None:
    for line in lines(server):
        if farm in (None, line.instrument.farm):
            line.refresh()


COMMANDS = table(
    ("1100", "", lose),
    ("1101", "", _restore_without_data),
    ("1102", "", restore),
    ("2110", "", _lose_server),
    ("farm-down", "NAME", _farm_down),
    ("farm-up", "NAME", _farm_up),
    ("dead-farm", "NAME", _dead_farm),
    ("competing", "on|off", _competing),
    ("delayed", "on|off", _delayed),
)
