"""Writes the documents anew."""

from tests.golden import renew

renew()
