"""The directory listing is the architecture: imports point one way, and each library has its place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kpicli

PACKAGE = Path(kpicli.__file__).parent

# From the ground up: a module imports only from floors below its own, or from its own room.
FLOORS = [
    {"messages", "formula", "words"},
    {"errors", "issues", "models", "chance"},
    {"catalogue", "periods"},
    {"tables"},
    {"mapping"},
    {"loading"},
    {"read", "masking", "normalise"},
    {"layout", "titles", "workspace"},
    {"columns", "deliver"},
    {"recognise"},
    {"validate", "identify"},
    {"control"},
    {"store", "measure"},
    {"kpi", "stages", "cohort", "planning", "coverage", "series", "deviations", "readings", "answers"},
    {"change", "diagnosis"},
    {"opc"},
    {"mark", "fill"},
    {"pipeline"},
    {"present"},
    {"cli"},
    {"__main__"},
]

PLACES = {
    "chinese_calendar": {"periods"},
    "typer": {"cli"},
    "rich": {"cli", "present"},
    "fastexcel": {"read"},
    "deltalake": {"store"},
    "xlsxwriter": {"present"},
    "jinja2": {"present"},
    "openpyxl": {"fill"},
    "xlrd": {"read"},
    "lxml": {"read"},
    "msoffcrypto": {"read"},
    "tomlkit": {"pipeline"},
    "polars": {
        "read",
        "words",
        "masking",
        "normalise",
        "layout",
        "columns",
        "recognise",
        "control",
        "validate",
        "identify",
        "store",
        "measure",
        "cohort",
        "coverage",
        "pipeline",
        "present",
    },
}


def rooms() -> list[str]:
    return sorted(
        {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")} - {"__init__"}
    )


def imports(room: str) -> Iterator[tuple[str, str]]:
    """(file, module imported) of a room, also those inside functions."""
    files = [PACKAGE / f"{room}.py"] if (PACKAGE / f"{room}.py").is_file() else sorted((PACKAGE / room).rglob("*.py"))
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((file.name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file.name}: imports are absolute"
                if node.module == "kpicli":
                    yield from ((file.name, f"kpicli.{alias.name}") for alias in node.names)
                else:
                    yield file.name, node.module or ""


def floor(room: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if room in floor)


def test_every_room_has_its_floor() -> None:
    assert set(rooms()) == set().union(*FLOORS)


@pytest.mark.parametrize("room", rooms())
def test_imports_point_down(room: str) -> None:
    for file, module in imports(room):
        package, _, rest = module.partition(".")
        target = rest.split(".")[0]
        if package == "kpicli" and target and not target.startswith("__") and target != room:
            assert floor(target) < floor(room), f"{file} imports {module}"


@pytest.mark.parametrize("room", rooms())
def test_each_library_stays_in_its_place(room: str) -> None:
    for file, module in imports(room):
        library = module.partition(".")[0]
        assert library not in PLACES or room in PLACES[library], f"{file} imports {library}"
        assert library not in ("pandas", "numpy", "pyarrow"), f"{file} imports {library}"


@pytest.mark.parametrize("room", sorted(set(rooms()) - {"cli", "__main__"}))
def test_nothing_below_the_command_line_reads_the_clock_the_environment_or_the_folder(room: str) -> None:
    """`ingest` alone has a default for the time, for use from Python; the child of `read` gets its environment."""
    files = [PACKAGE / f"{room}.py"] if (PACKAGE / f"{room}.py").is_file() else sorted((PACKAGE / room).rglob("*.py"))
    for file in files:
        calls = [
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        ]
        forbidden = {
            "date.today",
            "datetime.today",
            "datetime.utcnow",
            "Path.cwd",
            "os.getcwd",
            "os.getenv",
            "time.time",
        }
        assert not forbidden & set(calls), file.name
        if file.name != "ingest.py":
            assert "datetime.now" not in calls, file.name
