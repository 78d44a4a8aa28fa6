"""The one door for applications, command line and console: start workflows, wait for them, decide, intervene."""

from actum.client.client import Client
from actum.client.handle import Handle

__all__ = ["Client", "Handle"]
