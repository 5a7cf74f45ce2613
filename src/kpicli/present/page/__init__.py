"""A month as one page: a file that holds all it needs, to be read on a phone, on a desk or on paper.

Every number of the page is looked up in the document that `document` gives, which is the report's JSON with what else
the page shows; the page says with each which one it is. Text from outside is escaped by the template, and no customer
is in any of it.
"""

from base64 import b64encode
from collections.abc import Sequence
from datetime import tzinfo
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from kpicli.errors import StoreError
from kpicli.messages import Language
from kpicli.pipeline.page import Paged, files_of
from kpicli.present.page.document import document
from kpicli.present.page.sections import sections
from kpicli.present.rows import write_bytes
from kpicli.present.words import word

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["document", "page", "write"]


def page(paged: Paged, zone: tzinfo, language: Language) -> bytes:
    """One file of HTML: style, charts and evidence inside, no script, nothing fetched from anywhere."""
    style = _file("style.css")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    shown = sections(paged, zone, language)
    return _template().render(page=shown, style=style, digest=digest, w=lambda key: word(key, language)).encode()


def write(pages: Sequence[Paged], out: Path, zone: tzinfo, language: Language) -> list[Path]:
    """Write the page of each report into a folder, or the one file named outright; give the files written.

    Raises `UsageError` where several would be one file, `StoreError` when one cannot be written.
    """
    targets = files_of([paged.report for paged in pages], out)
    contents = [page(paged, zone, language) for paged in pages]
    for target, content in zip(targets, contents, strict=True):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError("output_failed", out=str(target), why=error.strerror or "?") from error
        write_bytes(content, target)
    return targets


def _file(name: str) -> str:
    return files("kpicli").joinpath("definitions", "page", name).read_text(encoding="utf-8")


@cache
def _template() -> "Template":
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_file),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html")
