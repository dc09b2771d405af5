"""Slack: payloads become events, messages become blocks. Nothing of Slack is known outside this folder."""
