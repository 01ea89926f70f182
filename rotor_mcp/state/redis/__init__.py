"""The same state, shared by all servers with one Redis. It needs the extra `redis`."""
