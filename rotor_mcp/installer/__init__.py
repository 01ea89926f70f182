"""The programs that start this server, and how their configurations come to name it."""
