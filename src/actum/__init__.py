"""Execution contracts for AI workflows, on Postgres."""
