"""Adds up household expenses."""
