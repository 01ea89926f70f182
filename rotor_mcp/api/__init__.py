"""Rotor's Leads API over HTTP: the models, the endpoints, and what happens when a request fails."""
