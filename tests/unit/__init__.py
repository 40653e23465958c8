"""The kernel, the actors and the parts of the service, each alone: no sockets but where a socket is the subject."""
