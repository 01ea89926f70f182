"""Make the report and the pictures anew, without measuring."""

from bench.compare.results import FILE, load
from bench.pictures.pages import write

if __name__ == "__main__":
    write(load(FILE.read_text("utf-8")))
