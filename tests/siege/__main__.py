"""`./dev siege`: exit status 0 when no rule was broken, else 1."""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import trio

from tests.siege.siege import P99_MS, Findings, Plan, besiege, file_limit


def main() -> int:
    """Run and report."""
    usual = Plan()
    parser = argparse.ArgumentParser(prog="siege", description="Hostile clients in numbers, beside a good one.")
    parser.add_argument("--connections", type=int, default=usual.connections, help="that come at once (default: %(default)s)")
    parser.add_argument("--streams", type=int, default=usual.streams, help="idle WebSockets (default: %(default)s)")
    parser.add_argument("--lorises", type=int, default=usual.lorises, help="clients slower than slow (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="of each measurement (default: %(default)g)")
    parser.add_argument("--attackers", type=int, default=usual.attackers, help="of each kind, in turns (default: %(default)s)")
    parser.add_argument("--attack-seconds", type=float, default=usual.attack_seconds, help="of each attack (default: %(default)g)")
    wanted = Plan(**vars(parser.parse_args()))
    with file_limit(wanted.connections) as possible, tempfile.TemporaryDirectory(prefix="ibactors-") as logs:
        if possible < wanted.connections:
            say(f"this machine's file limit allows {possible} connections, not {wanted.connections}")
        findings = trio.run(besiege, replace(wanted, connections=possible), Path(logs), say)
    return report(findings)


def report(findings: Findings) -> int:
    """Print the table; the exit status."""
    findings.expect(findings.p99_ms < P99_MS, f"p99 beside streams and slow clients is below {P99_MS:g} ms: {findings.p99_ms:.1f} ms")
    findings.broken += findings.late
    width = max(map(len, findings.figures))
    for name, value in findings.figures.items():
        say(f"{name:{width}}  {value}")
    for rule in findings.broken:
        say(f"BROKEN: {rule}")
    say("no rule was broken" if not findings.broken else f"{len(findings.broken)} rules were broken")
    return 1 if findings.broken else 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
