"""The commands of `rotor-mcp`, one file each."""
