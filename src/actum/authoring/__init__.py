"""What users write with: contracts, steps, effects, calls, hooks, signals, and the bytes they are recorded as."""
