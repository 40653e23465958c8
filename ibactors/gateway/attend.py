"""One run of the gateway's program, attended: each line it prints is judged at once, and at the first sign of a failure it is killed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import trio

from ibactors.config import Settings
from ibactors.gateway.children import ProgramNotFound
from ibactors.gateway.classify import Classifier, Finding, Rules
from ibactors.gateway.display import DisplayFailed
from ibactors.gateway.errors import LauncherFailed, LauncherMissing
from ibactors.gateway.launcher import COMMAND_TIMEOUT, Launcher, open_launcher
from ibactors.gateway.progress import Ending, Progress, ending_of
from ibactors.model.logins import Credentials, LoginPhase

STOP_TIMES = 2.0
"""A stop that takes longer than this multiple of `stop_timeout`, plus COMMAND_TIMEOUT, is abandoned."""
LAST_WORDS = 2.0
"""Seconds in which a killed program's remaining output is read for what it says of the failure."""

_NO_LINE = "\n"


async def attend(settings: Settings, rules: Rules, credentials: Credentials, progress: Progress, changed: Callable[[], None]) -> Ending:
    """Run the program until it ends or has to be ended, and say why; *changed* is called whenever *progress* has moved.

    When cancelled, the gateway logs out from IB first, if it is logged in.
    """
    ending = Ending(phase=LoginPhase.LAUNCHER_FAILED, detail="The gateway's program was ended.")
    try:
        async with open_launcher(settings, credentials) as launcher:
            try:
                ending = await _watch(launcher, rules, progress, changed)
            finally:
                with trio.move_on_after(settings.stop_timeout * STOP_TIMES + COMMAND_TIMEOUT, shield=True):
                    await launcher.stop(logged_in=progress.phase.logged_in)
    except* (LauncherMissing, ProgramNotFound) as group:
        ending = Ending(phase=LoginPhase.LAUNCHER_MISSING, detail=_text(group))
    except* (LauncherFailed, DisplayFailed) as group:
        ending = Ending(phase=LoginPhase.LAUNCHER_FAILED, detail=_text(group))
    return ending


def _text(error: BaseException) -> str:
    """The message of the first error of a group."""
    return _text(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else str(error)


async def _watch(launcher: Launcher, rules: Rules, progress: Progress, changed: Callable[[], None]) -> Ending:
    findings = _Findings(launcher, rules)
    while True:
        with trio.move_on_at(progress.deadline):
            try:
                finding = await findings.next()
            except trio.EndOfChannel:
                code = await launcher.child.wait()
                return progress.exited(rules.exit(code), code)
            ending = progress.saw(finding, trio.current_time())
            if ending is not None:
                launcher.child.kill()
                return await _most_telling(ending, findings)
            changed()
        if (ending := progress.expired(trio.current_time())) is not None:
            return ending


class _Findings:
    """What the program's lines tell, without the secrets in them."""

    def __init__(self, launcher: Launcher, rules: Rules) -> None:
        self._launcher = launcher
        self._classifier = Classifier(rules)
        self._told = _NO_LINE

    async def next(self) -> Finding:
        """The next line that tells something. Raises trio.EndOfChannel."""
        while True:
            line = await self._launcher.child.lines.receive()
            finding = self._classifier.feed(line)
            # A line that is finished late comes twice: as far as it was, and whole.
            again, self._told = line.startswith(self._told), line if finding else _NO_LINE
            if finding is not None and not again:
                return replace(finding, text=self._launcher.secrets.mask(finding.text))


async def _most_telling(ending: Ending, findings: _Findings) -> Ending:
    """What the lines after the first sign of a failure add: IB's own text may say that it was not the password."""
    with trio.move_on_after(LAST_WORDS), suppress(trio.EndOfChannel):
        while True:
            finding = await findings.next()
            if finding.sign.failure and finding.rank <= ending.rank:
                ending = ending_of(finding)
    return ending
