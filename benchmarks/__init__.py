"""What is promised about speed, measured: `python -m benchmarks [start|round_trips|batch|people|refusals|load]`."""
