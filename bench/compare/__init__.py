"""This server beside two others, measured in one run: `python -m bench.compare`."""
