"""A module that cannot be imported."""

raise RuntimeError("the moon is missing")
