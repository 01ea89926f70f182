"""The examples of docs/embedding.md, which prints these files. tests/test_embedding.py runs them."""
