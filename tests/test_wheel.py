"""The wheel, installed alone in a fresh environment, does the main job outside the checkout."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.long
def test_a_wheel_in_a_fresh_environment_runs_the_demo(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(run, check=True)
    (wheel,) = tmp_path.glob("kpicli-*.whl")
    venv.create(tmp_path / "fresh", with_pip=True)
    scripts = tmp_path / "fresh" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([scripts / "python", "-m", "pip", "install", "-q", str(wheel)], check=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    done = subprocess.run([scripts / "kpicli", "demo"], cwd=outside, capture_output=True, encoding="utf-8", check=True)
    assert "成交率" in done.stdout
    assert (outside / "kpicli-demo" / "reports" / "2026-10.json").is_file()
    shop = outside / "shop"
    subprocess.run([scripts / "kpicli", "init", shop], check=True, capture_output=True)
    for path in (ROOT / "sample_data").iterdir():
        shutil.copy(path, shop / "inbox")
    words = [shop / "month-end.sh", "--as-of", "2026-11-01"]
    for code in (1, 0):  # rows set aside; and run again, nothing new
        ended = subprocess.run(words, cwd="/", env={"PATH": "/usr/bin:/bin"}, capture_output=True, encoding="utf-8")
        assert (ended.returncode, ended.stderr) == (code, "")
    assert (shop / "reports/2026-10/2026-10 上海示例别克 月度KPI报告.xlsx").is_file()
    listed = subprocess.run(
        [
            scripts / "python",
            "-c",
            "import kpicli, pathlib; print(*sorted(p.name for p in pathlib.Path(kpicli.__file__).parent.iterdir()))",
        ],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert {"definitions", "sample_data", "templates", "py.typed"} <= set(listed.stdout.split())
