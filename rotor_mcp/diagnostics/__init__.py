"""The checks of `rotor-mcp check`: what can keep assistants from working with Rotor, and how to fix it."""
