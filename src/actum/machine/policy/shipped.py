"""The policies that come with Actum. No write runs unasked under either."""

from __future__ import annotations

from typing import Final

DEFAULT_POLICY: Final = """\
# Strict from the first day: every effect is decided by the team that owns its contract.
# Rules that ask less are written for what a team knows well, and tried with `actum policy simulate`.
schema = 1
name = "default"
owner = "platform"
default_tier = 2

[approvers.owner]
by = ["owner"]
expires = "24h"
on_expiry = "reject"

[[floor]]
id = "final-effects"
match = { reversibility = "final" }
tier = 2
why = "Nothing can put it back."

[[floor]]
id = "unknown-place"
match = { environment = { exists = false } }
tier = 2
why = "The worker does not say which environment it changes."
"""
"""For a deployment that has not written its own yet."""

DEV_POLICY: Final = """\
# For a laptop: everything is asked, and anybody but the requester may answer.
schema = 1
name = "dev"
owner = "dev"
default_tier = 2

[approvers.anybody]
by = ["anybody"]

[[rule]]
id = "everything"
match = {}
tier = 2
approvers = "anybody"
why = "On a laptop another identity decides, so that the way of an approval is seen."
"""
"""What `actum dev` brings: every effect waits for the reviewer, and nobody is locked out of their own laptop."""
