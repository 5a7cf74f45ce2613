"""A workspace from its beginning: what `init` lays out, what `config` says is in force, what `doctor` finds."""

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import tomllib
from collections import namedtuple
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from kpicli.catalogue import Book
from kpicli.errors import DefinitionError
from kpicli.loading import form_keys, load
from kpicli.messages import Language, catalogue
from kpicli.pipeline.doctor import Check, Environment, examine
from kpicli.pipeline.ingest import Ingested
from kpicli.pipeline.templates import shipped
from kpicli.present import workspace as present
from kpicli.present.starter import can_have_a_target
from kpicli.workspace import Gates, Settings, Workspace, keys_of, open_workspace
from tests.issues import LANGUAGES
from tests.test_cli import (
    GOOD,
    call,
    everything_below,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
    table,
    workspace,
)
from tests.test_fill import recalculated
from tests.test_issues import placeholders

Sample = tuple[Workspace, Ingested]

LAID_OUT = ["kpicli.toml", "targets.xlsx", "inbox/", "reports/", "templates/", "month-end.sh", "month-end.ps1"]
AWKWARD = "我的 店's 50% $HOME `x`"
HAN = re.compile("[\u4e00-\u9fff]")


# The settings


def test_every_key_and_table_has_its_meaning_in_both_languages_and_no_other_has() -> None:
    keys = [key for key, _ in keys_of(Settings())]
    tables = {key.rpartition(".")[0] for key in keys} - {""}
    assert set(catalogue("settings")) == {*keys, *tables}
    assert [key for key in catalogue("settings") if key in keys] == keys  # in the order of the file that init writes
    for entry in catalogue("settings").values():
        assert HAN.search(entry.text.zh)
        assert entry.text.en.strip()
        assert max(len(words.splitlines()) for words in (entry.text.zh, entry.text.en)) <= 2


def test_the_forms_of_the_gates_are_forms() -> None:
    assert set(Gates().forms) <= set(load().forms)
    assert form_keys() == sorted(load().forms)


SET = """
templates = ["月度KPI报告", "自己/我的.XLSX"]
inbox = "收件"
[gates]
set_aside_percent = 3
forms = ["visits", "wishes"]
stop = []
"""


def test_lists_and_tables_are_read_and_it_is_known_what_the_file_sets() -> None:
    home = workspace(SET, forms_wishes="label = 3")
    found = open_workspace(home)
    assert found.given == {"templates", "inbox", "gates.set_aside_percent", "gates.forms", "gates.stop"}
    gates = found.settings.gates
    assert (gates.set_aside_percent, type(gates.set_aside_percent)) == (3.0, float)
    assert (gates.forms, gates.stop, gates.empty_days) == (("visits", "wishes"), (), 5)
    assert (found.inbox, found.reports) == (home / "收件", home / "reports")
    assert found.templates == ("月度KPI报告", str(home / "自己" / "我的.XLSX"))


@pytest.mark.parametrize(
    ("settings", "key", "meant"),
    [
        ("templates = '月度KPI报告'", "templates", "列表"),
        ("templates = ['一', 2]", "templates", "列表"),
        ("gates = 3", "gates", "表"),
        ("[gates]\nempty_day = 3", "gates.empty_day", "empty_days"),
        ("[gates]\nempty_days = 2.5", "gates.empty_days", "整数"),
        ("[gates]\nempty_days = true", "gates.empty_days", "整数"),
        ("[gates]\nempty_days = -1", "gates.empty_days", "不小于 0"),
        ("[gates]\nset_aside_percent = '2%'", "gates.set_aside_percent", "数字"),
        ("[gates]\nset_aside_percent = nan", "gates.set_aside_percent", "不小于 0"),
        ("[gates]\nforms = ['visit']", "gates.forms", "visits"),
        ("[gates]\nstop = ['form']", "gates.stop", "forms"),
        ("[gates]\nstop = ['stop']", "gates.stop", "不在"),
        ("inbox = ' '", "inbox", "不能为空"),
        ("[delivery]\nwebhook = 'wechat'", "delivery.webhook", "wecom · dingtalk · feishu"),
        ("[delivery]\nsmtp_security = 'ssl'", "delivery.smtp_security", "starttls"),
        ("[delivery]\nsmtp_security = ''", "delivery.smtp_security", "不在"),
        ("[delivery]\nsmtp_port = 0", "delivery.smtp_port", "端口"),
        ("[delivery]\nsmtp_port = 65536", "delivery.smtp_port", "端口"),
        ("[delivery]\nattach = 1", "delivery.attach", "true"),
        ("[delivery]\nmail_to = 'boss@example.com'", "delivery.mail_to", "列表"),
        ("[delivery]\nmail_to = ['boss@example.com', '老板']", "delivery.mail_to", "老板 不是邮箱"),
        ("[delivery]\nmail_from = 'KPI <kpi@example.com>'", "delivery.mail_from", "name@example.com"),
        ("[delivery]\nsmtp_password = 'geheim'", "delivery.smtp_password", "不认得的键"),
        ("[dealer]", "dealer", "文字"),
        ("[limits.seconds]", "limits.seconds", "整数"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_its_key(settings: str, key: str, meant: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        open_workspace(workspace(settings))
    (mistake,) = caught.value.mistakes
    assert (mistake.key, meant in mistake.message) == (key, True), mistake


def test_all_mistakes_of_all_tables_are_told_at_once() -> None:
    with pytest.raises(DefinitionError) as caught:
        open_workspace(
            workspace("tier = '低端'\n[gates]\nforms = ['a', 'visits', 'b']\nstop = 3\n[limits]\nparts = ''")
        )
    places = [mistake.key for mistake in caught.value.mistakes]
    assert places == ["tier", "gates.forms", "gates.forms", "gates.stop", "limits.parts"]


def test_a_mark_that_windows_puts_before_the_text_is_no_mistake() -> None:
    home = workspace()
    (home / "kpicli.toml").write_bytes(b"\xef\xbb\xbf" + 'dealer = "东店"\r\n'.encode())
    assert open_workspace(home).settings.dealer == "东店"


# What is laid out


def init(*words: object, **environment: str) -> Any:
    ended = call("init", *words, "--json", **environment)
    assert ended.code == 0, ended.err
    return ended.document


def test_a_workspace_is_laid_out_and_a_second_time_nothing_changes() -> None:
    document = init("shop")
    assert document == {"command": "init", "folder": str(Path("shop").absolute()), "written": LAID_OUT, "kept": []}
    assert sorted(path.name for path in Path("shop").iterdir()) == sorted(name.strip("/") for name in LAID_OUT)
    before = everything_below(Path("shop"))
    again = init("shop", "--month", "2027-01", "--lang", "en")
    assert (again["written"], again["kept"]) == ([], LAID_OUT)
    assert everything_below(Path("shop")) == before


def test_without_a_name_it_is_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("here").mkdir()
    monkeypatch.chdir("here")
    assert init()["folder"] == str(Path().absolute())
    assert Path("kpicli.toml").is_file()


def test_what_is_there_is_kept_and_said_and_the_rest_is_written() -> None:
    Path("shop/inbox").mkdir(parents=True)
    table("shop/inbox/客流.csv", GOOD)
    Path("shop/targets.xlsx").write_text("mine", encoding="utf-8")
    Path("shop/kpicli.toml").write_text('inbox = "inbox"\nreports = "报表"\ndealer = "东店"\n', encoding="utf-8")
    ended = call("init", "shop", "--dealer", "西店")
    assert ended.code == 0
    assert Path("shop/targets.xlsx").read_text(encoding="utf-8") == "mine"
    assert open_workspace("shop").settings.dealer == "东店"
    assert re.search(r"targets.xlsx +已有", ended.out)
    assert re.search(r"month-end.sh +已写", ended.out)
    assert re.search(r"报表/ +已写", ended.out)
    assert "dealer" in ended.err  # it was given, and the file that is there does not say so
    assert "dealer" not in call("init", "shop", "--dealer", "东店").err
    assert Path("shop/报表").is_dir()
    assert not Path("shop/reports").exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_settings_written_are_the_defaults_with_or_without_their_marks(language: Language) -> None:
    init("shop", "--lang", language)
    text = Path("shop/kpicli.toml").read_text(encoding="utf-8")
    assert open_workspace("shop").settings == Settings()
    assert open_workspace("shop").given == set()
    assert dict(keys_of(tomllib.loads(text))) == {}
    Path("shop/kpicli.toml").write_text(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.M), encoding="utf-8")
    assert open_workspace("shop").settings == Settings()
    assert open_workspace("shop").given == {key for key, _ in keys_of(Settings())}
    comments = [line for line in text.splitlines() if line.startswith("# ") and " = " not in line]
    assert len(comments) == len(catalogue("settings")) + 1
    assert all(HAN.search(line) for line in comments) or language == "en"
    assert sum(bool(HAN.search(line)) for line in comments) <= 1 or language == "zh"  # 高端 is a word of the data


@pytest.mark.parametrize("dealer", ["示例别克", 'a"b\\c', "# 店 'x'", "东\n店"])
def test_what_is_given_is_in_force(dealer: str) -> None:
    init("shop", "--dealer", dealer, "--book", "haima")
    found = open_workspace("shop")
    assert (found.settings.dealer, found.settings.book) == (" ".join(dealer.split()), "haima")
    assert found.given == {"dealer", "book"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("shop", "--book", "bulck"), 2),
        (("shop", "--month", "2026-13"), 2),
        (("shop", "--lang", "fr"), 2),
        (("a=b",), 4),
        (("file",), 4),
        (("file/shop",), 4),
        (("broken",), 2),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_written(words: tuple[str, ...], code: int) -> None:
    Path("file").write_text("", encoding="utf-8")
    workspace("dealer = 3", "broken")
    before = everything_below(Path())
    ended = call("init", *words)
    assert (ended.code, "Traceback" in ended.err, bool(ended.err)) == (code, False, True)
    assert everything_below(Path()) == before


# The sheet for targets


def filled(source: Path, target: Path, values: Mapping[str, float], extra: tuple[str, str, float]) -> Path:
    """The sheet as people fill it in, without the values that Excel computes."""
    book = load_workbook(source)
    (sheet,) = book.worksheets
    lines = {sheet.cell(row, 1).value: row for row in range(7, sheet.max_row + 1) if sheet.cell(row, 1).value}
    for label, value in values.items():
        sheet.cell(lines[label], 3).value = value
    label, consultant, value = extra
    free = max(lines.values()) + 1
    sheet.cell(free, 1).value, sheet.cell(free, 3).value, sheet.cell(free, 4).value = label, value, consultant
    book.save(target)
    return target


def computed(path: Path) -> Path:
    """The same with the values that Excel computes, in place of the formulas."""
    book = load_workbook(path)
    (sheet,) = book.worksheets
    for row in range(7, sheet.max_row + 1):
        shown = sheet.cell(row, 1).value is not None and sheet.cell(row, 3).value is not None
        assert sheet.cell(row, 6).value == f'=IF(OR($A{row}="",$C{row}=""),"",$B$2)'
        assert sheet.cell(row, 7).value == f'=IF(OR($A{row}="",$C{row}=""),"",$A{row})'
        sheet.cell(row, 6).value = sheet["B2"].value if shown else None
        sheet.cell(row, 7).value = sheet.cell(row, 1).value if shown else None
    book.save(path)
    return path


def findings(ended: Any) -> list[Any]:
    assert ended.code == 0, ended.err
    return [issue for file in ended.document["files"] for issue in file["issues"]]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("book", load().books.values(), ids=lambda book: book.key)
def test_the_sheet_has_a_line_for_each_kpi_that_can_have_a_target_and_reads_empty(book: Book, language: str) -> None:
    init("shop", "--book", book.key, "--lang", language)
    (sheet,) = load_workbook("shop/targets.xlsx").worksheets
    labels = [sheet.cell(row, 1).value for row in range(7, sheet.max_row + 1) if sheet.cell(row, 1).value]
    kpis = [kpi.key for kpi in book.kpis.values() if can_have_a_target(kpi)]
    assert [book.find(label) for label in labels] == kpis
    assert sheet["B2"].value == "2026-11"
    assert sheet.freeze_panes == "C7"
    (validation,) = sheet.data_validations.dataValidation
    assert (validation.type, validation.formula1) == ("list", f"$A$7:$A${6 + len(kpis)}")
    ended = call("ingest", "shop/targets.xlsx", "-C", "shop", "--json")
    assert findings(ended) == []
    (read,) = ended.document["files"][0]["sheets"]
    assert (read["form"], read["stored"], read["set_aside"]) == ("targets", 0, 0)


def in_force(home: str) -> dict[str, float | None]:
    table("visits.csv", GOOD)
    call("ingest", "visits.csv", "-C", home)
    words = ("report", "-C", home, "--month", "2026-10", "--by", "consultant", "--json")
    document = call(*words).document
    whole, own = document["total"]["kpis"], document["by"]["consultant"]["张伟"]["kpis"]
    return {"traffic": whole["traffic"]["target"], "orders": whole["orders"]["target"], "own": own["orders"]["target"]}


@pytest.mark.parametrize(("language", "traffic", "orders"), [("zh", "客流量", "订单数"), ("en", "Traffic", "Orders")])
def test_targets_filled_in_are_those_of_the_report(language: str, traffic: str, orders: str) -> None:
    init("shop", "--lang", language, "--month", "2026-10")
    values, own = {traffic: 300, orders: 45}, (orders, "张伟", 9)
    sheet = filled(Path("shop/targets.xlsx"), Path("目标.xlsx"), values, own)
    ended = call("ingest", computed(sheet), "-C", "shop", "--json")
    assert findings(ended) == []
    assert ended.document["stored"] == 3
    assert in_force("shop") == {"traffic": 300, "orders": 45, "own": 9}


@pytest.mark.long
def test_a_program_for_spreadsheets_computes_what_the_form_is_known_by() -> None:
    init("shop", "--month", "2026-10")
    sheet = filled(Path("shop/targets.xlsx"), Path("目标.xlsx"), {"客流量": 300, "订单数": 45}, ("订单数", "张伟", 9))
    assert findings(call("ingest", *recalculated([sheet]).values(), "-C", "shop", "--json")) == []
    assert in_force("shop") == {"traffic": 300, "orders": 45, "own": 9}


# The scripts


@pytest.fixture
def awkward() -> Path:
    init(AWKWARD)
    return Path(AWKWARD).absolute()


def run(*words: object, folder: Path | str = "/", **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as cron does: hardly an environment, no terminal, another folder."""
    return subprocess.run(
        list(map(str, words)),
        cwd=folder,
        env={"LC_ALL": "C", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture
def echo(tmp_path: Path) -> str:
    """In place of kpicli: says what it was called with."""
    path = tmp_path / "echo one"
    path.write_text('#!/bin/sh\nprintf \'%s\\n\' "$PYTHONUTF8" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return str(path)


posix = pytest.mark.skipif(os.name == "nt", reason="a script for sh")


@posix
@pytest.mark.parametrize("shell", [shell for shell in ("sh", "dash", "bash") if shutil.which(shell)])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_script_is_sound_for_every_shell(shell: str, language: str) -> None:
    init(AWKWARD, "--lang", language)
    script = (Path(AWKWARD) / "month-end.sh").absolute()
    assert (run(shell, "-n", script).returncode, b"\r" in script.read_bytes()) == (0, False)
    assert bool(HAN.search(script.read_text(encoding="utf-8").replace(AWKWARD.split("'")[0], ""))) == (language == "zh")
    assert "@@" not in script.read_text(encoding="utf-8")


@posix
def test_the_script_runs_the_months_end_of_its_folder_from_anywhere(awkward: Path, echo: str) -> None:
    script = awkward / "month-end.sh"
    assert script.stat().st_mode & stat.S_IXUSR
    said = ["1", "month-end", "-C", str(awkward), "--month", "a b"]
    assert run(script, "--month", "a b", KPICLI=echo).stdout.splitlines() == said
    assert run("sh", "month-end.sh", *said[4:], folder=awkward, KPICLI=echo).stdout.splitlines() == said
    link = Path("link.sh").absolute()
    link.symlink_to(script)
    assert run(link, *said[4:], KPICLI=echo).stdout.splitlines() == said
    moved = awkward.rename(awkward.with_name("搬走了"))
    assert run(moved / "month-end.sh", KPICLI=echo).stdout.splitlines()[3] == str(moved)


@posix
def test_the_script_takes_the_kpicli_it_was_made_with_and_says_when_there_is_none(awkward: Path) -> None:
    ended = run(awkward / "month-end.sh", KPICLI="/nowhere/kpicli")
    assert (ended.returncode, ended.stdout, "/nowhere/kpicli" in ended.stderr) == (127, "", True)
    text = (awkward / "month-end.sh").read_text(encoding="utf-8")
    (made_with,) = re.findall(r"^\[ -n \"\$kpicli\" \] \|\| kpicli=(.*)", text, re.M)
    assert run(*shlex.split(made_with), "--version").stdout.startswith("kpicli ")


@posix
def test_the_line_for_cron_runs_the_script(awkward: Path, echo: str) -> None:
    text = (awkward / "month-end.sh").read_text(encoding="utf-8")
    (line,) = re.findall(r"^# +0 6 1 \* \* (.*)", text, re.M)
    command = re.sub(r"\\%", "%", line)  # as cron reads it
    assert not re.search(r"(?<!\\)%", line)
    assert run("sh", "-c", command, KPICLI=echo).stdout.splitlines()[:4] == ["1", "month-end", "-C", str(awkward)]


def test_the_script_for_windows_is_text_that_its_programs_read(awkward: Path) -> None:
    content = (awkward / "month-end.ps1").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n")
    text = content.decode("utf-8-sig")
    quoted = str(awkward).replace("'", "''")
    assert f"$folder = '{quoted}'" in text
    assert f'/TR "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File \\"{awkward}' in text
    assert "& $kpicli month-end -C $folder @args" in text
    assert "@@" not in text


@posix
def test_a_folder_cannot_leave_the_comments_of_its_scripts(echo: str) -> None:
    init("a\ntouch bad #")
    for script in Path("a\ntouch bad #").glob("month-end.*"):
        comments = script.read_text(encoding="utf-8-sig").split("set -u")[0].split("$folder =")[0].splitlines()
        assert all(line.startswith("#") or not line for line in comments), script
    script = Path("a\ntouch bad #/month-end.sh").absolute()
    assert run(script, folder=script.parents[1], KPICLI=echo).stdout.count("month-end") == 1
    assert not Path("bad").exists()


# What is in force


SECRETS = ("KPICLI_PASSWORD", "KPICLI_SMTP_PASSWORD", "KPICLI_WEBHOOK_URL", "KPICLI_WEBHOOK_SECRET")
VARIABLES = {"KPICLI_WORKSPACE", "KPICLI_LANG", "KPICLI", *SECRETS}


def origins(*words: object, **environment: str) -> dict[str, tuple[Any, str | None]]:
    document = call("config", *words, "--json", **environment).document
    assert document["command"] == "config"
    return {entry["key"]: (entry["value"], entry["origin"]) for entry in document["values"]}


def test_every_value_is_told_with_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    home = workspace('dealer = "东店"\nlanguage = "zh"\n[gates]\nempty_days = 5\n').absolute()
    found = origins("-C", home)
    assert set(found) == {"workspace", *dict(keys_of(Settings())), *VARIABLES}
    assert found["workspace"] == (str(home), "option")
    assert found["dealer"] == ("东店", "file")
    assert found["gates.empty_days"] == (5, "file")  # it says the default, and says it
    assert found["gates.forms"] == (list(Gates().forms), "default")
    assert found["store"] == (str(home / "store"), "default")
    assert found["KPICLI_PASSWORD"] == (None, None)
    found = origins("--store", "s3://bucket/rows", "--lang", "en", KPICLI_WORKSPACE="ws", KPICLI_PASSWORD="geheim")
    assert found["workspace"] == (str(home), "environment")
    assert found["store"] == ("s3://bucket/rows", "option")
    assert found["language"] == ("en", "option")
    assert found["KPICLI_WORKSPACE"] == ("ws", "environment")
    assert found["KPICLI_PASSWORD"] == ("***", "environment")
    monkeypatch.chdir(home)
    assert origins()["workspace"] == (str(home), "default")
    assert origins()["store"] == (str(home / "store"), "default")


def test_what_is_in_force_is_shown_without_secrets() -> None:
    home = workspace('dealer = "东店"')
    shown = call("config", "-C", home, COLUMNS="80", KPICLI_PASSWORD="geheim").out
    assert str(home.absolute() / "kpicli.toml") in "".join(line.strip() for line in shown.splitlines()[:3])
    assert re.search(r"dealer +东店 +文件", shown)
    assert re.search(r"weeks +monday +默认", shown)
    assert re.search(r"KPICLI_PASSWORD +已设，不显示 +环境", shown)
    assert "geheim" not in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_of_the_environment_is_told_as_set_and_never_shown(name: str) -> None:
    secret = "https://robots.example/send?key=geheim"
    assert origins(**{name: secret})[name] == ("***", "environment")
    shown = call("config", COLUMNS="200", **{name: secret}).out
    assert re.search(rf"{name} +已设，不显示", shown)
    assert "geheim" not in shown


def test_without_a_workspace_the_defaults_are_in_force() -> None:
    ended = call("config")
    assert ended.code == 0
    assert "kpicli init" in ended.out
    found = origins()
    assert (found["workspace"], found["store"]) == ((None, None), (None, None))
    assert {origin for _, origin in found.values()} == {"default", None}
    assert origins("--store", "rows")["store"] == (str(Path("rows").absolute()), "option")
    assert call("config", "-C", "nowhere").code == 2


# Whether all is well


STATES = ["ok", "warn", "bad"]


def doctor(*words: object, code: int = 0, **environment: str) -> dict[str, Any]:
    """What is found, by key; of several with one key the worst."""
    ended = call("doctor", *words, "--json", **environment)
    assert (ended.code, "Traceback" in ended.err) == (code, False), ended.err + ended.out
    assert ended.document["command"] == "doctor"
    checks = ended.document["checks"]
    assert all(set(check) == {"key", "state", "code", "found", "hint"} for check in checks)
    assert all(check["found"] and (check["hint"] or check["state"] == "ok") for check in checks)
    assert code == any(check["state"] == "bad" for check in checks)
    return {check["key"]: check for check in sorted(checks, key=lambda check: STATES.index(check["state"]))}


@pytest.fixture
def shop(sample: Sample) -> Path:
    """A new workspace with the sample's store, which is only read."""
    init("shop")
    shutil.copytree(sample[0].store, "shop/store")  # type: ignore[arg-type]
    return Path("shop")


KEYS = ["program", "encodings", "workspace", "definitions"]
EVERY = [*KEYS, "data", "privacy", "disk", "inbox", "reports", "template", "last_run"]


def test_all_is_well_in_a_good_workspace(shop: Path) -> None:
    found = doctor("-C", shop)
    assert list(found) == EVERY
    assert {check["state"] for check in found.values()} == {"ok"}
    assert "Python 3." in found["program"]["found"]
    assert re.search(r"[\d,]+ 行", found["data"]["found"])
    assert found["template"]["found"] == "月度KPI报告 没有错误"
    assert call("doctor", "-C", shop).out.splitlines()[-1] == "一切就绪"


def test_a_new_workspace_is_well_before_its_first_file() -> None:
    init("shop")
    found = doctor("-C", "shop")
    assert {check["state"] for check in found.values()} == {"ok"}
    assert (found["data"]["code"], found["template"]["code"]) == ("store_empty", "template_readable")
    assert found["last_run"]["code"] == "never_run"


def test_without_a_workspace_what_can_be_looked_at_is() -> None:
    found = doctor()
    assert list(found) == ["program", "encodings", "definitions", "workspace"]
    assert (found["workspace"]["state"], "kpicli init" in found["workspace"]["hint"]) == ("warn", True)
    call("ingest", table("good.csv", GOOD), "--store", "rows")
    assert doctor("--store", "rows")["data"]["code"] == "store_sound"
    assert doctor("-C", "nowhere", code=1)["workspace"]["code"] == "workspace_missing"


@pytest.mark.parametrize("settings", [b"dealer = ", b"dealer = '\xff'", b"[gates]\nstop = ['form']\nx = 1"])
def test_damaged_settings_are_told_and_the_rest_is_looked_at(settings: bytes) -> None:
    (workspace() / "kpicli.toml").write_bytes(settings)
    found = doctor("-C", "ws", code=1)
    assert (found["workspace"]["state"], "kpicli.toml" in found["workspace"]["found"]) == ("bad", True)
    assert set(found) == set(KEYS)


def test_definitions_with_mistakes_and_a_book_that_is_none_are_told() -> None:
    found = doctor("-C", workspace("", books_mine="label = 3"), code=1)
    assert found["definitions"]["code"] == "definitions_bad"
    assert "books/mine.toml" in found["definitions"]["found"]
    assert {"inbox", "last_run"} <= set(found)
    found = doctor("-C", workspace('book = "bulck"', "other"), code=1)
    assert (found["definitions"]["code"], "buick" in found["definitions"]["hint"]) == ("unknown_book", True)


@pytest.mark.parametrize("gone", [False, True])
def test_a_damaged_file_of_the_store_is_told(shop: Path, gone: bool) -> None:
    file = next(Path(shop, "store").glob("visits/month=2026-10/*.parquet"))
    if gone:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-9])
    found = doctor("-C", shop, code=1)
    assert (found["data"]["state"], file.name in found["data"]["found"]) == ("bad", True)
    assert "kpicli store check" in found["data"]["hint"]
    assert found["template"]["state"] == "ok"


@pytest.mark.parametrize("damage", ["file", "table", "log"])
def test_a_store_that_cannot_be_opened_is_told(shop: Path, damage: str) -> None:
    if damage == "file":
        shutil.rmtree(shop / "store")
        (shop / "store").write_text("", encoding="utf-8")
    elif damage == "log":
        for entry in (shop / "store" / "batches" / "_delta_log").iterdir():
            entry.write_bytes(b"{")
    else:
        shutil.rmtree(shop / "store" / "visits")
    assert doctor("-C", shop, code=1)["data"]["state"] == "bad"


@posix
def test_a_store_that_others_can_read_is_told(shop: Path) -> None:
    (shop / "store").chmod(0o755)
    found = doctor("-C", shop)
    assert (found["privacy"]["state"], "chmod" in found["privacy"]["hint"]) == ("warn", True)
    assert found["data"]["state"] == "ok"


def test_folders_that_are_not_there_or_no_folders_are_told(shop: Path) -> None:
    (shop / "inbox").rmdir()
    (shop / "reports").rmdir()
    (shop / "reports").write_text("", encoding="utf-8")
    found = doctor("-C", shop, code=1)
    assert (found["inbox"]["code"], found["reports"]["code"]) == ("inbox_missing", "reports_unwritable")
    assert init(shop)["written"] == ["inbox/"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nobody stops root from writing")
def test_reports_that_cannot_be_written_are_told(shop: Path) -> None:
    (shop / "reports").chmod(0o500)
    assert doctor("-C", shop, code=1)["reports"]["code"] == "reports_unwritable"


@pytest.mark.parametrize(
    ("free", "code", "said"),
    [
        (1_500_000_000, "disk_low", "1.5 GB"),
        (2_000_000_000, "disk_roomy", "2.0 GB"),
        (199_999_999, "disk_full", "200 MB"),
    ],
)
def test_a_disk_that_fills_up_is_told(free: int, code: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    init("shop")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(free, 0, free))
    found = doctor("-C", "shop", code=int(code == "disk_full"))["disk"]
    assert (found["code"], said in found["found"]) == (code, True)


def test_templates_that_cannot_be_filled_are_told(shop: Path) -> None:
    settings = 'templates = ["没有的", "自己/坏.xlsx", "错.xlsx", "月度KPI报告"]\n'
    (shop / "kpicli.toml").write_text(settings, encoding="utf-8")
    (shop / "自己").mkdir()
    (shop / "自己" / "坏.xlsx").write_bytes(b"PK")
    book = load_workbook(shipped()["绩效管理表"])
    book["销售顾问"]["D5"] = "{{ row.kpi.info_retention_rat }}"
    book.save(shop / "错.xlsx")
    checks = call("doctor", "-C", shop, "--json").document["checks"]
    told = [(check["code"], check["found"]) for check in checks if check["key"] == "template"]
    codes = ["template_unusable", "template_unusable", "template_wrong", "template_sound"]
    assert [code for code, _ in told] == codes
    assert all(name in said for name, (_, said) in zip(("没有的", "坏.xlsx", "销售顾问!D5", "月度"), told, strict=True))


TIMES = {"started": "2026-11-01T06:00:00+08:00", "finished": "2026-11-01T06:01:00+08:00", "month": "2026-10"}
RUN = {"id": "x", "dealer": None, "book": "buick", "kpicli": "0", "definitions": "", "config": {}, "state": ""} | TIMES


@pytest.mark.parametrize(
    ("record", "code", "state"),
    [
        (RUN | {"exit_code": 0}, "run_done", "ok"),
        (RUN | {"exit_code": 1}, "run_with_findings", "warn"),
        (RUN | {"exit_code": 3}, "run_with_findings", "warn"),
        (RUN | {"exit_code": 4}, "run_failed", "bad"),
        (RUN | {"exit_code": None, "finished": None}, "run_unfinished", "warn"),
        (RUN | {"exit_code": 0, "started": "2026-09-01T06:00:00+08:00"}, "run_long_ago", "warn"),
        (RUN | {"exit_code": 0, "started": "2026-11-01T06:00:00"}, "run_unreadable", "warn"),
        (TIMES | {"exit_code": 0}, "run_unreadable", "warn"),
        ({"started": 3}, "run_unreadable", "warn"),
        ([1], "run_unreadable", "warn"),
    ],
)
def test_the_last_run_is_told(record: Any, code: str, state: str) -> None:
    init("shop")
    Path("shop/reports/2026-10").mkdir()
    Path("shop/reports/2026-10/run.json").write_text(json.dumps(record), encoding="utf-8")
    found = doctor("-C", "shop", code=int(state == "bad"))["last_run"]
    assert (found["code"], found["state"]) == (code, state)
    if code not in ("run_unreadable", "run_long_ago"):
        assert "2026-11-01 06:00" in found["found"]


def test_the_last_run_is_the_one_that_began_last() -> None:
    init("shop")
    for month, hour, code in (("2026-08", 7, 4), ("2026-10", 6, 0)):
        Path(f"shop/reports/{month}").mkdir()
        run = RUN | {"started": f"2026-11-01T{hour:02}:00:00+08:00", "month": month, "exit_code": code}
        Path(f"shop/reports/{month}/run.json").write_text(json.dumps(run), encoding="utf-8")
    assert "2026-08" in doctor("-C", "shop", code=1)["last_run"]["found"]


HERE = Environment(datetime(2026, 11, 1, tzinfo=UTC), "0", "3", {"polars": "2"}, "C", "utf-8", "utf-8")


@pytest.mark.parametrize(
    ("environment", "key", "code"),
    [
        ({"libraries": {"polars": "2", "lxml": None}}, "program", "library_missing"),
        ({"output": "ascii"}, "encodings", "output_without_chinese"),
        ({"output": "cp1252"}, "encodings", "output_without_chinese"),
        ({"output": "gbk"}, "encodings", "encodings"),
        ({"output": "?"}, "encodings", "output_without_chinese"),
        ({"names": "ascii"}, "encodings", "names_without_chinese"),
    ],
)
def test_what_the_process_lacks_is_told(environment: dict[str, Any], key: str, code: str) -> None:
    _, checks = examine(None, None, Environment(**{**vars(HERE), **environment}))
    assert {check.key: check.code for check in checks}[key] == code


def test_an_output_without_chinese_is_told_in_english_unless_asked_otherwise() -> None:
    shown = call("doctor", encoding="ascii").out
    assert "the output is ascii" in shown
    assert "PYTHONUTF8=1" in shown
    assert "the output is" not in call("doctor", "--lang", "zh", encoding="ascii").out


def test_a_bug_in_a_check_is_a_finding_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(workspace: Workspace) -> Any:
        raise ValueError("赵样一 19900001111")

    init("shop")
    monkeypatch.setattr("kpicli.pipeline.upkeep.check", broken)
    found = doctor("-C", "shop", code=1)
    assert (found["data"]["code"], "ValueError" in found["data"]["found"]) == ("check_broken", True)
    assert "19900001111" not in found["data"]["found"]
    assert set(found) == set(EVERY)


def test_a_folder_that_may_not_be_looked_at_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: object) -> Any:
        raise PermissionError(13, "Permission denied", "shop")

    init("shop")
    monkeypatch.setattr("shutil.disk_usage", refused)
    found = doctor("-C", "shop", code=1)["disk"]
    assert (found["code"], "shop: Permission denied" in found["found"]) == ("check_refused", True)


# Words


@pytest.mark.parametrize("code", catalogue("doctor"))
def test_every_finding_is_worded_in_both_languages(code: str) -> None:
    entry = catalogue("doctor")[code]
    for words in (entry.text, entry.hint):
        assert bool(words.zh) == bool(words.en)
        assert placeholders(words.zh) == placeholders(words.en)
        assert not HAN.search(words.en)
    assert entry.text.zh
    assert bool(entry.hint.zh) == (entry.severity != "info")


def test_every_check_has_a_name() -> None:
    for key in EVERY:
        present.doctor([Check(key, "never_run")], "zh")


@pytest.mark.parametrize("width", ["80", "100"])
def test_english_holds_no_chinese_but_data_and_all_fits(shop: Path, width: str) -> None:
    (shop / "inbox").rmdir()
    (shop / "store").chmod(0o755)
    inside = (("config", "-C", shop), ("doctor", "-C", shop))
    for words in (("init", "new"), ("init", "new"), *inside, ("config",), ("doctor",)):
        shown = call(*words, "--lang", "en", COLUMNS=width)
        assert not HAN.findall(re.sub("月度KPI报告|中端", "", shown.out + shown.err)), words
        assert max(map(len, shown.out.splitlines())) <= int(width)
