"""Six floors: a module imports from floors below it and from its own folder, never upwards and never sideways."""

from __future__ import annotations

import sys

from sources import Module, imports, modules

FLOORS = {
    0: {"model", "errors", "settings", "outcomes", "version"},
    1: {"machine", "flow"},
    2: {"store", "authoring"},
    3: {"engine", "sql", "sqlalchemy"},
    4: {"client"},
    5: {"cli", "console", "effects", "integrations", "testing"},
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
FRONT_DOOR = "__init__"
"""Names what the rooms hold; it imports each on use."""

PURE = {
    "model": {"pydantic"},
    "errors": set(),
    "settings": set(),
    "outcomes": {"typing_extensions"},  # for type checkers alone
    "machine": set(),
    "flow": set(),
}
DRIVERS = {"asyncpg", "psycopg", "sqlalchemy"}
WEB = {"fastapi", "starlette", "uvicorn", "jinja2", "aiohttp", "flask"}


def inside() -> list[Module]:
    """Return all modules but the front door."""
    return [module for module in modules() if module.room != FRONT_DOOR]


def test_every_room_has_its_floor() -> None:
    assert [] == sorted({module.room for module in inside()} - set(FLOOR_OF))


def _imports_from_above(module: Module) -> list[str]:
    floor = FLOOR_OF[module.room]
    wrong = []
    for one in imports(module):
        parts = one.name.split(".")
        if parts[0] != "actum":
            continue
        room = parts[1] if len(parts) > 1 else FRONT_DOOR
        is_entry_of_an_edge = module.room == "cli" and one.is_on_use and FLOOR_OF.get(room) == 5
        if room == module.room or is_entry_of_an_edge or FLOOR_OF.get(room, 9) < floor:
            continue
        if floor == 0 and FLOOR_OF.get(room) == 0:
            continue  # plain records and names share one floor
        wrong.append(f"line {one.line}: {one.name}")
    return wrong


def test_a_module_imports_from_below_and_from_its_own_room() -> None:
    assert {} == {one.place: wrong for one in inside() if (wrong := _imports_from_above(one))}


def test_a_module_names_what_it_imports_whole() -> None:
    assert [] == [
        f"{module.place}:{one.line}"
        for module in inside()
        for one in imports(module)
        if one.name.startswith(".")
    ]


def test_the_pure_rooms_use_the_standard_library_only() -> None:
    assert [] == [
        f"{module.place}:{one.line}: {one.name}"
        for module in inside()
        if module.room in PURE
        for one in imports(module)
        if one.name.split(".")[0] not in sys.stdlib_module_names | {"actum"} | PURE[module.room]
    ]


def test_only_the_store_knows_the_driver_and_only_the_console_the_web() -> None:
    known = {"store": DRIVERS, "sqlalchemy": DRIVERS, "console": WEB}
    assert [] == [
        f"{module.place}:{one.line}: {one.name}"
        for module in inside()
        for one in imports(module)
        if one.name.split(".")[0] in (DRIVERS | WEB) - known.get(module.room, set())
    ]
