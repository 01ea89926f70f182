"""Pictures of what `bench.compare` found, drawn from `bench/results.json`: `python -m bench.pictures`."""
