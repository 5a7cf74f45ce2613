"""Post JSON over HTTP; no redirect is followed, and no more of an answer is read than an answer can be."""

import ssl
from email.message import Message
from http.client import HTTPException
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from kpicli.deliver.faults import connection_failure
from kpicli.deliver.letter import Failure, said

MOST_READ = 64 * 1024
"""Bytes; what a robot answers has some hundred."""


class _Stay(HTTPRedirectHandler):
    """A redirect is an answer as any other: what is sent is for one address, and none of our secrets for another."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str) -> None:
        return None


def post(url: str, body: bytes, place: str, timeout: float) -> tuple[int, bytes]:
    """Status and content of the answer; `place` is the address as failures may name it. Raises `Failure`.

    A proxy of the system is used (`urllib.request.getproxies`), without which many an office reaches nothing.
    """
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "kpicli"}
    opener = build_opener(_Stay, HTTPSHandler(context=ssl.create_default_context()))
    try:
        request = Request(url, data=body, headers=headers, method="POST")
        try:
            with opener.open(request, timeout=timeout) as response:
                status, content = response.status, response.read(MOST_READ + 1)
        except HTTPError as error:
            with error:
                status, content = error.code, error.read(MOST_READ + 1)
    except URLError as error:
        cause = error.reason if isinstance(error.reason, BaseException) else error
        raise connection_failure(cause, place, timeout) from error
    except (OSError, UnicodeError) as error:
        raise connection_failure(error, place, timeout) from error
    except HTTPException as error:
        raise Failure("unreachable", place=place, why=said("no_http")) from error
    if len(content) > MOST_READ:
        raise Failure("webhook_unreadable", place=place)
    return status, content
