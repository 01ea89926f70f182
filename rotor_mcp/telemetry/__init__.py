"""Traces and metrics for OpenTelemetry, if its own environment variables request them.

`environment.py` reads these variables, `instruments.py` defines what is measured, `exporter.py` sends it. The
last two need the extra `telemetry`, and `server/backend.py` imports them only if telemetry is requested.
"""
