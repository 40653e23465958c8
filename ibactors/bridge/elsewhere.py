"""Where a gateway may be when nothing listens at the port of the settings: IB's usual ports on this machine."""

import errno
import socket
import sys
from collections.abc import Mapping
from ipaddress import ip_address

USUAL = {
    4001: "IB Gateway's port for live accounts",
    4002: "IB Gateway's port for paper accounts",
    7496: "TWS's port for live accounts",
    7497: "TWS's port for paper accounts",
}
"""As both programs are installed."""


def advice(host: str, port: int, usual: Mapping[int, str] = USUAL) -> str:
    """Which of the *usual* ports somebody listens at, and the setting for it; empty if none, or if *host* is another machine."""
    if not _is_here(host):
        return ""
    found = [f"at {other} ({words})" for other, words in usual.items() if other != port and is_taken(host, other)]
    if not found:
        return ""
    where = " and ".join(found)
    return f"Something listens {where}: if that is meant, set IBACTORS_GATEWAY_PORT to it, and IBACTORS_ACCOUNT_TYPE to its kind."


def is_taken(host: str, port: int) -> bool:
    """Whether somebody listens at a port of this machine.

    The port is asked for, not connected to: a connection every second would fill TWS's log. With this option the system refuses it to us
    only while somebody listens, and to nobody because of us.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if sys.platform != "win32":  # where it would be let in beside whoever listens
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            return exc.errno == errno.EADDRINUSE
    return False


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
