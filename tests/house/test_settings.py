"""Every setting has its row in the reference, in order, and the defaults there are the ones in force."""

from __future__ import annotations

import re

import pytest
from sources import ROOT

from actum.errors import InvalidSettings
from actum.settings import Settings

PAGE = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| `(ACTUM_\w+)` \| (.*?) \|", PAGE, re.MULTILINE))


def known() -> list[str]:
    """Return the settings as the refusal of an unknown one lists them."""
    with pytest.raises(InvalidSettings) as caught:
        Settings.read({"ACTUM_NO_SUCH_SETTING": "1"})
    return re.findall(r"ACTUM_\w+", str(caught.value))[1:]


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert known() == list(ROWS)


def test_the_defaults_on_the_page_are_the_ones_in_force() -> None:
    default = Settings.read({})
    written = {name: row.strip("`") for name, row in ROWS.items()}
    assert str(default.home) == written["ACTUM_HOME"]
    assert default.lease == float(written["ACTUM_LEASE"])
    assert default.schema == written["ACTUM_SCHEMA"]
    assert (default.hints, default.pooler) == (
        written["ACTUM_HINTS"] == "on",
        written["ACTUM_POOLER"] == "on",
    )
    assert default.database_url is None


@pytest.mark.parametrize("name", [name for name in ROWS if name != "ACTUM_HOME"])  # any text names a folder
def test_a_setting_that_cannot_be_meant_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidSettings, match=name):
        Settings.read({name: "§ never"})
