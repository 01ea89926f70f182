"""Traces and metrics for OpenTelemetry, if its own environment variables ask for them.

`wanted.py` reads what they say, `instruments.py` is what is measured, `exporting.py` where it goes. Only a
server that is asked for telemetry imports more than `wanted.py`: it needs the extra `telemetry`.
"""
