"""Ready-made effects: `actum.effects.http` and `actum.effects.files`, with previews, probes and undos; replaceable by yours."""
