"""`rotor-mcp check`: what must be right before assistants can work with Rotor, and how to fix it."""
