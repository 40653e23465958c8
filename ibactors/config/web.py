"""Where the service listens, how much it serves at once, and what it reports about itself."""

from dataclasses import dataclass
from ipaddress import ip_address

from ibactors.config.setting import choice, host_name, integer, optional_port, seconds, text


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """The HTTP server."""

    host: str = host_name("127.0.0.1", "IBACTORS_HOST", "Address on which HTTP is served.")
    port: int = integer(8000, "PORT", 0, 65535, "Port on which HTTP is served; 0 for any free one.")
    admin_port: int | None = optional_port("IBACTORS_ADMIN_PORT", 0, "Port on 127.0.0.1 where /debug and /metrics need no key.")
    tls_certificate: str = text("", "IBACTORS_TLS_CERTIFICATE", "a path", "File with the certificate chain (PEM); read again on SIGHUP.")
    tls_key: str = text("", "IBACTORS_TLS_KEY", "a path", "File with its private key (PEM), if that is another one.")
    max_streams: int = integer(1000, "IBACTORS_MAX_STREAMS", 1, 100000, "WebSocket connections that may be open at once.")
    max_connections: int = integer(
        10000,
        "IBACTORS_MAX_CONNECTIONS",
        1,
        1000000,
        "Connections that may be open at once; the limit of open files of the process may allow fewer.",
    )
    max_connections_per_address: int = integer(
        256,
        "IBACTORS_MAX_CONNECTIONS_PER_ADDRESS",
        1,
        1000000,
        "Connections per remote address that may be open at once; a proxy is one address.",
    )
    slow_step: float = seconds(
        0.05,
        "IBACTORS_SLOW_STEP_SECONDS",
        0,
        60,
        "A task that holds up the event loop for longer is reported with its stack; 0 turns the watch off.",
    )
    log_format: str = choice(
        "", "IBACTORS_LOG_FORMAT", ("console", "json"), "Form of the log; when not set, console in a terminal and JSON elsewhere."
    )
    log_level: str = choice(
        "",
        "IBACTORS_LOG_LEVEL",
        ("debug", "info", "warning", "error"),
        "The least important events that are logged; when not set, info, and in a terminal's demo what changes the state.",
    )

    @property
    def loopback_only(self) -> bool:
        """Whether only programs on this machine can reach the service."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
