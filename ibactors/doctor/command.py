"""The command."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from ibactors import calling
from ibactors.calling import Remote
from ibactors.commands.shown import as_json, as_text, table
from ibactors.config import Settings, read_settings
from ibactors.doctor import gateway, machine, service
from ibactors.doctor.finding import Finding, Verdict, ok, wrong
from ibactors.errors import StartupError
from ibactors.inside import logs
from ibactors.terminal import complain


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.set_defaults(reads_settings=False)  # that they cannot be read is a finding
    calling.add_arguments(parser)
    parser.epilog = "It reads the settings of this shell: run it as the service runs, in its folder, with its environment."


def run(_settings: Settings, arguments: Namespace) -> int:
    """Print what is found; 1 when something is wrong."""
    logs.show_errors()
    found = list(examine(arguments))
    if arguments.json:
        as_json(asdict(finding) for finding in found)
    else:
        words = {Verdict.OK: "ok", Verdict.WARNING: "WARNING", Verdict.WRONG: "WRONG"}
        as_text(table(("", "", ""), [(words[one.verdict], one.name, one.says) for one in found], left=3)[1:])
    bad = sum(one.verdict is Verdict.WRONG for one in found)
    if bad:
        complain(f"{bad} of {len(found)} things {'is' if bad == 1 else 'are'} wrong.")
    return 1 if bad else 0


def examine(arguments: Namespace) -> Iterator[Finding]:
    """What is found, in the order in which one would mend it."""
    try:
        settings = read_settings()
    except StartupError as exc:
        yield wrong("settings", exc)
        return
    yield ok("settings", f"of this shell{' and of .env' if Path('.env').exists() else ''} in {os.getcwd()}")  # noqa: PTH109  # a string
    yield from machine.look(settings)
    remote = Remote.of(settings, arguments)
    running = service.runs(remote, settings)
    if running is not None:
        yield running
        if running.name == service.HEALTH:
            yield from service.ask(remote, settings)
        return
    yield ok("service", f"none runs at {remote.url}; the port is free")
    for name, own in settings.by_gateway.items():
        for found in gateway.look(own):
            yield found if own is settings and not settings.further else replace(found, name=f"{name}: {found.name}")
