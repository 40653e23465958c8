"""Runs the service against a misbehaving gateway for a long time and checks it from outside: `python -m chaos`."""
