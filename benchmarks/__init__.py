"""What is promised about speed, measured: `python -m benchmarks [round_trips|batch|start|refusals]`."""
