"""A letter through a group robot: each house's message, its signature, and what its answers mean.

The formats are described by their houses:

- WeCom: https://developer.work.weixin.qq.com/document/path/91770 (群机器人配置说明)
- DingTalk: https://open.dingtalk.com/document/robots/custom-robot-access and …/customize-robot-security-settings
- Feishu: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot (自定义机器人使用指南), and for its card
  https://open.feishu.cn/document/uAjLw4CM/ukzMukzMukzM/feishu-cards/card-json-v2-structure
"""

import base64
import hashlib
import hmac
import json
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from kpicli.deliver.letter import Failure, Letter, Sent, said
from kpicli.deliver.web import post
from kpicli.workspace import Robot

_Body = dict[str, Any]


@dataclass(frozen=True)
class _House:
    """What a house wants, and says."""

    body: Callable[[str, str], _Body]
    """Of a title and Markdown."""
    limit: int
    """Bytes."""
    limited: Callable[[_Body], str]
    """What of a body counts towards the limit."""
    success: tuple[str, ...]
    """The keys of an answer of which one is there, and all that are there are 0, if the message was taken."""
    meanings: Mapping[int, str]
    """What other numbers of its answers mean, where that is known."""


def send(letter: Letter, robot: Robot, url: str, secret: str, now: datetime, timeout: float) -> Sent:
    """Send a letter to the group of a robot; raises `Failure`."""
    where = _address(url.strip())
    query, body = message(robot, letter, secret.strip(), now)
    if query:
        where = where._replace(query="&".join(filter(None, (where.query, urlencode(query)))))
    status, answer = post(where.geturl(), _json(body).encode(), masked(where), timeout)
    _judge(_HOUSES[robot], status, answer, masked(where))
    return Sent("webhook", True, "webhook_sent", {"robot": said(robot)})


def _address(url: str) -> SplitResult:
    """The parts of a robot's address; raises `Failure` where it cannot be one."""
    if not url:
        raise Failure("webhook_no_url")
    try:
        where = urlsplit(url)
        sound = bool(where.hostname) and where.username is None and where.port != 0
    except ValueError:
        sound = False
    if not sound or where.scheme not in ("http", "https") or not re.fullmatch(r"[!-~]+", url):
        raise Failure("webhook_url")
    return where._replace(fragment="")


def masked(where: SplitResult) -> str:
    """An address without what is secret in it."""
    return f"{where.scheme}://{where.netloc}/…"


# What is sent


def message(robot: Robot, letter: Letter, secret: str, now: datetime) -> tuple[Mapping[str, str], _Body]:
    """What goes into the query and into the body; Markdown that is too long is cut at a line, which is said in it."""
    house = _HOUSES[robot]
    query, signature = _signed(robot, secret, now)
    subject, markdown = (_calls_nobody(text) for text in (letter.subject, letter.markdown))

    def body(text: str) -> _Body:
        return {**signature, **house.body(subject, text)}

    def fits(text: str) -> bool:
        return len(house.limited(body(text)).encode()) <= house.limit

    return query, body(_cut(markdown, fits, said("cut")[letter.language]))


def _signed(robot: Robot, secret: str, now: datetime) -> tuple[dict[str, str], dict[str, str]]:
    """What a signature adds to the query and to the body; WeCom has none."""
    if not secret or robot == "wecom":
        return {}, {}
    if robot == "dingtalk":
        stamp = str(round(now.timestamp() * 1000))
        return {"timestamp": stamp, "sign": _hmac(secret, f"{stamp}\n{secret}")}, {}
    stamp = str(round(now.timestamp()))
    return {}, {"timestamp": stamp, "sign": _hmac(f"{stamp}\n{secret}", "")}  # nothing is signed, with what others sign


def _hmac(key: str, text: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()


def _calls_nobody(text: str) -> str:
    """Text without what calls members of the group (``<@id>``, ``<at …>``); a name out of the data could hold it."""
    return re.sub(r"<(?=\s*(?:at\b|@))", "＜", text)


def _json(body: _Body) -> str:
    return json.dumps(body, ensure_ascii=False)


def _cut(text: str, fits: Callable[[str], bool], note: str) -> str:
    """A text that fits: the whole, or its first lines and a note; of a first line that is too long, its beginning."""
    if fits(text):
        return text
    most = bisect_left(range(len(text)), True, key=lambda end: not fits(f"{text[: end + 1]}\n\n{note}"))
    head = text[: most + 1].rpartition("\n")[0] or text[:most]
    return f"{head.rstrip()}\n\n{note}"


def _wecom(title: str, markdown: str) -> _Body:
    return {"msgtype": "markdown", "markdown": {"content": f"## {title}\n{markdown}"}}


def _dingtalk(title: str, markdown: str) -> _Body:
    text = f"## {title}\n{markdown}".replace("\n", "  \n")  # without the spaces it joins the lines
    return {"msgtype": "markdown", "markdown": {"title": title, "text": text}}


def _feishu(title: str, markdown: str) -> _Body:
    """A card of the second kind, since the first knows no headings, quotes or tables; clients from 7.20 (2024) on."""
    return {
        "msg_type": "interactive",
        "card": {
            "schema": "2.0",
            "header": {"title": {"tag": "plain_text", "content": title}},
            "body": {"elements": [{"tag": "markdown", "content": markdown}]},
        },
    }


def _content(body: _Body) -> str:
    return str(body["markdown"]["content"])


# What is answered


def _judge(house: _House, status: int, content: bytes, place: str) -> None:
    """Raise `Failure` unless an answer says that the message was taken."""
    number = _number(house, content)
    if 300 <= status < 400:
        raise Failure("webhook_redirect", place=place, number=str(status))
    if number:
        raise Failure(house.meanings.get(number, "webhook_refused"), place=place, number=str(number))
    if not 200 <= status < 300:
        raise Failure("webhook_http", place=place, number=str(status))
    if number is None:
        raise Failure("webhook_unreadable", place=place)


def _number(house: _House, content: bytes) -> int | None:
    """The number in an answer, 0 for success; None where it is none of this house's answers."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return None
    told = [answer[key] for key in house.success if key in answer] if isinstance(answer, dict) else []
    if not told or any(type(number) is not int for number in told):  # False is no 0
        return None
    return next((number for number in told if number), 0)


_HOUSES: Mapping[Robot, _House] = {
    # "content: markdown内容，最长不超过4096个字节，必须是utf8编码"
    "wecom": _House(
        _wecom, 4096, _content, ("errcode",), {93000: "webhook_gone", 45009: "webhook_often", 40058: "webhook_form"}
    ),
    # 460101: "message too long, exceed 20000 bytes"; 310000 is any of word, signature and address
    "dingtalk": _House(
        _dingtalk,
        20_000,
        _json,
        ("errcode",),
        {
            300001: "webhook_gone",
            300005: "webhook_gone",
            310000: "webhook_security",
            130101: "webhook_often",
            460101: "webhook_form",
        },
    ),
    # "发送消息时，请求体的数据大小不能超过 20 KB"; older answers say StatusCode, newer ones code, some both
    "feishu": _House(
        _feishu,
        20_000,
        _json,
        ("code", "StatusCode"),
        {
            19001: "webhook_gone",
            19021: "webhook_security",
            19022: "webhook_security",
            19024: "webhook_security",
            11232: "webhook_often",
            9499: "webhook_form",
        },
    ),
}
