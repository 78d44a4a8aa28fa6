"""Tags that cannot be kept are refused before anything is started."""

from __future__ import annotations

from typing import Any

import pytest

from actum.client.starting import LONGEST_TAG, MOST_TAGS, check_tags
from actum.errors import InvalidInput


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (["prompt"], "tags are a mapping"),
        ({"prompt": 2}, "the tag 'prompt' is 2: names and values of tags are text"),
        ({2: "prompt"}, "the tag 2 is 'prompt'"),
        ({"": "v2"}, "'' cannot be a tag's name"),
        ({"a=b": "v2"}, "'a=b' cannot be a tag's name"),
        ({" a": "v2"}, "' a' cannot be a tag's name"),
        ({"a" * 101: "v2"}, "cannot be a tag's name"),
        ({"prompt": "v" * (LONGEST_TAG + 1)}, f"the tag 'prompt' has {LONGEST_TAG + 1} characters"),
        ({"prompt": "v\x00"}, "holds a control character"),
        ({"prompt": "v\ud800"}, "holds a control character"),
        ({str(number): "" for number in range(MOST_TAGS + 1)}, "51 tags are too many"),
    ],
)
def test_a_tag_that_cannot_be_kept_is_one_sentence(tags: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        check_tags(tags)
    assert "\n" not in str(refused.value)


def test_tags_are_kept_as_they_are() -> None:
    tags = {"prompt": "triage@3", "tenant": "Ärzte & Söhne", "note": ""}
    assert tags == check_tags(tags)
    assert {} == check_tags({})
