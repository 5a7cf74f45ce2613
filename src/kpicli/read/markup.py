"""Read tables of web pages that are named .xls: HTML as dealer systems send it, and MHTML as Excel saves it."""

import email
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage
from html import unescape

from lxml import etree

from kpicli.read.grid import Grid, without_errors
from kpicli.read.refusal import Refusal
from kpicli.read.sheets import RawSheet
from kpicli.read.text import decode

_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([\w-]+)""", re.I)
_SHEET = re.compile(r"<x:ExcelWorksheet>(.*?)</x:ExcelWorksheet>", re.S)
_NAME = re.compile(r"<x:Name>(.*?)</x:Name>", re.S)
_SOURCE = re.compile(r"<x:WorksheetSource\s+HRef=[\"']([^\"']*)")
_HIDDEN = re.compile(r"<x:Visible>\s*Sheet(?:Very)?Hidden")
_HEADINGS = {"caption", "h1", "h2", "h3", "h4", "h5", "h6", "p"}
_WIDEST_SPAN = 1_000


def read_html(content: bytes, name: str) -> list[RawSheet]:
    """Give a page as one sheet: its tables one below the other, as a spreadsheet program opens it."""
    page = _decoded(content)
    named = list(_listed(page))
    return [_sheet(page, named[0][1] if len(named) == 1 else name)]


def read_mhtml(content: bytes, name: str) -> list[RawSheet]:
    """Give the sheets of a web archive: one for each page in it that holds a table."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    pages = []
    for part in message.walk():
        if part.get_content_type() == "text/html" and isinstance(part, EmailMessage):
            body = part.get_payload(decode=True)
            if isinstance(body, bytes):
                pages.append((_file(str(part.get("Content-Location", ""))), _decoded(body, part.get_content_charset())))
    listed = {source: (title, hidden) for _, page in pages for source, title, hidden in _listed(page)}
    tables = [(file, page) for file, page in pages if "<td" in page.lower()]
    if not tables:
        raise Refusal("truncated", why="没有表格")
    otherwise = [name] if len(tables) == 1 else [file.partition(".")[0] for file, _ in tables]
    return [_sheet(page, *listed.get(file, (otherwise[number], False))) for number, (file, page) in enumerate(tables)]


def _listed(page: str) -> Iterator[tuple[str, str, bool]]:
    """The sheets that a page of Excel lists: the file each is in, its name, and whether it is hidden."""
    for block in _SHEET.findall(page):
        title, source = _NAME.search(block), _SOURCE.search(block)
        if title:
            yield _file(source.group(1)) if source else "", unescape(title.group(1)), bool(_HIDDEN.search(block))


def _file(address: str) -> str:
    return address.replace("\\", "/").rpartition("/")[2]


def _decoded(content: bytes, charset: str | None = None) -> str:
    declared = _CHARSET.search(content[:4096])
    return decode(content, charset or (declared.group(1).decode() if declared else None))


def _sheet(page: str, name: str, hidden: bool = False) -> RawSheet:
    lower = page.lower()
    if lower.rfind("<table") > lower.rfind("</table"):  # the one tag that no page leaves out
        raise Refusal("truncated", why="表格没有结束")
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    root = etree.fromstring(page.encode("utf-8", "replace"), parser)
    grid = Grid(name, hidden=hidden or bool(_HIDDEN.search(page)))
    if root is not None:
        _lay(root, grid, 0)
    return without_errors(grid.sheet())


def _lay(element: etree._Element, grid: Grid, row: int) -> int:
    """Lay what stands in an element into the grid from `row` on; give the next free row."""
    for child in element:
        tag = child.tag
        if tag == "table":
            row = _lay_table(child, grid, row) + 1
        elif tag in _HEADINGS and child.find(".//table") is None:
            text = _text(child)
            grid.put(row, 0, text)
            row += bool(text)
        elif tag not in ("script", "style", "head"):
            row = _lay(child, grid, row)
    return row


def _lay_table(table: etree._Element, grid: Grid, row: int) -> int:
    taken: dict[int, int] = {}
    """Column → the row below the cell that reaches down into it."""
    for entry in _rows(table):
        if entry.tag == "caption":
            grid.put(row, 0, _text(entry))
            row += 1
            continue
        column, inner = 0, []
        if "display:none" in (entry.get("style") or "").lower().replace(" ", "") or "hidden" in entry.attrib:
            grid.hide(row)
        for cell in entry:
            if cell.tag not in ("td", "th"):
                continue
            while taken and taken.get(column, 0) > row:
                column += 1
            marks = dict(cell.attrib)
            grid.put(row, column, marks.get("x:num") or marks.get("sdval") or _text(cell))  # the number behind the text
            across, down = _span(marks.get("colspan")), _span(marks.get("rowspan"))
            if across > 1 or down > 1:
                grid.merge(row, column, down, across)
            if down > 1:
                taken |= dict.fromkeys(range(column, column + across), row + down)
            column += across
            if len(cell):
                inner += cell.iterfind(".//table")
        row += 1
        for nested in inner:
            if next(nested.iterancestors("table")) is table:
                row = _lay_table(nested, grid, row)
    return row


def _rows(table: etree._Element) -> Iterator[etree._Element]:
    for child in table:
        if child.tag in ("tr", "caption"):
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from child.iterchildren("tr")


def _span(words: str | None) -> int:
    digits = (words or "").strip()
    return min(max(int(digits), 1), _WIDEST_SPAN) if digits.isdecimal() and len(digits) < 9 else 1


def _text(element: etree._Element) -> str:
    if len(element) == 0:  # the usual cell
        return " ".join((element.text or "").split())
    pieces: list[str] = []
    _gather(element, pieces)
    lines = re.sub(r"[ \t\r\f\v]*\n[ \t\r\f\v]*", "\n", "".join(pieces))
    return lines.strip()


def _gather(element: etree._Element, pieces: list[str]) -> None:
    pieces.append(re.sub(r"[ \t\r\n]+", " ", element.text or ""))
    for child in element:
        if child.tag == "br":
            pieces.append("\n")
        elif child.tag not in ("table", "script", "style"):
            _gather(child, pieces)
        pieces.append(re.sub(r"[ \t\r\n]+", " ", child.tail or ""))
