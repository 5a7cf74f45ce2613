"""What is to be told, what is needed for it, and what became of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kpicli.messages import Language, Values, Words, catalogue, fill

Channel = Literal["mail", "webhook"]


@dataclass(frozen=True)
class Letter:
    """A summary, in the two forms that channels take; the bodies are without the subject, which each channel sets."""

    subject: str
    text: str
    """For mail."""
    markdown: str
    """For robots. All three show headings, bold, quotes and links; WeCom shows no lists and no tables."""
    attachments: tuple[Path, ...] = ()
    """What goes with the mail; a robot takes none."""
    language: Language = "zh"
    """Of the letter: what is said in it of things left out."""


@dataclass(frozen=True)
class Secrets:
    """What no file of settings holds, and no representation shows."""

    smtp_password: str = field(default="", repr=False)
    webhook_url: str = field(default="", repr=False)
    """It has the robot's token in it: whoever knows it can write to the group."""
    webhook_secret: str = field(default="", repr=False)
    """With which DingTalk and Feishu want messages signed, if the group's settings say so."""


@dataclass(frozen=True)
class Sent:
    """What became of a letter on one channel."""

    channel: Channel
    ok: bool
    code: str
    """Key in ``definitions/delivery.toml``; stable."""
    values: Values = field(default_factory=dict)
    """What fills the braces of the message: never a secret, a token or an address."""

    def message(self, language: Language = "zh") -> str:
        """Say what became of it, and why."""
        return fill(catalogue("delivery")[self.code].text, {"channel": said(self.channel), **self.values}, language)

    def hint(self, language: Language = "zh") -> str:
        """Say what to do about it; empty when there is nothing to do."""
        return fill(catalogue("delivery")[self.code].hint, {"channel": said(self.channel), **self.values}, language)


class Failure(Exception):
    """Why a letter was not sent; it ends one channel's attempt and never leaves this room."""

    def __init__(self, code: str, **values: str | Words) -> None:
        self.code = code
        self.values = values
        super().__init__(code)


def said(code: str) -> Words:
    """A text of the catalogue."""
    return catalogue("delivery")[code].text


def on_a_line(text: str) -> str:
    """Text that can stand in a header or a title: on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def encodable(text: str) -> str:
    """Text without halves of characters, which names of files can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
