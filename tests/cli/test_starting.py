"""`actum start`: inputs as people mistype them, keys, and waiting for the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from commanding import Actum

WRONG_INPUTS = [
    pytest.param('{"name": 7}', 2, "name", id="a wrong type"),
    pytest.param("{}", 2, "lacks 'name'", id="a missing argument"),
    pytest.param('{"name": "a", "nmae": "b"}', 2, "'nmae', which is no parameter", id="an unknown argument"),
    pytest.param("name=a", 2, "not JSON", id="no JSON"),
    pytest.param('["a"]', 2, "JSON object", id="no object"),
    pytest.param("@nowhere.json", 3, "nowhere.json", id="no file"),
]
WRONG_PLACES = [
    pytest.param("nowhere:greet", 3, "there is no module 'nowhere'", id="no module"),
    pytest.param("flows:graat", 3, "greet", id="no contract"),
    pytest.param("flows", 3, "say which", id="several contracts"),
    pytest.param("flows.py", 3, "such as 'flows'", id="a file"),
    pytest.param("broken:greet", 2, "the moon is missing", id="a module that fails"),
]


@pytest.mark.parametrize(("text", "code", "said"), WRONG_INPUTS)
def test_input_that_does_not_fit_is_one_sentence_and_starts_nothing(
    idle: Actum, text: str, code: int, said: str
) -> None:
    done = idle("start", "flows:greet", "--input", text)
    assert (code, 1, "") == (done.code, len(done.err.splitlines()), done.out)
    assert said in done.err


@pytest.mark.parametrize(("place", "code", "said"), WRONG_PLACES)
def test_a_contract_that_cannot_be_found_is_one_sentence(
    idle: Actum, place: str, code: int, said: str
) -> None:
    done = idle("start", place, "--input", "{}")
    assert (code, 1) == (done.code, len(done.err.splitlines()))
    assert said in done.err


def test_a_dry_run_checks_the_input_and_starts_nothing(idle: Actum) -> None:
    done = idle.fine("start", "flows:greet", "--input", '{"name": "dry"}', "--key", "dry", "--dry-run")
    assert '{"name":"dry","times":1}' in done.out
    assert 3 == idle("show", "greet/dry").code


def test_the_same_key_finds_the_same_workflow_and_refuses_other_input(idle: Actum) -> None:
    first = idle.start("greet", {"name": "ana"}, "--key", "once")
    assert first == idle.start("greet", {"name": "ana"}, "--key", "once")
    done = idle("start", "flows:greet", "--input", '{"name": "bo"}', "--key", "once")
    assert 1 == done.code
    assert first in done.err


def test_input_comes_from_a_file_or_from_stdin(idle: Actum, tmp_path: Path) -> None:
    file = tmp_path / "input.json"
    file.write_text('{"name": "from a file"}')
    idle.fine("start", "flows:greet", "--input", f"@{file}", "--key", "file")
    done = idle.process(
        "start", "flows:greet", "--input", "-", "--key", "stdin", text='{"name": "from stdin"}'
    )
    assert 0 == done.code
    assert {"name": "from a file", "times": 1} == idle.fine("show", "greet/file", "--json").json["input"]
    assert {"name": "from stdin", "times": 1} == idle.fine("show", "greet/stdin", "--json").json["input"]


def test_waiting_prints_the_result_alone_on_stdout(served: Actum) -> None:
    done = served.process("start", "flows:greet", "--input", '{"name": "ana", "times": 2}', "--wait")
    assert (0, "ANAANA") == (done.code, done.json)


def test_waiting_for_a_failure_says_why_and_is_exit_code_1(served: Actum) -> None:
    done = served.process("start", "flows:fail", "--input", '{"name": "it"}', "--wait")
    assert (1, "") == (done.code, done.out)
    assert "it went wrong" in done.err


def test_waiting_until_a_person_is_needed_is_exit_code_5(served: Actum) -> None:
    done = served.process("start", "flows:survey", "--input", '{"about": "spoons"}', "--until-person")
    assert 5 == done.code
    assert "waiting for an answer" in done.err
    assert "How many spoons?" in done.err
    assert "actum answer" in done.err
