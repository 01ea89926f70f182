"""What somebody would build in an hour instead: the servers that this one is measured against."""
