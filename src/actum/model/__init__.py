"""Plain records and names: the nouns every floor shares. Nothing here does anything."""
