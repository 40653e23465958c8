"""The simulator as a client of the TWS API meets it: bytes on real sockets."""
