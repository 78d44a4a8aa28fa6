"""What `actum check` finds in the bodies of contracts."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from textwrap import dedent

import pytest
from lint_planting import Plant, expected, found

from actum.authoring.lint import RULES, Finding, lint_contract, lint_module
from actum.authoring.lint.bodies import check_body
from actum.authoring.lint.report import Report


def body(lines: str, imports: str = "") -> str:
    """A contract with these lines in its body."""
    inner = "\n".join("    " + line for line in dedent(lines).strip("\n").splitlines())
    return (
        f"{imports}\n\n@contract(owner=OWNER)\nasync def work(name: str) -> str:\n"
        f"{inner}\n    return await fetch(name)\n"
    )


BODIES = {
    "body-clock": (
        "import time\nfrom datetime import datetime as moment, UTC",
        "started = time.time()  # expect: body-clock\n"
        "at = moment.now(UTC)  # expect: body-clock\n"
        "time.sleep(1)  # expect: body-clock",
    ),
    "body-randomness": (
        "import random, uuid\nfrom random import choice\nfrom secrets import token_hex",
        "one = random.random()  # expect: body-randomness\n"
        "two = uuid.uuid4()  # expect: body-randomness\n"
        "three = choice([1, 2]), token_hex()  # expect: body-randomness\n"
        "four = hash(name)  # expect: body-randomness\n"
        "fine = random.Random(4).random(), uuid.uuid5(uuid.NAMESPACE_URL, name)",
    ),
    "body-network": (
        "import socket\nimport urllib.request\nfrom urllib import request",
        "urllib.request.urlopen(name)  # expect: body-network\n"
        "request.urlopen(name)  # expect: body-network\n"
        "with socket.socket() as line:  # expect: body-network\n"
        "    line.connect(('127.0.0.1', 1))  # expect: body-network",
    ),
    "body-file": (
        "from pathlib import Path\nimport os",
        "with open(name) as file:  # expect: body-file\n    text = file.read()\n"
        "text = Path(name).read_text()  # expect: body-file\n"
        "names = os.listdir(name)  # expect: body-file\n"
        "fine = Path(name).name",
    ),
    "body-process": (
        "import subprocess\nfrom os import system",
        "subprocess.run(['true'])  # expect: body-process\nsystem('true')  # expect: body-process",
    ),
    "body-thread": (
        "import asyncio, threading\nfrom concurrent.futures import ThreadPoolExecutor",
        "threading.Thread(target=print).start()  # expect: body-thread\n"
        "pool = ThreadPoolExecutor()  # expect: body-thread\n"
        "await asyncio.get_running_loop().run_in_executor(None, len, name)  # expect: body-thread",
    ),
    "body-environment": (
        "import os",
        "os.environ['NAME'] = name  # expect: body-environment\n"
        "home = os.getenv('HOME')  # expect: body-environment\n"
        "path = os.environ.get('PATH')  # expect: body-environment",
    ),
    "body-terminal": (
        "",
        "print(name)  # expect: body-terminal\nname = input()  # expect: body-terminal",
    ),
    "body-foreign-await": (
        "import asyncio",
        "await asyncio.to_thread(len, name)  # expect: body-foreign-await\n"
        "await fetch.function(name)  # expect: body-foreign-await\n"
        "await asyncio.gather(fetch(name), asyncio.sleep(1))",
    ),
    "body-set-order": (
        "import asyncio\nKNOWN = {'a', 'b'}",
        "names = {name, 'other'}\n"
        "for one in names:  # expect: body-set-order\n    await fetch(one)\n"
        "for one in KNOWN | names:  # expect: body-set-order\n    await fetch(one)\n"
        "await asyncio.gather(*{fetch(name)})  # expect: body-set-order\n"
        "listed = [one for one in set(name)]  # expect: body-set-order\n"
        "last = names.pop()  # expect: body-set-order\n"
        "for one in sorted(names):\n    await fetch(one)\n"
        "fine = sorted(one for one in names), name in names, len(names)",
    ),
    "body-swallowed-cancellation": (
        "import asyncio, contextlib",
        "try:\n    await fetch(name)\n"
        "except asyncio.CancelledError:  # expect: body-swallowed-cancellation\n    pass\n"
        "try:\n    await fetch(name)\n"
        "except (ValueError, BaseException) as error:  # expect: body-swallowed-cancellation\n    name = str(error)\n"
        "try:\n    await fetch(name)\n"
        "except:  # expect: body-swallowed-cancellation\n    pass\n"
        "with contextlib.suppress(asyncio.CancelledError):  # expect: body-swallowed-cancellation\n"
        "    await fetch(name)\n"
        "try:\n    await fetch(name)\nexcept BaseException:\n    raise\n"
        "try:\n    await fetch(name)\nexcept asyncio.CancelledError:\n    raise\nexcept BaseException:\n    raise\n"
        "try:\n    await fetch(name)\nexcept Exception:\n    pass\n"
        "try:\n    name = name + 1\nexcept:\n    pass",
    ),
    "body-unrecorded-finally": (
        "import logging, subprocess\nlogger = logging.getLogger('x')",
        "try:\n    await fetch(name)\nfinally:\n"
        "    print('done')  # expect: body-unrecorded-finally\n"
        "    logger.info('done')  # expect: body-unrecorded-finally\n"
        "    open(name)  # expect: body-unrecorded-finally\n"
        "    subprocess.run(['true'])  # expect: body-unrecorded-finally\n"
        "    name = name.lower()\n"
        "logger.info('done')",
    ),
    "body-global-state": (
        "SEEN: list[str] = []\nCOUNTS = {'all': 0}\nTOTAL = 0",
        "global TOTAL  # expect: body-global-state\nTOTAL += 1\n"
        "SEEN.append(name)  # expect: body-global-state\n"
        "COUNTS['all'] += 1  # expect: body-global-state\n"
        "seen: list[str] = []\nseen.append(name)\nfine = COUNTS['all'], SEEN[0]",
    ),
}


@pytest.mark.parametrize("code", BODIES)
def test_a_line_that_a_body_may_not_have_is_found_where_it_stands(plant: Plant, code: str) -> None:
    imports, lines = BODIES[code]
    module = plant(body(lines, imports))
    wanted = expected(module)
    assert wanted
    assert wanted == found(module)


def test_a_plain_function_that_the_body_calls_is_part_of_the_body(plant: Plant) -> None:
    module = plant(
        """
        import time


        def stamp() -> float:
            return time.time()  # expect: body-clock


        def unused() -> float:
            return time.time()


        @contract(owner=OWNER)
        async def work(name: str) -> str:
            return await fetch(f"{name}{stamp()}")
        """
    )
    assert expected(module) == found(module)


def test_an_inner_function_and_a_parameter_of_a_familiar_name_are_told_apart(plant: Plant) -> None:
    module = plant(
        """
        import asyncio, random


        class Clock:
            def time(self) -> int:
                return 1


        @contract(owner=OWNER)
        async def work(names: list[str], time: int, open: str) -> str:
            async def one(name: str) -> str:
                return await fetch(name + str(random.random()))  # expect: body-randomness

            clock = Clock()
            return "".join(await asyncio.gather(*(one(n) for n in names))) + str(clock.time()) + str(time) + open
        """
    )
    assert expected(module) == found(module)


def test_a_statement_that_says_it_is_meant_is_left_alone_for_that_code_only(plant: Plant) -> None:
    module = plant(
        body(
            "a = time.time()  # actum: ignore[body-clock]\n"
            "b = time.time()  # actum: ignore[body-file]  # expect: body-clock\n"
            "c = time.time(), open(name)  # actum: ignore[body-clock, body-file]\n"
            "d = max(\n    1,\n    time.time(),\n)  # actum: ignore[body-clock]\n"
            "if time.time() > 1:  # expect: body-clock\n    e = 1  # actum: ignore[body-clock]",
            "import time",
        )
    )
    assert expected(module) == found(module)


def test_code_without_source_is_named_and_its_declaration_is_still_checked() -> None:
    namespace: dict[str, object] = {"__name__": "made_in_memory"}
    code = "from actum import contract\n\n@contract\nasync def work(name: str) -> str:\n    return name\n"
    exec(compile(code, "<made>", "exec"), namespace)  # noqa: S102  # code that has no file
    findings = lint_contract(namespace["work"])  # type: ignore[arg-type]
    assert [("owner-missing", 3), ("source-unavailable", 3)] == [(one.code, one.line) for one in findings]
    assert {"<made>"} == {one.file for one in findings}


def test_every_finding_ends_as_one_sentence_with_a_cure_of_its_own(plant: Plant) -> None:
    module = plant(body(BODIES["body-clock"][1], BODIES["body-clock"][0]))
    (first, *_) = lint_module(module, root=Path(module.__file__ or "").parent)
    assert (
        Finding(
            "body-clock",
            "work calls time.time(…), which reads the clock or blocks on it",
            RULES["body-clock"].cure,
            module.__file__ or "",
            first.line,
            "work",
            "error",
        )
        == first
    )


def test_every_code_has_a_planted_example() -> None:
    here = Path(__file__)
    planted = set(BODIES)
    for path in here.parent.glob("test_lint*.py"):
        planted.update(re.findall(r'(?:# expect: |")([a-z]+(?:-[a-z]+)+)\b', path.read_text()))
    assert set() == set(RULES) - planted


@pytest.mark.parametrize("name", ["argparse", "dataclasses", "http.client", "shutil", "zipfile"])
def test_no_code_makes_the_linter_fall_over(name: str) -> None:
    module = importlib.import_module(name)
    lines = len(Path(module.__file__ or "").read_text().splitlines())
    functions = [
        one
        for holder in (module, *(kind for kind in vars(module).values() if inspect.isclass(kind)))
        for one in vars(holder).values()
        if inspect.isfunction(one) and one.__code__.co_filename == module.__file__
    ]
    assert len(functions) > 20
    for function in functions:
        report = Report(None)
        check_body(function, report)
        for finding in report.findings:
            assert finding.code == "source-unavailable" or 1 <= finding.line <= lines
            assert (RULES[finding.code].severity, RULES[finding.code].cure) == (
                finding.severity,
                finding.cure,
            )
