"""Lets the tests of this folder import `flow_bodies`, which other Pythons also run as a program."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
