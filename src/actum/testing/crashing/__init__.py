"""`crash_everywhere`: a workflow killed at every durable boundary, and what is compared afterwards.

The process that calls it starts, decides, answers and judges; the processes that are killed are forked from a
nursery, which has imported the author's code once. Each killed run has a database of its own.
"""
