"""The table of findings: who has to find what, where, and how the servers are scripted. One module a group."""
