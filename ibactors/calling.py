"""Calls to a running service, by the commands: a request at a time, and what refusals and silence mean to a person."""

import http.client
import json
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ibactors.config import Settings
from ibactors.healthcheck import connect, url_of

TIMEOUT = 75.0
"""Seconds for an answer; the service itself waits for the gateway for up to 60."""
QUIET = 35.0
"""Seconds without a byte after which a stream is dead; the service sends a comment every 15."""
PASSING = frozenset({429, 502, 503, 504})
"""What may be otherwise in a while."""
_LONGEST_LINE = 16 * 1024 * 1024

Param = str | int | float | bool | None


class NotDone(Exception):
    """The service does not answer, or refuses; the message says why, and what to do."""

    status = 1
    """Of the command that it ends."""


class Lost(NotDone):
    """No answer came, or none of an ibactors."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent
        """Whether the request may have arrived."""


class Refused(NotDone):
    """The service said no."""

    def __init__(self, status: int, text: str, retry_after: float | None) -> None:
        self.http_status = status
        self.members = _members(text)
        self.code = str(self.members.get("code", ""))
        self.retry_after = retry_after
        super().__init__(reason(self.members, status))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A 2xx."""

    status: int
    text: str
    next_page: str | None

    @property
    def members(self) -> Any:
        """Its JSON. Raises Lost where it has none."""
        try:
            return json.loads(self.text)
        except ValueError:
            raise Lost("The answer is not one of ibactors. See whether the URL is right.", sent=True) from None


def add_arguments(parser: ArgumentParser, *, as_json: bool = True) -> None:
    """The options of every command that calls the service."""
    common = parser.add_argument_group("service")
    if as_json:
        common.add_argument("--json", action="store_true", help="JSON lines, as the service answers")
    common.add_argument("--url", help="where it runs (default: $IBACTORS_URL, else this machine, $PORT or 8000)")
    common.add_argument("--key", help="API key, if it wants one; better given as $IBACTORS_API_KEY, where others cannot see it")


class Remote:
    """A service at a URL."""

    def __init__(self, url: str, key: str, settings: Settings) -> None:
        self.url = url if "://" in url else f"http://{url}"
        self._key = key
        self._settings = settings

    @classmethod
    def of(cls, settings: Settings, arguments: Namespace) -> "Remote":
        """The one that the options or the environment name."""
        return cls(url_of(arguments.url, settings), arguments.key or os.environ.get("IBACTORS_API_KEY", ""), settings)

    def get(self, path: str, **query: Param) -> Any:
        """The JSON of an answer. Raises NotDone."""
        return self.ask("GET", path, query=query).members

    def ask(
        self, method: str, path: str, *, query: Mapping[str, Param] | None = None, body: bytes | None = None, timeout: float = TIMEOUT
    ) -> Answer:
        """One request, sent once. Raises Lost and Refused, and StartupError where the URL is none."""
        connection = self._connect(timeout)
        try:
            response = self._send(connection, method, path, query or {}, body)
            text = _read(response)
        finally:
            connection.close()
        if not 200 <= response.status < 300:  # noqa: PLR2004  # 2xx
            raise _refusal(response, text)
        return Answer(status=response.status, text=text, next_page=response.getheader("X-Next-Page-Token"))

    def events(self, path: str, **query: Param) -> Iterator[dict[str, Any]]:
        """The messages of one stream, until it ends. Raises Lost when it breaks, and Refused."""
        connection = self._connect(QUIET)
        try:
            response = self._send(connection, "GET", path, query, None)
            if response.status != http.HTTPStatus.OK:
                raise _refusal(response, _read(response))
            yield from _messages(response)
        finally:
            connection.close()

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        connection = connect(self.url, self._settings)
        try:
            connection.connect()
        except (OSError, ValueError) as exc:
            raise Lost(
                f"Nothing answers at {self.url}: {exc}. Start it with `ibactors serve` or `ibactors demo`, "
                "or say with --url or $IBACTORS_URL where it runs.",
                sent=False,
            ) from None
        connection.sock.settimeout(timeout)
        return connection

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, query: Mapping[str, Param], body: bytes | None
    ) -> http.client.HTTPResponse:
        words = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items() if value is not None}
        target = f"{urlsplit(self.url).path.rstrip('/')}{path}{f'?{urlencode(words)}' if words else ''}"
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, target, body=body, headers=headers)
            return connection.getresponse()
        except TimeoutError:
            raise Lost(f"{self.url} did not answer in time. `ibactors doctor` says what is wrong.", sent=True) from None
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise Lost(f"{self.url} gave no answer: {str(exc) or type(exc).__name__}.", sent=True) from None


def place(template: str, *names: str) -> str:
    """A path with names in it, each escaped whole."""
    return template.format(*(quote(name, safe="") for name in names))


def reason(members: Mapping[str, Any], status: int) -> str:
    """What a problem document says to a person."""
    words = [sentences(members, "detail", "hint")] if members else []
    if status in {http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN}:
        words.append("The key of a command is --key or $IBACTORS_API_KEY.")
    return " ".join(filter(None, words)) or f"The service answered with status {status}; see whether it is an ibactors."


def sentences(members: Mapping[str, Any], *names: str) -> str:
    """What stands in these members, a sentence after the other."""
    return " ".join(f"{str(members[name]).rstrip('.')}." for name in names if members.get(name))


def _refusal(response: http.client.HTTPResponse, text: str) -> Refused:
    after = response.getheader("Retry-After") or ""
    return Refused(response.status, text, float(after) if after.isascii() and after.isdigit() else None)


def _members(text: str) -> dict[str, Any]:
    try:
        members = json.loads(text)
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _read(response: http.client.HTTPResponse) -> str:
    try:
        return response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as exc:
        raise Lost(f"The answer broke off: {exc}.", sent=True) from None


def _messages(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    while True:
        try:
            line = response.readline(_LONGEST_LINE)
        except TimeoutError:
            raise Lost(f"Nothing came for {QUIET:g} s.", sent=True) from None
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise Lost(f"The connection broke: {str(exc) or type(exc).__name__}.", sent=True) from None
        if not line:
            return
        if line.startswith(b"data:"):
            yield _message(line[5:])


def _message(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise Lost("An event of the stream cannot be read; it may have been cut.", sent=True)
    return message
