"""The shipped sample exports, laid out as a workspace to play with."""

import shutil
from pathlib import Path

import kpicli

_SETTINGS = """\
# A kpicli workspace with the sample data. Every key is optional.
dealer = "示例别克"
book = "buick"
store = "store"
"""


def lay_out(folder: Path) -> Path:
    """Copy the sample exports into a workspace; give the folder they lie in. What is there already is left alone."""
    inbox = folder / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    for sample in sorted(_samples().iterdir()):
        if sample.suffix in (".xlsx", ".csv") and not (inbox / sample.name).exists():
            shutil.copyfile(sample, inbox / sample.name)
    settings = folder / "kpicli.toml"
    if not settings.exists():
        settings.write_text(_SETTINGS, encoding="utf-8")
    return inbox


def _samples() -> Path:
    """Inside the wheel beside the package's modules; in a checkout at its top."""
    package = Path(kpicli.__file__).parent
    shipped = package / "sample_data"
    return shipped if shipped.is_dir() else package.parents[1] / "sample_data"
