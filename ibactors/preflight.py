"""What is seen to before anything starts: the address, who could reach it, the certificate, the files that the process may open.

Whatever is wrong is a StartupError, which says what to do.
"""

import socket
import sys
from importlib.util import find_spec
from urllib.parse import urlsplit

import structlog

from ibactors.config import Settings
from ibactors.config.gateways import check_gateways
from ibactors.errors import StartupError
from ibactors.web.edge.seats import RESERVED, places
from ibactors.web.edge.tls import Certificate

log = structlog.get_logger(__name__)

FEWEST = 16
"""Connections with fewer of which it does not start: it would turn away nearly everybody."""
BACKLOG = 4096
"""Connections that may wait to be accepted, as far as the kernel agrees; those beyond must knock again, seconds later."""


def check(settings: Settings) -> None:
    """See to the settings that can be wrong only here and now. Raises StartupError."""
    if sys.platform == "win32" and settings.gateway == "managed":
        raise StartupError(
            "The gateway's program is run on Linux and macOS only, and so is the demo's. On Windows start TWS or IB Gateway yourself, with "
            "IBACTORS_GATEWAY=external, or run ibactors in WSL 2 or a container."
        )
    check_address(settings.host)
    check_gateways(settings)
    check_exposure(settings)
    check_bus(settings)
    possible = places(settings.max_connections)
    if possible < min(FEWEST, settings.max_connections):
        raise StartupError(
            f"This process may have only {RESERVED + possible} files open, which leaves no room for clients: it needs {RESERVED} itself "
            "and one for each connection. Raise the limit (`ulimit -n 1024`, LimitNOFILE= of systemd, --ulimit nofile= of Docker) to "
            f"{RESERVED + FEWEST} at least."
        )
    if possible < settings.max_connections:
        log.info("connections_limited", most=possible, wanted=settings.max_connections, reason="the limit of open files of this process")


def check_bus(settings: Settings) -> None:
    """Raises StartupError for a role that needs a bus where there is none, or not the program for it."""
    if settings.role != "all" and not settings.bus:
        raise StartupError(f"IBACTORS_ROLE is {settings.role}, but there is no bus. Set IBACTORS_BUS to the address of a NATS server.")
    if settings.bus and len(settings.gateways) > 1:
        raise StartupError("IBACTORS_BUS is set, and IBACTORS_GATEWAYS names several: a bus has the session of one. Unset either.")
    if settings.bus and find_spec("nats") is None:
        raise StartupError("IBACTORS_BUS is set, but the client of the bus is not installed: pip install 'ibactors[cluster]'.")
    host = urlsplit(settings.bus).hostname
    if settings.bus.startswith("nats://") and host not in {"127.0.0.1", "::1", "localhost"}:
        raise StartupError(
            f"IBACTORS_BUS is {settings.bus!r}, on another machine and without TLS: who sees the network could read and forge quotes. Use "
            "tls://, with IBACTORS_BUS_CA for a certificate of your own."
        )


def check_address(host: str) -> None:
    """Raises StartupError when no address can be found for *host*; else a mistyped one would be taken for one that strangers reach."""
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not a host name"
        raise StartupError(
            f"IBACTORS_HOST is {host!r}, for which no address was found: {why}. Set it to an address of this machine, such as 127.0.0.1 "
            "(this machine only) or 0.0.0.0 (all networks); the port is set by PORT."
        ) from None


def certificate_of(settings: Settings) -> Certificate | None:
    """What is served by, if not plain HTTP. Raises StartupError."""
    if settings.tls_certificate:
        return Certificate(settings.tls_certificate, settings.tls_key)
    if settings.tls_key:
        raise StartupError("IBACTORS_TLS_KEY is set without IBACTORS_TLS_CERTIFICATE; set both, or neither to serve plain HTTP.")
    return None


def check_exposure(settings: Settings) -> None:
    """Raises StartupError when other machines could use the service without a key and nobody said that they may."""
    if not (settings.loopback_only or settings.api_keys or settings.allow_anonymous):
        raise StartupError(
            f"IBACTORS_HOST is {settings.host!r}, which other machines can reach, but there are no API keys. Make one with "
            "`ibactors key new NAME --scope read --scope stream` and put its line into IBACTORS_API_KEYS, "
            "or set IBACTORS_ALLOW_ANONYMOUS=1 to let anybody in."
        )
    if not (settings.loopback_only or settings.api_keys or settings.allowed_hosts):
        log.warning(
            "any_host_welcome",
            reason="Without keys and without IBACTORS_ALLOWED_HOSTS, a web page whose name resolves to this address may use the service.",
        )


def bind(host: str, port: int, remedy: str = "Set PORT (or --port) and IBACTORS_HOST to a free address.") -> socket.socket:
    """A listening socket. Raises StartupError that says what is wrong with the address, and the *remedy*."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, proto)
        try:
            if sys.platform != "win32":  # where it would let others listen at the same port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
            listener.settimeout(0)
        except OSError:
            listener.close()
            raise
    except OSError as exc:
        raise StartupError(f"Cannot listen on {host}:{port}: {exc.strerror or exc}. {remedy}") from exc
    return listener
