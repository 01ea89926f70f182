"""Cells: what the text of one cell means for a field of a lead. Pure."""
