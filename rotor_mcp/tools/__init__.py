"""The tools, one file each, with what their texts have in common."""
