"""Tell what a file is from its first bytes; its name is not asked."""

import re

HEAD = 1 << 16
"""So many bytes decide."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"\x09\x08\x10\x00\x00\x06", "biff"),
    (b"\x09\x08\x08\x00\x00\x05", "biff"),
    (b"\x09\x04\x06\x00", "biff"),
    (b"\x09\x02\x06\x00", "biff"),
    (b"\x09\x00\x04\x00", "biff"),
    (b"%PDF", "PDF 文档"),
    (b"\x89PNG", "图片 (PNG)"),
    (b"\xff\xd8\xff", "图片 (JPEG)"),
    (b"GIF8", "图片 (GIF)"),
    (b"Rar!", "RAR 压缩包"),
    (b"7z\xbc\xaf", "7z 压缩包"),
    (b"\x1f\x8b", "gzip 压缩包"),
    (b"PK\x05\x06", "空的 zip 压缩包"),
    (b"SQLite format 3", "SQLite 数据库"),
    (b"PAR1", "Parquet 文件"),
    (b"\x7fELF", "程序"),
    (b"{\\rtf", "RTF 文档"),
)
_HTML = re.compile(rb"<!doctype html|<(?:html|head|meta|body|table|tr|td)\b")


def container(head: bytes) -> str:
    """Name the container, as `kpicli.read.worker` knows its readers, or say what it is instead of a table.

    Text is what is left: it holds no zero byte unless a byte order mark says UTF-16.
    """
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "replace").encode("utf-8", "replace")
    elif b"\x00" in head:
        return {b"BM": "图片 (BMP)", b"MZ": "程序"}.get(head[:2], "二进制文件")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if (
        start.startswith((b"mime-version:", b"from:", b"content-type: multipart/related"))
        and b"\nmime-version:" in b"\n" + start
    ):
        return "mhtml"
    if not start.startswith(b"<"):
        return "text"
    if b"urn:schemas-microsoft-com:office:spreadsheet" in start:
        return "spreadsheetml"
    if b"urn:oasis:names:tc:opendocument" in start:
        return "fods"
    return "html" if _HTML.search(start) else "XML 文档"
