"""Telling people: what goes over the wire, tried against servers of this machine, and what is said when it does not."""

import base64
import email
import email.policy
import hashlib
import hmac
import json
import re
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kpicli.deliver import Letter, Secrets, Sent, deliver
from kpicli.deliver.mail import MOST_ATTACHED
from kpicli.messages import catalogue
from kpicli.workspace import Delivery, Robot
from tests.issues import LANGUAGES
from tests.test_issues import placeholders

NOW = datetime(2026, 11, 1, 8, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=8)))
MILLISECONDS, SECONDS = "1793491200250", "1793491200"
TOKEN, SECRET, PASSWORD = "693a91f6-TOKEN", "SECgeheim/+=", "p ass-geheim"
BOSS, DEPUTY, SENDER = "boss@example.com", "deputy@example.com", "kpi@shop.example"
LETTER = Letter("示例别克 2026-10 月报", "客流 412\n订单 45\n", "**客流** 412\n> 订单 45")
HAN = re.compile("[\u4e00-\u9fff]")
ROBOTS: tuple[Robot, ...] = ("wecom", "dingtalk", "feishu")
TAKEN = {"wecom": {"errcode": 0, "errmsg": "ok"}, "dingtalk": {"errcode": 0}, "feishu": {"code": 0, "msg": "success"}}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def checked(sent: tuple[Sent, ...]) -> Sent:
    """The one result, with words in both languages that hold nothing secret."""
    (result,) = sent
    for language in LANGUAGES:
        for text in (result.message(language), result.hint(language)):
            assert "…" not in text.replace("/…", ""), text  # every brace is filled
            assert language == "zh" or not HAN.search(text), text
            for secret in (TOKEN, SECRET, PASSWORD, BOSS, DEPUTY, "access_token", "geheim", "19900001111"):
                assert secret not in f"{text} {result.values}", text
        assert result.message(language)
        assert result.hint(language) or result.ok
    return result


# Nothing


def test_nothing_is_sent_when_everything_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*words: object, **more: object) -> Any:
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.socket", refused)
    monkeypatch.setattr("socket.create_connection", refused)
    monkeypatch.setattr("socket.getaddrinfo", refused)
    monkeypatch.setattr("kpicli.deliver.channels.Thread", refused)
    secrets = Secrets(PASSWORD, f"https://127.0.0.1/{TOKEN}", SECRET)
    assert deliver(LETTER, Delivery(), secrets, now=NOW) == ()
    whole_but_for_whom = Delivery(mail_from=SENDER, smtp_host="127.0.0.1", smtp_user="kpi")
    assert deliver(LETTER, whole_but_for_whom, secrets, now=NOW) == ()


def test_what_speaks_to_the_network_is_loaded_when_it_is_needed() -> None:
    code = "import sys, kpicli.deliver; print({'smtplib', 'ssl', 'urllib.request', 'http.client'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "set()"


def test_secrets_are_not_in_what_represents_them() -> None:
    assert repr(Secrets(PASSWORD, TOKEN, SECRET)) == "Secrets()"


# Robots


class Web:
    """A server that keeps what it was sent and answers as told."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.status, self.answer, self.headers = 200, b"{}", {}  # type: int, bytes, dict[str, str]
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def query(self) -> dict[str, list[str]]:
        return urllib.parse.parse_qs(self.requests[-1][1].partition("?")[2])

    @property
    def body(self) -> Any:
        return json.loads(self.requests[-1][3])


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def answered(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            web.requests.append((self.command, self.path, dict(self.headers), content))
            self.send_response(web.status)
            for name, value in {"Content-Length": str(len(web.answer)), **web.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(web.answer)

        do_GET = do_POST = answered

        def log_message(self, *words: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:  # a client that turns away is meant to
            pass

    with Quiet(("127.0.0.1", 0), Handler) as server:
        web = Web(server)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            web.url = web.url.replace("http:", "https:")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield web
        server.shutdown()


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


def posted(web: Web, robot: Robot, letter: Letter = LETTER, *, secret: str = "", timeout: float = 5) -> Sent:
    if web.answer == b"{}":
        web.answer = json.dumps(TAKEN[robot]).encode()
    secrets = Secrets(webhook_url=f"{web.url}/robot/send?access_token={TOKEN}", webhook_secret=secret)
    return checked(deliver(letter, Delivery(webhook=robot), secrets, now=NOW, timeout=timeout))


def test_wecom_gets_its_format(web: Web) -> None:
    assert posted(web, "wecom", secret=SECRET) == Sent("webhook", True, "webhook_sent", {"robot": said("wecom")})
    ((method, path, headers, content),) = web.requests
    assert (method, path) == ("POST", f"/robot/send?access_token={TOKEN}")
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(content) == {
        "msgtype": "markdown",
        "markdown": {"content": "## 示例别克 2026-10 月报\n**客流** 412\n> 订单 45"},
    }


def said(code: str) -> Any:
    return catalogue("delivery")[code].text


@pytest.mark.parametrize("secret", ["", SECRET])
def test_dingtalk_gets_its_format_and_its_signature_in_the_address(web: Web, secret: str) -> None:
    assert posted(web, "dingtalk", secret=secret).ok
    text = "## 示例别克 2026-10 月报  \n**客流** 412  \n> 订单 45"
    assert web.body == {"msgtype": "markdown", "markdown": {"title": "示例别克 2026-10 月报", "text": text}}
    signed = hmac.new(SECRET.encode(), f"{MILLISECONDS}\n{SECRET}".encode(), hashlib.sha256).digest()
    signature = {"timestamp": [MILLISECONDS], "sign": [base64.b64encode(signed).decode()]} if secret else {}
    assert web.query == {"access_token": [TOKEN], **signature}
    if secret:
        raw = urllib.parse.quote_plus(base64.b64encode(signed))
        assert web.requests[0][1] == f"/robot/send?access_token={TOKEN}&timestamp={MILLISECONDS}&sign={raw}"


@pytest.mark.parametrize("secret", ["", SECRET])
def test_feishu_gets_its_format_and_its_signature_in_the_body(web: Web, secret: str) -> None:
    assert posted(web, "feishu", secret=secret).ok
    signed = hmac.new(f"{SECONDS}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    signature = {"timestamp": SECONDS, "sign": base64.b64encode(signed).decode()} if secret else {}
    assert web.body == {
        **signature,
        "msg_type": "interactive",
        "card": {
            "schema": "2.0",
            "header": {"title": {"tag": "plain_text", "content": "示例别克 2026-10 月报"}},
            "body": {"elements": [{"tag": "markdown", "content": "**客流** 412\n> 订单 45"}]},
        },
    }
    assert web.query == {"access_token": [TOKEN]}


def shown(robot: Robot, body: Any) -> str:
    """What people read."""
    if robot == "feishu":
        return str(body["card"]["body"]["elements"][0]["content"])
    return str(body["markdown"]["content" if robot == "wecom" else "text"])


def counted(robot: Robot, web: Web) -> int:
    return len(shown(robot, web.body).encode() if robot == "wecom" else web.requests[-1][3])


LIMITS = {"wecom": 4096, "dingtalk": 20_000, "feishu": 20_000}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("robot", ROBOTS)
@pytest.mark.parametrize("line", ['- 顾问 "张*" 订单 {n} 🚗', "x {n}", "\\ {n}"])
def test_what_is_too_long_is_cut_at_a_line_and_says_so(web: Web, robot: Robot, line: str, language: Any) -> None:
    lines = [line.format(n=n) for n in range(6000)]
    assert posted(web, robot, replace(LETTER, markdown="\n".join(lines), language=language), secret=SECRET).ok
    note = said("cut")[language]
    kept = [text.rstrip() for text in shown(robot, web.body).splitlines()]
    body = kept if robot == "feishu" else kept[1:]
    assert (body[-2:], body[:-2]) == (["", note], lines[: len(body) - 2])
    assert LIMITS[robot] - 120 < counted(robot, web) <= LIMITS[robot]


@pytest.mark.parametrize("robot", ROBOTS)
def test_a_line_that_is_too_long_is_cut_between_characters_and_a_title_is_cut(web: Web, robot: Robot) -> None:
    letter = Letter("长" * 5000 + "\n\r\tx", "", "🚗字" * 20_000)
    assert posted(web, robot, letter).ok
    text = shown(robot, web.body)
    assert said("cut").zh in text
    assert LIMITS[robot] - 10 < counted(robot, web) <= LIMITS[robot]
    assert "长" * 100 in json.dumps(web.body, ensure_ascii=False)
    assert "长" * 101 not in json.dumps(web.body, ensure_ascii=False)


@pytest.mark.parametrize("robot", ROBOTS)
def test_what_just_fits_is_whole(web: Web, robot: Robot) -> None:
    assert posted(web, robot, replace(LETTER, markdown="")).ok
    room = LIMITS[robot] - counted(robot, web)
    for length, cut in ((room, False), (room + 1, True)):
        assert posted(web, robot, replace(LETTER, markdown="x" * length)).ok
        assert (said("cut").zh in shown(robot, web.body)) == cut


@pytest.mark.parametrize("robot", ROBOTS)
def test_a_name_out_of_the_data_calls_nobody_and_halves_of_characters_break_nothing(web: Web, robot: Robot) -> None:
    letter = Letter("月报\n<@all>\udc80", "", "<at id=all></at> < AT> <@boss> <font color='info'>好</font> \udcff")
    assert posted(web, robot, letter).ok
    text = json.dumps(web.body, ensure_ascii=False)
    assert not re.search(r"<\s*(@|at )", text)
    assert "<font color" in text


@pytest.mark.parametrize(
    ("robot", "answer", "code"),
    [
        ("wecom", {"errcode": 93000, "errmsg": f"invalid webhook url {TOKEN}, from ip: 1.2.3.4"}, "webhook_gone"),
        ("wecom", {"errcode": 45009, "errmsg": SECRET}, "webhook_often"),
        ("wecom", {"errcode": 40058}, "webhook_form"),
        ("wecom", {"errcode": -1, "errmsg": "系统繁忙"}, "webhook_refused"),
        ("dingtalk", {"errcode": 310000, "errmsg": "sign not match"}, "webhook_security"),
        ("dingtalk", {"errcode": 300005, "errmsg": "token is not exist"}, "webhook_gone"),
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast", "status": 1111}, "webhook_often"),
        ("feishu", {"code": 19021, "msg": "sign match fail", "data": {}}, "webhook_security"),
        ("feishu", {"StatusCode": 0, "code": 19024, "msg": "Key Words Not Found"}, "webhook_security"),
        ("feishu", {"StatusCode": 7}, "webhook_refused"),
        ("feishu", {"code": 0, "StatusCode": False}, "webhook_unreadable"),
        ("wecom", {"code": 0}, "webhook_unreadable"),
        ("wecom", {"errcode": False}, "webhook_unreadable"),
        ("wecom", {"errcode": "0"}, "webhook_unreadable"),
        ("dingtalk", [0], "webhook_unreadable"),
        ("dingtalk", None, "webhook_unreadable"),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_what_a_robot_refuses_is_told(web: Web, robot: Robot, answer: Any, code: str, status: int) -> None:
    web.status, web.answer = status, json.dumps(answer).encode()
    sent = posted(web, robot, secret=SECRET)
    assert (sent.ok, sent.code) == (False, code if status == 200 or code != "webhook_unreadable" else "webhook_http")


@pytest.mark.parametrize("answer", [{"code": 0}, {"StatusCode": 0, "StatusMessage": "success"}])
def test_feishu_says_success_in_either_way(web: Web, answer: Any) -> None:
    web.answer = json.dumps(answer).encode()
    assert posted(web, "feishu").ok


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>login</html>", b"\xff\xfe\x00", b"[" * 60_000, b'{"errcode": 0, "x": "' + b"x" * 70_000 + b'"}'],
    ids=["nothing", "html", "bytes", "deep", "huge"],
)
def test_what_is_no_answer_of_a_robot_is_told(web: Web, answer: bytes) -> None:
    web.answer = answer or b" "
    assert posted(web, "wecom").code == "webhook_unreadable"


def test_of_a_huge_answer_no_more_is_read_than_an_answer_can_be(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    whole = socket.SocketIO.readinto
    monkeypatch.setattr(
        "socket.SocketIO.readinto", lambda self, buffer: read.append(whole(self, buffer) or 0) or read[-1]
    )
    web.headers = {"Content-Length": str(10**12)}
    web.answer = b" " * 40_000_000
    assert posted(web, "wecom").code == "webhook_unreadable"
    assert sum(read) < 1_000_000


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_a_status_is_told(web: Web, status: int) -> None:
    web.status, web.answer = status, b"no"
    sent = posted(web, "wecom")
    assert (sent.code, sent.values["number"]) == ("webhook_http", str(status))
    web.answer = json.dumps(TAKEN["wecom"]).encode()
    assert posted(web, "wecom").code == "webhook_http"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(web: Web, status: int) -> None:
    with serving() as other:
        other.answer = json.dumps(TAKEN["wecom"]).encode()
        web.status, web.headers = status, {"Location": f"{other.url}/elsewhere"}
        assert posted(web, "wecom").code == "webhook_redirect"
        assert (len(web.requests), other.requests) == (1, [])


@pytest.mark.parametrize("secrets", [Secrets(), Secrets(webhook_url=" \n")])
def test_a_robot_without_an_address_is_told(secrets: Secrets) -> None:
    assert checked(deliver(LETTER, Delivery(webhook="wecom"), secrets, now=NOW)).code == "webhook_no_url"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/geheim",
        "qyapi.example/send?key=geheim",
        "https://",
        "https:///send?key=geheim",
        "http://geheim:geheim@127.0.0.1/send",
        "http://127.0.0.1:99999/geheim",
        "http://127.0.0.1:0/geheim",
        "http://127.0.0.1:x/geheim",
        "http://[::1/geheim",
        "http://127.0.0.1/a b?key=geheim",
        "http://127.0.0.1/\r\nHost: geheim",
        "http://127.0.0.1/网址?key=geheim",
        "javascript:geheim",
    ],
)
def test_what_is_no_web_address_is_refused_before_anything_is_sent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kpicli.deliver.robots.post", None)
    assert checked(deliver(LETTER, Delivery(webhook="feishu"), Secrets(webhook_url=url), now=NOW)).code == "webhook_url"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "code"),
    [("no-such-host.invalid", "no_host"), ("x" * 70 + ".example", "no_host"), ("127.0.0.1", "unreachable")],
)
def test_what_cannot_be_reached_is_told(host: str, code: str) -> None:
    port = free_port()
    secrets = Secrets(PASSWORD, f"http://{host}:{port}/send?key={TOKEN}", SECRET)
    sent = checked(deliver(LETTER, Delivery(webhook="wecom"), secrets, now=NOW, timeout=5))
    assert (sent.code, sent.values["place"]) == (code, f"http://{host}:{port}/…")
    mail = replace(MAIL, smtp_host=host, smtp_port=port)
    assert checked(deliver(LETTER, mail, Secrets(PASSWORD), now=NOW, timeout=5)).code == code


@contextmanager
def speaking(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does with each connection what a script says."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # the client went away
                script(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, allow_reuse_address = True, True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def silent(connection: socket.socket) -> None:
    connection.settimeout(20)
    while connection.recv(4096):
        pass


def dripping(connection: socket.socket) -> None:
    """Never long enough silent for a timeout, and never done."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        time.sleep(0.05)
        connection.sendall(b"x")


def greeting_without_end(connection: socket.socket) -> None:
    while True:
        time.sleep(0.05)
        connection.sendall(b"220-x\r\n")


def closing_at_once(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def garbling(connection: socket.socket) -> None:
    connection.sendall(b"220 here\r\n")
    while connection.recv(4096):
        connection.sendall(b"\xff\xfe no protocol\r\n")


def babbling(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"\x00\x01\x02 no protocol at all\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "scheme", "code"),
    [
        (silent, "http", "no_answer"),
        (silent, "https", "no_answer"),
        (dripping, "http", "no_answer"),
        (closing_at_once, "http", "unreachable"),
        (babbling, "http", "unreachable"),
        (babbling, "https", "no_tls"),
    ],
)
def test_a_server_that_does_not_do_its_part_is_told_in_time(script: Any, scheme: str, code: str) -> None:
    with speaking(script) as port:
        secrets = Secrets(webhook_url=f"{scheme}://127.0.0.1:{port}/{TOKEN}")
        assert checked(deliver(LETTER, Delivery(webhook="wecom"), secrets, now=NOW, timeout=0.3)).code == code


@pytest.mark.parametrize("channel", ["mail", "robots"])
def test_a_bug_of_ours_is_a_result_without_what_it_says(channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object, **more: object) -> Any:
        raise ValueError(f"{PASSWORD} 19900001111")

    monkeypatch.setattr(f"kpicli.deliver.{channel}.send", broken)
    settings = MAIL if channel == "mail" else Delivery(webhook="wecom")
    sent = checked(deliver(LETTER, settings, Secrets(PASSWORD, "https://127.0.0.1"), now=NOW))
    assert (sent.ok, sent.code) == (False, "broken")
    assert "ValueError (test_deliver.py:" in sent.message()


# Certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine, its own authority; and one for another."""
    if not (openssl := shutil.which("openssl")):
        pytest.skip("there is no openssl to make certificates")
    folder = tmp_path_factory.mktemp("certificates")
    for name, subject in (("here", "DNS:localhost,IP:127.0.0.1"), ("other", "DNS:other.example")):
        words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
        files = ["-addext", f"subjectAltName={subject}", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run([openssl, *words, *files], cwd=folder, check=True, capture_output=True, timeout=60)
    return folder


def showing(certificates: Path, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    return context


@pytest.mark.parametrize(
    ("shows", "trusts", "code"),
    [("here", "here", "webhook_sent"), ("here", "other", "certificate"), ("other", "other", "certificate")],
)
def test_a_robot_has_to_be_who_it_says(
    certificates: Path, shows: str, trusts: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / f"{trusts}.pem"))
    with serving(showing(certificates, shows)) as web:
        assert posted(web, "wecom").code == code
        assert len(web.requests) == (code == "webhook_sent")


# Mail

MAIL = Delivery(mail_to=(BOSS, DEPUTY), mail_from=SENDER, smtp_host="127.0.0.1", smtp_security="none")


class Post:
    """A mail server: what it offers and answers, and what it was told."""

    def __init__(self) -> None:
        self.port = 0
        self.offers = ["8BITMIME", "SIZE 100000000"]
        self.answers: dict[str, str] = {}
        """Beginning of a line → what is said to it in place of what is usual."""
        self.context: ssl.SSLContext | None = None
        self.tls = False
        """Whether it speaks TLS from the start."""
        self.heard: list[str] = []
        self.encrypted: list[str] = []
        """What of it was said under TLS."""
        self.data = b""

    @property
    def mail(self) -> EmailMessage:
        message = email.message_from_bytes(self.data, policy=email.policy.SMTP)
        assert isinstance(message, EmailMessage)
        return message

    def talk(self, connection: socket.socket) -> None:
        secure = self.tls
        if self.tls:
            assert self.context
            connection = self.context.wrap_socket(connection, server_side=True)
        with ExitStack() as opened:
            opened.enter_context(connection)
            file = opened.enter_context(connection.makefile("rwb"))
            self.say(file, self.answers.get("", "220 here"))
            while line := file.readline().decode("utf-8").strip():
                self.heard.append(line)
                if secure:
                    self.encrypted.append(line)
                verb = line.split()[0].upper()
                said = next((text for start, text in self.answers.items() if start and line.startswith(start)), "")
                if not said and verb == "EHLO":
                    offers = [offer for offer in ("here", *self.offers) if not (secure and offer == "STARTTLS")]
                    said = "\r\n".join(f"250-{offer}" for offer in offers[:-1]) + f"\r\n250 {offers[-1]}"
                said = said or {"AUTH": "235 ok", "DATA": "354 go", "STARTTLS": "220 go", "QUIT": "221 bye"}.get(
                    verb, "250 ok"
                )
                self.say(file, said)
                if verb == "STARTTLS" and said.startswith("220"):
                    assert self.context
                    connection = opened.enter_context(self.context.wrap_socket(connection, server_side=True))
                    file = opened.enter_context(connection.makefile("rwb"))
                    secure = True
                if said.startswith("354"):
                    lines = iter(file.readline, b".\r\n")
                    self.data = b"".join(line.removeprefix(b".") if line[:2] == b".." else line for line in lines)
                    self.say(file, self.answers.get("data", "250 taken"))
                if verb == "QUIT" or said.startswith("421"):
                    return

    def say(self, file: Any, text: str) -> None:
        file.write(f"{text}\r\n".encode())
        file.flush()


@pytest.fixture
def post() -> Iterator[Post]:
    post = Post()
    with speaking(post.talk) as port:
        post.port = port
        yield post


def mailed(post: Post, letter: Letter = LETTER, *, password: str = "", timeout: float = 5, **settings: Any) -> Sent:
    delivery = replace(MAIL, smtp_port=post.port, **settings)
    return checked(deliver(letter, delivery, Secrets(smtp_password=password), now=NOW, timeout=timeout))


def test_a_letter_goes_by_mail(post: Post) -> None:
    sent = mailed(post)
    assert (sent.channel, sent.ok, sent.code, sent.values["count"]) == ("mail", True, "mail_sent", "2")
    mail = post.mail
    assert mail["Subject"] == LETTER.subject
    assert (mail["From"], mail["To"]) == (SENDER, f"{BOSS}, {DEPUTY}")
    assert mail["Date"] == "Sun, 01 Nov 2026 08:00:00 +0800"
    assert re.fullmatch(r"<[0-9a-f]{32}@shop\.example>", mail["Message-ID"])
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().replace("\r\n", "\n") == LETTER.text
    assert (mail.get_content_type(), mail.get_content_charset()) == ("text/plain", "utf-8")
    assert post.data.isascii()
    assert max(map(len, post.data.splitlines())) < 200
    assert post.heard[0] == "ehlo [127.0.0.1]"
    recipients = [line for line in post.heard if line.lower().startswith("rcpt")]
    assert recipients == [f"rcpt TO:<{BOSS}>", f"rcpt TO:<{DEPUTY}>"]
    assert not any(line.startswith("AUTH") for line in post.heard)


@pytest.mark.parametrize(
    "name", ["月度KPI报告 2026-10.xlsx", "plain.xlsm", '引"号;x=1.xlsx', "长" * 70 + ".xlsx", "KPI.html"]
)
def test_files_are_attached_under_their_names(post: Post, name: str, tmp_path: Path) -> None:
    book = tmp_path / name
    book.write_bytes(bytes(range(256)) * 40)
    assert mailed(post, replace(LETTER, attachments=(book,))).code == "mail_sent"
    (part,) = post.mail.iter_attachments()
    assert (part.get_filename(), part.get_payload(decode=True)) == (name, book.read_bytes())
    kinds = {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "html": "text/html"}
    assert part.get_content_type() == kinds.get(name.rpartition(".")[2], "application/octet-stream")
    assert part.get_content_disposition() == "attachment"
    assert post.mail.get_body().get_content().replace("\r\n", "\n") == LETTER.text
    assert mailed(post, replace(LETTER, attachments=(book,)), attach=False).code == "mail_sent"
    assert list(post.mail.iter_attachments()) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_attachments_that_are_too_large_or_not_to_be_read_are_left_out_and_told(
    post: Post, language: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_ATTACHED == 20_000_000
    monkeypatch.setattr("kpicli.deliver.mail.MOST_ATTACHED", 20_000)
    sizes = {"一.xlsx": 12_000, "二.xlsx": 8_001, "三.xlsx": 8_000, "四.xlsx": 1}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"x" * size)
    paths = (*(tmp_path / name for name in sizes), tmp_path / "missing\r\nBcc: x.xlsx", tmp_path)
    sent = mailed(post, replace(LETTER, attachments=paths, language=language))
    assert (sent.ok, sent.code, sent.values["left_out"]) == (True, "mail_sent_without", "4")
    assert [part.get_filename() for part in post.mail.iter_attachments()] == ["一.xlsx", "三.xlsx"]
    text = post.mail.get_body().get_content()
    assert text.startswith("客流 412")
    names = f"二.xlsx · 四.xlsx · missing Bcc: x.xlsx · {tmp_path.name}"
    assert text.strip().splitlines()[-1] == said("left_out")[language].format(files=names)


def test_no_header_can_be_slipped_in(post: Post, tmp_path: Path) -> None:
    book = tmp_path / "a\r\nBcc: evil@example.com\r\n\r\nx.xlsx"
    book.write_bytes(b"x")
    letter = Letter("月报\r\nBcc: evil@example.com\r\n\r\nx\x00\u2028y", "text\n.\nQUIT\n", "", (book,))
    assert mailed(post, letter).ok
    assert post.mail["Subject"] == "月报 Bcc: evil@example.com x y"
    assert post.mail["Bcc"] is None
    (part,) = post.mail.iter_attachments()
    assert part.get_filename() == "a Bcc: evil@example.com x.xlsx"
    assert not any("evil" in line for line in post.heard)
    assert post.mail.get_body().get_content().splitlines() == ["text", ".", "QUIT"]


@pytest.mark.parametrize(
    "address",
    [
        "boss@example.com\r\nRCPT TO:<evil@example.com>",
        "老板@example.com",
        "Boss <boss@example.com>",
        "a b@c",
        "x",
        "a@b\n",
    ],
)
@pytest.mark.parametrize("key", ["mail_to", "mail_from"])
def test_what_is_no_address_is_told_by_its_key(post: Post, key: str, address: str) -> None:
    value = (BOSS, address) if key == "mail_to" else address
    sent = mailed(post, **{key: value})
    assert (sent.code, sent.values["keys"], post.heard) == ("mail_address", f"delivery.{key}", [])


def test_what_the_settings_lack_is_told(post: Post) -> None:
    sent = mailed(post, smtp_host=" ", mail_from="")
    assert (sent.code, sent.values["keys"]) == ("mail_incomplete", "delivery.smtp_host · delivery.mail_from")
    assert mailed(post, smtp_user="kpi").code == "mail_no_password"
    assert post.heard == []


@pytest.mark.parametrize("host", ["mail.example", "10.0.0.7", "localhost.example", "127.0.0.1.example", "0.0.0.0"])
def test_no_password_goes_in_the_clear_to_another_machine(
    post: Post, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.create_connection", None)
    sent = mailed(post, password=PASSWORD, smtp_user="kpi", smtp_host=host)
    assert (sent.code, post.heard) == ("mail_plain_login", [])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_to_this_machine_a_password_may_go(post: Post, host: str) -> None:
    post.offers.append("AUTH PLAIN LOGIN")
    assert mailed(post, password=PASSWORD, smtp_user="kpi", smtp_host=host).ok
    (login,) = [line for line in post.heard if line.startswith("AUTH")]
    assert base64.b64decode(login.split()[2]) == f"\0kpi\0{PASSWORD}".encode()


@pytest.mark.parametrize(
    ("offer", "answers", "password", "code"),
    [
        ("AUTH PLAIN LOGIN", {"AUTH": f"535 {PASSWORD} 535 Login fail"}, PASSWORD, "mail_login"),
        ("AUTH GSSAPI", {}, PASSWORD, "mail_login"),
        ("HELP", {}, PASSWORD, "mail_login"),
        ("AUTH PLAIN LOGIN", {}, "密码geheim", "mail_login"),
        ("AUTH PLAIN LOGIN", {"AUTH": "421 too many"}, PASSWORD, "unreachable"),
        ("HELP", {"": "554 no service"}, "", "mail_refused"),
        ("HELP", {"mail": f"553 not {SENDER}"}, "", "mail_refused"),
        ("HELP", {"DATA": "451 later", "data": ""}, "", "mail_refused"),
        ("HELP", {"data": "552 too large"}, "", "mail_refused"),
        ("HELP", {"rcpt": f"550 {BOSS} unknown"}, "", "mail_recipients"),
        ("HELP", {f"rcpt TO:<{BOSS}>": f"550 {BOSS} unknown"}, "", "mail_recipients"),
        ("HELP", {"mail": "421 go away"}, "", "mail_refused"),
    ],
)
def test_what_a_mail_server_refuses_is_told(
    post: Post, offer: str, answers: dict[str, str], password: str, code: str
) -> None:
    post.offers.append(offer)
    post.answers |= answers
    sent = mailed(post, password=password, smtp_user="kpi" if password else "")
    assert (sent.ok, sent.code) == (False, code)
    if code == "mail_recipients":
        some = "rcpt" not in answers
        assert (sent.values["refused"], sent.values["count"]) == ("1" if some else "2", "2")
        assert bool(post.data) == some


def test_how_a_server_takes_leave_does_not_matter(post: Post) -> None:
    post.answers["QUIT"] = "500 what?"
    post.answers["quit"] = "500 what?"
    assert mailed(post).ok


@pytest.mark.parametrize(
    ("script", "security", "code"),
    [
        (silent, "none", "no_answer"),
        (silent, "tls", "no_answer"),
        (greeting_without_end, "none", "no_answer"),
        (closing_at_once, "none", "unreachable"),
        (closing_at_once, "starttls", "unreachable"),
        (lambda it: it.sendall(b"220 plain, from the start\r\n" * 20) or silent(it), "tls", "no_tls"),
        (garbling, "none", "mail_refused"),
    ],
)
def test_a_mail_server_that_does_not_do_its_part_is_told_in_time(script: Any, security: Any, code: str) -> None:
    with speaking(script) as port:
        mail = replace(MAIL, smtp_port=port, smtp_security=security)
        assert checked(deliver(LETTER, mail, Secrets(), now=NOW, timeout=0.2)).code == code


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize(
    ("shows", "trusts", "code"),
    [("here", "here", "mail_sent"), ("here", "other", "certificate"), ("other", "other", "certificate")],
)
def test_letters_and_passwords_go_encrypted_to_who_it_says(
    post: Post, security: str, shows: str, trusts: str, code: str, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / f"{trusts}.pem"))
    post.context, post.tls = showing(certificates, shows), security == "tls"
    post.offers += ["AUTH PLAIN", "STARTTLS"]
    assert mailed(post, password=PASSWORD, smtp_user="kpi", smtp_security=security).code == code
    told = [line for line in post.heard if not line.startswith(("ehlo", "STARTTLS"))]
    assert [line for line in post.encrypted if not line.startswith("ehlo")] == told
    assert any(line.startswith("AUTH") for line in told) == bool(post.data) == (code == "mail_sent")


@pytest.mark.parametrize("answers", [{}, {"STARTTLS": "454 not now"}, {"STARTTLS": "502 what?"}])
def test_without_starttls_nothing_goes_in_the_clear_instead(post: Post, answers: dict[str, str]) -> None:
    post.answers |= answers
    post.offers += ["AUTH PLAIN", *(["STARTTLS"] if answers else [])]
    assert mailed(post, password=PASSWORD, smtp_user="kpi", smtp_security="starttls").code == "mail_no_starttls"
    assert not any(line.startswith(("AUTH", "mail")) for line in post.heard)


# Both


def test_one_that_fails_does_not_keep_the_other(post: Post, web: Web) -> None:
    web.answer = b"no"
    delivery = replace(MAIL, smtp_port=post.port, webhook="wecom")
    mail, robot = deliver(LETTER, delivery, Secrets(webhook_url=web.url), now=NOW, timeout=5)
    assert (mail.channel, mail.ok, robot.channel, robot.ok) == ("mail", True, "webhook", False)
    post.answers["mail"] = "550 no"
    web.answer = json.dumps(TAKEN["wecom"]).encode()
    mail, robot = deliver(LETTER, delivery, Secrets(webhook_url=web.url), now=NOW, timeout=5)
    assert (mail.ok, robot.ok) == (False, True)


# Words


@pytest.mark.parametrize("code", catalogue("delivery"))
def test_every_result_is_worded_in_both_languages(code: str) -> None:
    entry = catalogue("delivery")[code]
    for words in (entry.text, entry.hint):
        assert bool(words.zh) == bool(words.en)
        assert placeholders(words.zh) == placeholders(words.en)
        assert not HAN.search(words.en)
    assert bool(entry.hint.zh) == (entry.severity != "info")
