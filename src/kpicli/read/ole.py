"""Tell what an OLE container holds, and take the password off an encrypted workbook."""

import io

from kpicli.read.refusal import Refusal

_ENCRYPTED_PACKAGE, _WORD, _POWERPOINT = (
    name.encode("utf-16-le") for name in ("EncryptedPackage", "WordDocument", "PowerPoint Document")
)
_WORKBOOKS = [name.encode("utf-16-le") for name in ("Workbook", "WORKBOOK", "Book", "BOOK")]


def kind(content: bytes) -> str:
    """``xls`` (perhaps under a password) or ``encrypted`` (a package); raise `Refusal` for other programs' documents.

    The names of the streams stand in the container's directory, in UTF-16.
    """
    if _ENCRYPTED_PACKAGE in content:
        return "encrypted"
    if _WORD in content:
        raise Refusal("not_a_table", kind="Word 文档")
    if _POWERPOINT in content:
        raise Refusal("not_a_table", kind="PowerPoint 演示文稿")
    if not any(name in content for name in _WORKBOOKS):
        raise Refusal("not_a_table", kind="OLE 文档")
    return "xls"


_NO_PASSWORD = "VelvetSweatshop"
"""What Excel itself tries first: workbooks that are only marked read-only open with it."""


def decrypted(content: bytes, password: str | None) -> bytes:
    """The workbook inside; raise `Refusal` without the password or with a wrong one."""
    import msoffcrypto
    from msoffcrypto.exceptions import DecryptionError, InvalidKeyError

    plain = io.BytesIO()
    try:
        workbook = msoffcrypto.OfficeFile(io.BytesIO(content))
        workbook.load_key(password=password or _NO_PASSWORD)
        workbook.decrypt(plain)
    except (InvalidKeyError, DecryptionError) as error:
        raise Refusal("wrong_password" if password else "encrypted") from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged file brings out errors of every kind
        raise Refusal("truncated", why=type(error).__name__) from error
    return plain.getvalue()
