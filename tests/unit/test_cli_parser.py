"""What the command line says to who mistypes it."""

from __future__ import annotations

import pytest

from cli.__main__ import main, parse


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
        ("hold e --match name=a --match kind=Pod", "orrery hold: --match is given twice (kind=Pod,namespace=default,"),
        ("hold e --component a --component=b", "orrery hold: --component is given twice (only these, "),
        ("fault --name a add e --name b", "orrery fault: --name is given twice"),
        ("fault add e --drop --drop", "orrery fault add: --drop is given twice (messages are lost)"),
        ("trace -n a --namespace b pod/x", "orrery trace: --namespace is given twice (of the object (default: default"),
        ("hold e --count 0", "'0': write a whole number, 1 or more"),
        ("fault add e --drop --count 0", "'0': write a whole number, 1 or more"),
        ("wire --count 0", "'0': write a whole number, 1 or more"),
        ("trace --wait -1 pod/x", "'-1': write a number of seconds, 0 or more"),
        ("trace --wait nan pod/x", "'nan': write a number of seconds, 0 or more"),
    ],
)
def test_help(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(line.split())
    assert ended.value.code == 2 and said in capsys.readouterr().err


def test_a_command_of_the_users_is_not_looked_into() -> None:
    args = parse(["swap", "scheduler", "--name", "x", "--", "python", "mine.py", "--for", "5s"])
    assert (args.component, args.words) == ("scheduler", ["python", "mine.py", "--for", "5s"])


def test_what_may_be_given_again() -> None:
    assert parse(["dev", "dns", "--watch", "a", "--watch", "b"]).watch == ["a", "b"]
    args = parse(["trace", "-n", "a", "--", "kubectl", "-n", "b", "get", "-n", "c"])
    assert (args.namespace, args.words) == ("a", ["kubectl", "-n", "b", "get", "-n", "c"])
    with pytest.raises(SystemExit) as ended:
        parse(["hold", "-h", "--help"])
    assert ended.value.code == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("debug dns --terminal --off", "--terminal and --off: one of the two"),
        ("debug dns --off --port 80", "--off and --port: one of the two"),
        ("debug dns --terminal --wait", "--terminal and --wait: one of the two"),
        ("debug dns --port 99999", "--port 99999: must be 1 to 65535"),
        ("debug dns --port 65536", "--port 65536: must be"),
        ("debug dns --port -1", "--port -1: must be"),
        ("debug dns --port 0", "--port 0: must be"),
        ("stand-in scheduler", "that is for Compose; in cluster none the supervisor itself runs what was swapped"),
        ("wire --duration 0s", "--duration 0s: must be above 0"),
        ("freeze dns --duration 0s", "--duration 0s: must be above 0"),
        ("partition a b --duration 0", "--duration 0: must be above 0"),
        ("partition a b --forever --duration 1m", "--forever and --duration: does it end, or not?"),
        ("fault add e --drop --forever --count 2", "--forever and --count: does it end, or not?"),
    ],
)
def test_what_is_refused_before_anything_is_asked(line: str, said: str) -> None:
    """There is no such cluster; that would be told otherwise."""
    with pytest.raises(SystemExit) as ended:
        main([*line.split(), "--name", "none"])
    assert str(ended.value.code).startswith(f"orrery: {said}")
