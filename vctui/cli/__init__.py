"""The command line: one module a command group. It parses, asks, prints and ends with the right exit code."""
