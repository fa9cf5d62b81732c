"""What the command line says to who mistypes it."""

from __future__ import annotations

import pytest

from cli.__main__ import parse


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("statsu", "orrery: no command statsu; near it are: status"),
        ("etcd ls", "orrery etcd: no verb ls; there are: backup, get,"),
        ("clock resum", "orrery clock: no verb resum; near it are: resume; orrery clock --help shows all"),
        ("up --runtime dokcer", "orrery up: no --runtime dokcer; near it are: docker; "),
        ("up --nodes two", "argument --nodes: invalid int value: 'two'"),
        ("hold EDGE --for 5s", "orrery hold: no flag --for; there are: --component,"),
        ("partition a b --for 5s", "orrery partition: no flag --for; near it are: --forever; "),
        ("partition a b --durat=5s", "orrery partition: no flag --durat; near it are: --duration; "),
        (
            "fault add x --drpo",
            "orrery fault add: no flag --drpo; near it are: --drop; orrery fault add --help shows all",
        ),
        ("status now", "orrery status: more than it takes: now; orrery status --help shows all"),
        ("swap scheduler --bakc -- python x.py", "orrery swap: no flag --bakc; near it are: --back; "),
        ("hold", "the following arguments are required: EDGE"),
    ],
)
def test_help(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(line.split())
    assert ended.value.code == 2 and said in capsys.readouterr().err


def test_a_command_of_the_users_is_not_looked_into() -> None:
    args = parse(["swap", "scheduler", "--name", "x", "--", "python", "mine.py", "--for", "5s"])
    assert (args.component, args.words) == ("scheduler", ["python", "mine.py", "--for", "5s"])
