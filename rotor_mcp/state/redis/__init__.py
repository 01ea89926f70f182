"""The same state, shared by all servers that have one Redis. It needs the extra `redis`."""
