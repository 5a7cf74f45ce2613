"""The first sheet of a marked copy: every finding in a row, with a link to its cell."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from xml.sax.saxutils import quoteattr

from kpicli.mark.findings import KEY_HEADING, LAST_ROW, Finding, Headings, content
from kpicli.mark.styles import Listed
from kpicli.read.sheets import column_letters

_WIDTHS = (16, 10, 18, 8, 60, 60, 16)
_MOST_LINKS = 65_530
_LINKED = "B"


def sheet_xml(
    findings: Sequence[Finding],
    headings: Headings,
    styles: Mapping[Listed, int],
    linkable: Collection[str],
    namespace: str,
) -> bytes:
    """The part of the list. Rows beyond Excel's last and links beyond its 65,530 are left out.

    Only findings in a sheet of `linkable` get a link: to their cell, their row's first, or A1.
    """
    shown = list(islice(findings, LAST_ROW - 1))
    words = {"error": headings.error, "warning": headings.warning, "info": headings.info}
    titles = (
        headings.sheet,
        headings.cell,
        headings.column,
        headings.severity,
        headings.text,
        headings.hint,
        KEY_HEADING,
    )
    rows = [_row(1, titles, [styles["heading"]] * len(titles))]
    links: list[str] = []
    for number, finding in enumerate(shown, 2):
        linked = finding.sheet in linkable and len(links) < _MOST_LINKS
        formats = [styles["text"]] * len(titles)
        if linked:
            formats[1] = styles["link"]
            links.append(f'<hyperlink ref="{_LINKED}{number}" location={quoteattr(_location(finding))}/>')
        said = (finding.sheet, _cell(finding), finding.header, words[finding.severity], finding.text, finding.hint)
        rows.append(_row(number, (*said, finding.key), formats))
    columns = "".join(
        f'<col min="{place}" max="{place}" width="{width}" customWidth="1"'
        + (' hidden="1"/>' if place == len(_WIDTHS) else "/>")
        for place, width in enumerate(_WIDTHS, 1)
    )
    area = list_range(findings).replace("$", "")
    return (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="{namespace}">'
        f'<dimension ref="{area}"/><sheetViews><sheetView tabSelected="1" workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        '<selection pane="bottomLeft" activeCell="A2" sqref="A2"/></sheetView></sheetViews>'
        f'<sheetFormatPr defaultRowHeight="15"/><cols>{columns}</cols><sheetData>{"".join(rows)}</sheetData>'
        f'<autoFilter ref="{area}"/>'
        + (f"<hyperlinks>{''.join(links)}</hyperlinks>" if links else "")
        + '<pageMargins left="0.5" right="0.5" top="0.5" bottom="0.5" header="0.3" footer="0.3"/></worksheet>'
    ).encode()


def list_range(findings: Sequence[Finding]) -> str:
    """Where the list stands, such as ``$A$1:$G$9``."""
    return f"$A$1:${column_letters(len(_WIDTHS) - 1)}${min(len(findings) + 1, LAST_ROW)}"


def text_cell(reference: str, text: str, style: int) -> str:
    """A cell that holds text and nothing else, whatever it begins with."""
    space = "" if text == text.strip() else ' xml:space="preserve"'
    return f'<c r="{reference}" s="{style}" t="inlineStr"><is><t{space}>{content(text)}</t></is></c>'


def _row(number: int, texts: Iterable[str], styles: Sequence[int]) -> str:
    cells = "".join(
        text_cell(f"{column_letters(place)}{number}", text, styles[place]) for place, text in enumerate(texts) if text
    )
    return f'<row r="{number}">{cells}</row>'


def _cell(finding: Finding) -> str:
    if finding.row is None:
        return "A1"
    return f"{finding.column}{finding.row}" if finding.place else f"{finding.row}:{finding.row}"


def _location(finding: Finding) -> str:
    sheet = finding.sheet.replace("'", "''")
    if finding.place:
        return f"'{sheet}'!{finding.column}{finding.row}"
    row = finding.row if finding.row is not None and 1 <= finding.row <= LAST_ROW else 1
    return f"'{sheet}'!A{row}"
