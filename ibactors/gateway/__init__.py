"""Logging in an IB Gateway that runs here: its processes, its settings, and what its output means."""
