"""One file a command; bot/cli.py reads the words and imports just the one that was typed."""
