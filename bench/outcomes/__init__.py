"""What becomes of a company's leads when an assistant does the obvious thing, with one server or another."""
