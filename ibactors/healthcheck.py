"""`ibactors health`: what a running service says of itself, as an exit status."""

import http.client
import json
import os
import ssl
from argparse import ArgumentParser, Namespace
from urllib.parse import urlsplit

from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.terminal import say

TIMEOUT = 5.0
ACTION_TIMEOUT = 60.0


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--url", help="where the service runs (default: $IBACTORS_URL, else this machine, $PORT or 8000)")
    parser.add_argument("--live", action="store_true", help="exit 0 while the service answers, degraded or not: for container runtimes")


def run(settings: Settings, arguments: Namespace) -> int:
    """Print the service's own words: 0 when it is healthy (or answers, where that is enough), else 1. Raises StartupError."""
    url = url_of(arguments.url, settings)
    url = url if "://" in url else f"http://{url}"
    connection = connect(url, settings)
    try:
        connection.request("GET", f"{urlsplit(url).path.rstrip('/')}/health")
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException, ValueError) as exc:
        say(f"unhealthy: nothing answers at {url}: {exc}")
        return 1
    finally:
        connection.close()
    say(body)
    if response.status != http.HTTPStatus.OK:
        return 1
    return 0 if arguments.live or _is_healthy(body) else 1


def post(url: str, path: str, key: str, settings: Settings) -> tuple[int, str]:
    """Ask a running service to do something; its status and its answer. Raises OSError, HTTPException, StartupError."""
    url = url if "://" in url else f"http://{url}"
    connection = connect(url, settings)
    try:
        connection.timeout = ACTION_TIMEOUT
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        connection.request("POST", f"{urlsplit(url).path.rstrip('/')}{path}", headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()


def url_of(given: str | None, settings: Settings) -> str:
    """Where the service is that a command is about: as it was told, by IBACTORS_URL, else the one of these settings."""
    return given or os.environ.get("IBACTORS_URL") or local_url(settings)


def local_url(settings: Settings) -> str:
    """Where the service of these settings can be reached from this machine."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "", "::"} else settings.host  # noqa: S104  # compared, not bound
    return f"http{'s' if settings.tls_certificate else ''}://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _is_healthy(body: str) -> bool:
    try:
        health = json.loads(body)
    except ValueError:
        return False
    return isinstance(health, dict) and health.get("status") == "healthy"


def connect(url: str, settings: Settings) -> http.client.HTTPConnection:
    """To the service; over TLS where it has a certificate, which is then the one to be shown."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme not in {"http", "https"} or not host:
        raise StartupError(f"{url!r} is not the address of a service; give one such as http://127.0.0.1:8000.")
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    if not settings.tls_certificate:
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT)
    try:
        context = ssl.create_default_context(cafile=settings.tls_certificate)
    except (OSError, ValueError) as exc:
        raise StartupError(f"IBACTORS_TLS_CERTIFICATE {settings.tls_certificate!r} cannot be read: {exc}.") from None
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
