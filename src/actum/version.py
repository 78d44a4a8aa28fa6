"""The version of this distribution."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("actum")
except PackageNotFoundError:  # used from a folder, not installed
    VERSION = "0+unknown"
