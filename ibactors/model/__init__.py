"""Frozen values that cross channels and the wire."""
