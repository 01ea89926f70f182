"""What `rotor-mcp check` looks at."""
