"""The nursery of the campaign's workers: that of the crash tests, serving the campaign's contracts."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "crash")]

import crash_driver  # noqa: E402
from campaign_contracts import CONTRACTS  # noqa: E402

vars(crash_driver)["CONTRACTS"] = CONTRACTS

if __name__ == "__main__":
    crash_driver.main()
