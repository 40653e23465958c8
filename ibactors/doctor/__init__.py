"""`ibactors doctor`: what is wrong with a set-up, each thing by name, with what to do about it.

It looks at this machine (`machine.py`), then at the service, if one runs (`service.py`), else at the gateway itself (`gateway.py`): it
does not take a session away from a service that has one.
"""
