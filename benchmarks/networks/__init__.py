"""Real TCP through networks that break: a client, a router and a server in network namespaces of their own.

What the fault server cannot do, because it is the peer and not what lies between: packets that vanish, links that go
down, a NAT that forgets, a path that takes no large packet, a name that is gone. `python -m benchmarks.networks` tries
each, judges every stream by the promises, and prints a table.
"""
