"""Who may: Host and Origin, keys, rates, scopes, bodies, audit. Stands before everything that answers."""
