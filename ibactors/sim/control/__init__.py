"""Misbehaviour on demand: the control port, its commands, scenario files."""
