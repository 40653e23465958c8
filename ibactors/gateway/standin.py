"""A stand-in for IBC with its gateway, for the demo and the tests: the same arguments, files, lines, exit codes and bad habits.

It reads the user name from config.ini, plays what that user stands for, and when "logged in" passes its API port on to a simulator. As
IBC's script does, it logs in again at once after a failure, for as long as it lives. It needs nothing but the standard library, as it must
start fast. `--behind=PORT` names the simulator, `--pace=SECONDS` is how long people and gateways take.
"""

import argparse
import contextlib
import os
import re
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NoReturn

RESTARTED = "--restarted"
"""An argument of its own: the login of the process before is remembered."""
RESTART = 0.5
"""Seconds from a failed login to the next one; IBC with a real gateway needs a second or two."""
ATTEMPTS = "attempts"
"""A file in the settings folder with one line, the user's name, for each time that credentials were sent."""
LIVES_SHORT = 1.0
"""Paces for which the gateway of `crash` lives after its login."""


WRONG = "detected dialog entitled: Unrecognized Username or Password; event=Opened"
HANGS = {
    "silent": (),
    "unknown": (WRONG,),
    "twofactor-never": ("Second Factor Authentication initiated",),
    "code": ("detected dialog entitled: Enter security code; event=Opened",),
    "card": ("detected dialog entitled: Security Code Card Authentication; event=Opened",),
    "challenge": ("detected dialog entitled: IB Key Challenge; event=Opened",),
    "passkey": ("Connection to server failed: Required PassKey is not supported, please upgrade to latest version GATEWAY",),
    "outdated": ("Connection to server failed: this version is no longer supported, please upgrade",),
    "weekend": ("detected dialog entitled: Login failed; event=Opened",),
    "offline": ("Connection to server failed: Server disconnected, please try again",),
    "disabled": ("Login error message: Your account has been locked",),
    "dialog": ("detected dialog entitled: Terms of Use; event=Opened",),
}
"""Users with what is said after their credentials were sent; then nothing more comes, as IBC has no handler for it."""
EXITS = {"exit-87": 87, "exit-88": 88, "broken": 1}
"""Users with the exit status that follows: stuck after the second factor, no login dialog, no word why."""


def read_properties(text: str) -> dict[str, str]:
    """A java.util.Properties file, as far as IBC's is one: one `key=value` a line, escapes in values."""
    lines = (line.partition("=") for line in text.splitlines() if line and line[0] not in "#!")
    return {key.strip(): _unescape(value.strip(" \t")) for key, _, value in lines}


def _unescape(value: str) -> str:
    plain = re.sub(r"\\u([0-9a-fA-F]{4})|\\(.)", lambda found: chr(int(found[1], 16)) if found[1] else found[2], value)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16")


class Standin:
    """One run of the script, in which logins are repeated for ever."""

    def __init__(self, ini: dict[str, str], settings: Path, behind: int, pace: float, *, restarted: bool) -> None:
        self._ini = ini
        self._settings = settings
        self._behind = behind
        self._pace = pace
        self._restarted = restarted
        self._stop = threading.Event()
        self._attempts = 0

    def run(self) -> NoReturn:
        """Play the user; the end is an exit status."""
        user, password = self._ini["IbLoginId"], self._ini["IbPassword"]
        threading.Thread(target=self._take_commands, daemon=True).start()
        if self._restarted:
            self._print("autorestart file found: authentication will not be required\n")
            self._say("Re-starting session")
            self._pause(1)
            self._serve_api()
            self._pause(float("inf"))
        self._say("Starting session: will exit if login dialog is not displayed within 60 seconds")
        play = PLAYS.get(user, Standin.wrong if user == "demo" != password else Standin.demo)
        while True:
            self._attempt(user)
            if user in HANGS:
                self._say(*HANGS[user])
                self._pause(float("inf"))
            if user in EXITS:
                self._exit(EXITS[user])
            play(self)
            self._say("Cold restart in progress")
            if self._stop.wait(RESTART):
                self._exit(0)

    # what the users stand for

    def demo(self) -> None:
        """Everything works."""
        self._log_in()

    def wrong(self) -> None:
        """The password is wrong."""
        self._pause(0.1)
        self._say("Login failed", WRONG)

    def locked(self) -> None:
        """Too many failed attempts."""
        self._say("Login failed", "Too many failed login attempts. Please wait 1 minutes & 30 seconds before attempting to log in again.")

    def slow(self) -> None:
        """The login takes its time."""
        self._pause(2)
        self._log_in()

    def existing(self) -> None:
        """The user is logged in elsewhere, and that session stays."""
        self._say("detected dialog entitled: Existing session detected; event=Opened")
        self._say("End this session and let the other session proceed (scenario 2)")
        self._exit(0)

    def takeover(self) -> None:
        """The user is logged in elsewhere, and that session is ended."""
        self._say("detected dialog entitled: Existing session detected; event=Opened")
        self._say("Continue this session and let the other session be terminated (scenario 3)")
        self._log_in()

    def twofactor(self) -> None:
        """The second factor is approved."""
        self._say("Second Factor Authentication initiated")
        self._pause(5)
        self._log_in()

    def twofactor_expired(self) -> None:
        """The gateway says that the second factor was not approved in time."""
        self._say("Second Factor Authentication initiated")
        self._pause(1)
        self._say("Duration since login: 180 seconds")
        self._say("Re-login after second factor authentication timeout not required")
        self._pause(float("inf"))

    def expired(self) -> None:
        """The password will expire soon: only a notice."""
        self._say("detected frame entitled: Password Notice; event=Opened")
        self._log_in()

    def crash(self) -> None:
        """The gateway's program ends a while after each good login."""
        self._log_in(lives=LIVES_SHORT)

    def nightly(self) -> None:
        """The gateway restarts itself a while after the login, which it remembers."""
        self._say("Login has completed")
        self._serve_api()
        self._pause(LIVES_SHORT)
        self._say("IBC will restart shortly")
        os.execv(sys.executable, [*sys.orig_argv, RESTARTED])  # noqa: S606  # itself: its sockets close, its process stays

    def once(self) -> None:
        """The first login works and its gateway ends soon; then the password is wrong."""
        if len((self._settings / ATTEMPTS).read_text(encoding="utf-8").splitlines()) == 1:
            self._log_in(lives=LIVES_SHORT)
        self.wrong()

    def leaky(self) -> None:
        """Prints the password, as a gateway may that shows it in a dialog's text."""
        self._say(f"text of dialog: {self._ini['IbPassword']}")
        self._log_in()

    def stubborn(self) -> None:
        """Ignores SIGTERM and the command to stop."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._log_in(stop=threading.Event())

    def talkative(self) -> None:
        """Ten megabytes of output before the login."""
        self._print(("x" * 9_999 + "\n") * 1000)
        self._log_in()

    def unfinished(self) -> None:
        """The line that says that the password was wrong is never finished."""
        self._print(self._line(WRONG))
        self._pause(float("inf"))

    # what all of them do

    def _log_in(self, *, lives: float = float("inf"), stop: threading.Event | None = None) -> NoReturn:
        self._pause(0.1)
        self._say("Login has completed")
        self._serve_api()
        limit = None if lives == float("inf") else lives * self._pace
        (stop or self._stop).wait(limit)
        self._exit(0 if self._stop.is_set() else 1)

    def _serve_api(self) -> None:
        port = int(self._ini.get("OverrideTwsApiPort") or {"live": 4001}.get(self._ini["TradingMode"], 4002))
        threading.Thread(target=serve, args=(port, self._behind), daemon=True).start()

    def _attempt(self, user: str) -> None:
        self._attempts += 1
        with (self._settings / ATTEMPTS).open("a", encoding="utf-8") as file:
            file.write(f"{user}\n")
        self._say(f"Login attempt: {self._attempts}")
        self._say("Click button: Log In")

    def _take_commands(self) -> None:
        with socket.create_server(("127.0.0.1", int(self._ini["CommandServerPort"]))) as listener:
            while True:
                client, _ = listener.accept()
                with client, client.makefile("rw", encoding="utf-8") as file, contextlib.suppress(OSError):
                    command = file.readline().strip()
                    file.write("OK Shutting down: STOP command\n" if command == "STOP" else "ERROR Command invalid\n")
                    file.flush()
                    if command == "STOP":
                        self._say("Shutting down: STOP command")
                        self._stop.set()

    def _say(self, *texts: str) -> None:
        self._print("".join(f"{self._line(text)}\n" for text in texts))

    def _line(self, text: str) -> str:
        return f"{datetime.now():%Y-%m-%d %H:%M:%S:000} IBC: {text}"  # noqa: DTZ005  # IBC prints local time

    def _print(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def _pause(self, paces: float) -> None:
        """Wait; the command to stop ends it."""
        if self._stop.wait(None if paces == float("inf") else paces * self._pace):
            self._exit(0)

    def _exit(self, status: int) -> NoReturn:
        sys.stdout.flush()
        os._exit(status)


def serve(port: int, behind: int) -> None:
    """Pass connections to *port* on to the port *behind*, both of 127.0.0.1, with resets and all."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            client, _ = listener.accept()
            try:
                server = socket.create_connection(("127.0.0.1", behind))
            except OSError:
                _reset(client)
                continue
            for source, sink in ((client, server), (server, client)):
                sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        _reset(source)
        _reset(sink)


def _reset(side: socket.socket) -> None:
    with contextlib.suppress(OSError):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        side.shutdown(socket.SHUT_RDWR)
        side.close()


PLAYS: dict[str, Callable[[Standin], None]] = {
    name.replace("_", "-"): play
    for name, play in vars(Standin).items()
    if callable(play) and name[0] != "_" and name not in {"run", "demo"}
}
"""The other users that stand for something; any password will do. Whoever is in neither table logs in as `demo` does."""


def main() -> None:
    """Take the arguments of ibcstart.sh."""
    parser = argparse.ArgumentParser()
    parser.add_argument("version")
    parser.add_argument("-g", action="store_true", required=True)
    for name in ("--tws-path", "--tws-settings-path", "--ibc-path", "--ibc-ini", "--on2fatimeout"):
        parser.add_argument(name, required=True)
    parser.add_argument("--behind", type=int, required=True)
    parser.add_argument("--pace", type=float, default=1.0)
    parser.add_argument(RESTARTED, action="store_true")
    arguments = parser.parse_args()
    ini = read_properties(Path(arguments.ibc_ini).read_text(encoding="latin-1"))
    Standin(ini, Path(arguments.tws_settings_path), arguments.behind, arguments.pace, restarted=arguments.restarted).run()


if __name__ == "__main__":
    main()
