"""Bytes: frames and fields, dates as text, sockets, and the ways in which delivery can fail."""
