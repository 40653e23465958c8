"""Serves the live page, whose files are in `ui/`."""
