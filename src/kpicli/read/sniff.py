"""Tell what a file is from its first bytes; its name is not asked."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
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
)


def container(head: bytes) -> str:
    """Name the container: ``zip``, ``ole``, ``html``, ``xml``, ``mhtml``, ``text``, or in words a kind to refuse.

    Text is what is left: it holds no zero byte unless a byte order mark says UTF-16.
    """
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "text"
    if b"\x00" in head:
        return {b"BM": "图片 (BMP)", b"MZ": "程序"}.get(head[:2], "二进制文件")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(b"mime-version:"):
        return "mhtml"
    if start.startswith((b"<!doctype html", b"<html", b"<table", b"<head", b"<meta", b"<style", b"<div")):
        return "html"
    if start.startswith(b"<"):
        return "xml"
    return "text"
