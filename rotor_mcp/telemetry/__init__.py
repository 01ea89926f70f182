"""Traces and metrics for OpenTelemetry, if its own environment variables ask for them."""
