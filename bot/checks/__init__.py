"""STEPS: every step that a check can consist of, in the order of the plan."""
