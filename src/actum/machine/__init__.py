"""Decisions as pure functions: values in, words out. The rule on the door is in README.md."""
