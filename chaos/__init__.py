"""A long quarrel between the service and a misbehaving gateway, watched from outside: `python -m chaos`."""
