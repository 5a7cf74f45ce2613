"""A letter by SMTP (RFC 5321), with the workbooks attached."""

import ipaddress
import ssl
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from pathlib import Path
from smtplib import (
    SMTP,
    SMTP_SSL,
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from uuid import uuid4

from kpicli.deliver.faults import connection_failure
from kpicli.deliver.letter import Failure, Letter, Sent, encodable, on_a_line, said
from kpicli.messages import fill
from kpicli.workspace import ADDRESS, Delivery

MOST_ATTACHED = 20_000_000
"""Bytes of all attachments, a third less than what they become on the way; many a company takes letters of 25 MB."""

_ME = "[127.0.0.1]"
"""How we greet: the name of this machine may be Chinese, which fails in smtplib, and is nobody's business."""
_KINDS = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".html": "text/html",
}


def send(letter: Letter, delivery: Delivery, password: str, now: datetime, timeout: float) -> Sent:
    """Send a letter to all addresses; raises `Failure`, also when only some get it."""
    _ready(delivery, password)
    message, left_out = compose(letter, delivery, now)
    try:
        with closing(_connected(delivery, timeout)) as server:
            if delivery.smtp_user:
                _log_in(server, delivery.smtp_user, password)
            refused = server.send_message(message, delivery.mail_from, delivery.mail_to)
            with suppress(SMTPException, OSError):  # it has the letter; how it takes leave does not matter
                server.quit()
    except (OSError, UnicodeError) as error:
        raise _failure(error, _place(delivery), timeout) from error
    if refused:
        raise Failure("mail_recipients", refused=str(len(refused)), count=str(len(delivery.mail_to)))
    code = "mail_sent_without" if left_out else "mail_sent"
    return Sent("mail", True, code, {"count": str(len(delivery.mail_to)), "left_out": str(len(left_out))})


def _ready(delivery: Delivery, password: str) -> None:
    """Raise `Failure` unless the settings are whole."""
    needed = {"smtp_host": delivery.smtp_host.strip(), "mail_from": delivery.mail_from.strip()}
    if missing := [f"delivery.{key}" for key, value in needed.items() if not value]:
        raise Failure("mail_incomplete", keys=" · ".join(missing))
    given = {"mail_from": [delivery.mail_from], "mail_to": delivery.mail_to}
    if wrong := [f"delivery.{key}" for key, words in given.items() if not all(map(ADDRESS.fullmatch, words))]:
        raise Failure("mail_address", keys=" · ".join(wrong))
    if delivery.smtp_user and not password:
        raise Failure("mail_no_password")
    if delivery.smtp_user and delivery.smtp_security == "none" and not _is_here(delivery.smtp_host):
        raise Failure("mail_plain_login")


def _is_here(host: str) -> bool:
    """Whether a host is this machine, so that nobody can listen on the way."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def compose(letter: Letter, delivery: Delivery, now: datetime) -> tuple[EmailMessage, Sequence[str]]:
    """The mail, and the names of what could not be attached, which its text tells."""
    message = EmailMessage(policy=SMTP_POLICY)
    message["Subject"] = letter.subject
    message["From"] = delivery.mail_from
    message["To"] = ", ".join(delivery.mail_to)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{uuid4().hex}@{delivery.mail_from.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # so that nobody's absence note comes back (RFC 3834)
    attached, left_out = _read(letter.attachments if delivery.attach else ())
    text = letter.text
    if left_out:
        text = f"{text.rstrip()}\n\n{fill(said('left_out'), {'files': ' · '.join(left_out)}, letter.language)}\n"
    message.set_content(text, cte="base64")  # some servers still take seven bits and short lines only
    for name, content in attached:
        kind, _, subtype = _KINDS.get(Path(name).suffix.lower(), "application/octet-stream").partition("/")
        message.add_attachment(content, maintype=kind, subtype=subtype, filename=name)
    return message, left_out


def _read(paths: Sequence[Path]) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Name and content of the files that can be read and are not too much together; and the names of the others."""
    attached: list[tuple[str, bytes]] = []
    left_out: list[str] = []
    room = MOST_ATTACHED
    for path in paths:
        name = on_a_line(encodable(path.name))
        try:
            content = path.read_bytes() if path.stat().st_size <= room else None
        except OSError:
            content = None
        if content is None:
            left_out.append(name)
        else:
            attached.append((name, content))
            room -= len(content)
    return attached, left_out


def _connected(delivery: Delivery, timeout: float) -> SMTP:
    """A connection as safe as was asked for."""
    host, port = delivery.smtp_host.strip(), delivery.smtp_port
    trust = ssl.create_default_context()
    if delivery.smtp_security == "tls":
        return SMTP_SSL(host, port, local_hostname=_ME, timeout=timeout, context=trust)
    server = SMTP(host, port, local_hostname=_ME, timeout=timeout)
    try:
        if delivery.smtp_security == "starttls":
            server.starttls(context=trust)
    except (OSError, UnicodeError) as error:
        server.close()
        if isinstance(error, SMTPNotSupportedError | SMTPResponseException):
            raise Failure("mail_no_starttls", place=_place(delivery)) from error
        raise
    return server


def _place(delivery: Delivery) -> str:
    return on_a_line(f"{delivery.smtp_host}:{delivery.smtp_port}")


def _log_in(server: SMTP, user: str, password: str) -> None:
    try:
        server.login(user, password)
    except SMTPServerDisconnected:
        raise
    except (SMTPException, UnicodeError) as error:  # the latter: an account or password that is not ASCII
        number = str(error.smtp_code) if isinstance(error, SMTPAuthenticationError) else "–"
        raise Failure("mail_login", number=number) from error


def _failure(error: OSError | UnicodeError, place: str, timeout: float) -> Failure:
    """What a server or the way to it refused; what the server said could hold addresses, so its number is told."""
    match error:
        case SMTPRecipientsRefused():
            count = str(len(error.recipients))
            return Failure("mail_recipients", refused=count, count=count)
        case SMTPResponseException():
            return Failure("mail_refused", place=place, number=str(error.smtp_code))
        case SMTPServerDisconnected(__context__=OSError() as cause):  # smtplib hides what ended a reply
            return connection_failure(cause, place, timeout)
    return connection_failure(error, place, timeout)
