"""The parts of tools/test: what to run, how, and how to count it."""
