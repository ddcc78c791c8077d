"""An engine of the user's own: the example of docs/validation.md, named in config.yaml or handed in."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fixtures.captures import CaptureHome, arp
from vctui.cli.main import main
from vctui.errors import UsageError
from vctui.validation import ValidationEngine, open_engine

GUIDE = Path(__file__).parent.parent / "docs" / "validation.md"


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The example in a module of its own, and what config.yaml says of it."""
    text = GUIDE.read_text()
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [name] = re.findall(r"engine: \"(\w+:\w+)\"", text)
    folder = tmp_path / "modules"
    folder.mkdir()
    module = name.partition(":")[0]
    (folder / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    yield name
    sys.modules.pop(module, None)


def test_the_example_decides_in_a_run(named: str, tmp_path: Path) -> None:
    with closing(CaptureHome(tmp_path)) as home:
        home.engine.close()
        home.engine = open_engine(home.settings.templates_db, named)
        assert type(home.engine) is not ValidationEngine
        twice = arp(2) + arp(2).splitlines(keepends=True)[1]
        _, finished = home.run({"lab-sw1": arp(1), "lab-sw2": twice})
    told = {event.device: (event.status, event.error) for event in finished}
    assert told == {"lab-sw1": ("ok", None), "lab-sw2": ("skipped", "an address stands in it twice")}


def test_the_example_decides_on_the_command_line(
    named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(CaptureHome(tmp_path)) as home:
        config = home.settings.config_file
        config.write_text(f'validation:\n  engine: "{named}"\n')
        output = tmp_path / "arp.txt"
        output.write_text(arp(2) + arp(2).splitlines(keepends=True)[1])
        code = main(["--home", str(home.settings.home), "validate", str(output), "--filter", "arp", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert (code, result["is_valid"], result["reason"]) == (3, False, "an address stands in it twice")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent_module:Engine", "there is no module absent_module"),
        ("json:Engine", "has no class Engine"),
        ("json:JSONDecoder", "no subclass of ValidationEngine"),
    ],
)
def test_what_is_no_engine_is_named(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        open_engine(tmp_path / "t.db", name)


def test_what_an_engine_raises_is_the_reason_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken_engines.py").write_text(
        "from vctui.validation import ValidationEngine\n"
        "class Boom(ValidationEngine):\n"
        "    def validate(self, output, filter_str=None):\n"
        "        raise KeyError('address')\n"
        "class Odd(ValidationEngine):\n"
        "    def validate(self, output, filter_str=None):\n"
        "        return None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with closing(CaptureHome(tmp_path)) as home:
        home.run({"lab-sw1": arp(1)})
        for name, told in (
            ("Boom", "broke: KeyError: 'address' (broken_engines.py, line 4)"),
            ("Odd", "gave no ValidationResult"),
        ):
            home.settings.config_file.write_text(f'validation: {{engine: "broken_engines:{name}"}}\n')
            code = main(["--home", str(home.settings.home), "captures", "export", "lab-sw1", "--json"])
            reason = json.loads(capsys.readouterr().out)["reason"]
            assert (code, reason) == (4, f"the engine broken_engines:{name} {told}")
    sys.modules.pop("broken_engines", None)
