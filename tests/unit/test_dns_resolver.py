"""Names of a small cluster and their records."""

from __future__ import annotations

import pytest

from dns.records import Answer, Question, Rcode, Record
from dns.resolver import Resolver
from tests.support.names import small_cluster

ZONE = "cluster.local"


def ask(name: str, type_: str = "A") -> Answer | None:
    return Resolver(ZONE, small_cluster()).answer(Question(name, type_), serial=7)


def short(answer: Answer | None) -> list[str]:
    assert answer is not None
    return [
        f"{one.type} {' '.join(map(str, one.data)) if isinstance(one.data, tuple) else one.data}"
        for one in answer.answers
    ]


@pytest.mark.parametrize(
    ("name", "type_", "expected"),
    [
        ("web.default.svc.cluster.local", "A", ["A 10.96.0.20"]),
        ("WEB.Default.svc.Cluster.Local", "A", ["A 10.96.0.20"]),
        ("db.default.svc.cluster.local", "A", ["A 10.244.1.5", "A 10.244.2.6"]),
        ("db-0.db.default.svc.cluster.local", "A", ["A 10.244.1.5"]),
        ("10-244-2-6.db.default.svc.cluster.local", "A", ["A 10.244.2.6"]),
        ("_http._tcp.web.default.svc.cluster.local", "SRV", ["SRV 0 100 80 web.default.svc.cluster.local"]),
        ("_dns._udp.web.default.svc.cluster.local", "SRV", ["SRV 0 100 53 web.default.svc.cluster.local"]),
        (
            "_http._tcp.db.default.svc.cluster.local",
            "SRV",
            [
                "SRV 0 50 8080 db-0.db.default.svc.cluster.local",
                "SRV 0 50 8080 10-244-2-6.db.default.svc.cluster.local",
            ],
        ),
        ("1-2-3-4.default.pod.cluster.local", "A", ["A 1.2.3.4"]),
        ("out.default.svc.cluster.local", "CNAME", ["CNAME example.com"]),
        (
            "alias.default.svc.cluster.local",
            "A",
            ["CNAME web.default.svc.cluster.local", "A 10.96.0.20"],
        ),
        ("20.0.96.10.in-addr.arpa", "PTR", ["PTR web.default.svc.cluster.local"]),
        ("5.1.244.10.in-addr.arpa", "PTR", ["PTR db-0.db.default.svc.cluster.local"]),
        ("9.1.244.10.in-addr.arpa", "PTR", ["PTR 10-244-1-9.web.default.svc.cluster.local"]),
        ("dns-version.cluster.local", "TXT", ["TXT 1.1.0"]),
        ("cluster.local", "NS", ["NS ns.dns.cluster.local"]),
        ("ns.dns.cluster.local", "A", ["A 10.96.0.10"]),
    ],
)
def test_records(name: str, type_: str, expected: list[str]) -> None:
    answer = ask(name, type_)
    assert short(answer) == expected
    assert answer is not None
    assert answer.answers[0].name == name


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("web.default.svc.cluster.local", "AAAA"),
        ("web.default.svc.cluster.local", "TXT"),
        ("empty.default.svc.cluster.local", "A"),
        ("default.svc.cluster.local", "A"),
        ("svc.cluster.local", "A"),
        ("cluster.local", "A"),
        ("1-2-3-4.default.pod.cluster.local", "AAAA"),
    ],
)
def test_names_that_exist_without_such_records(name: str, type_: str) -> None:
    answer = ask(name, type_)
    assert answer is not None
    assert (answer.rcode, answer.answers) == (Rcode.NOERROR, ())
    assert [one.type for one in answer.authority] == ["SOA"]


@pytest.mark.parametrize(
    "name",
    [
        "nothing.default.svc.cluster.local",
        "web.nowhere.svc.cluster.local",
        "nowhere.svc.cluster.local",
        "host.web.default.svc.cluster.local",
        "_ftp._tcp.web.default.svc.cluster.local",
        "_http._udp.web.default.svc.cluster.local",
        "_ftp._tcp.db.default.svc.cluster.local",
        "db-2.db.default.svc.cluster.local",
        "a.b.db.default.svc.cluster.local",
        "a.b.c.db.default.svc.cluster.local",
        "10-244-1-9.web.default.svc.cluster.local",
        "1-2-3.default.pod.cluster.local",
        "1-2-3-4.nowhere.pod.cluster.local",
        "www.example.com.default.svc.cluster.local",
        "example.com.cluster.local",
        "x.out.default.svc.cluster.local",
    ],
)
def test_names_that_do_not_exist(name: str) -> None:
    answer = ask(name)
    assert answer is not None
    assert answer.rcode is Rcode.NXDOMAIN
    soa = ("ns.dns.cluster.local", "hostmaster.cluster.local", (7, 7200, 1800, 86400, 30))
    assert answer.authority == (Record(ZONE, "SOA", soa),)


@pytest.mark.parametrize("name", ["example.com", "local", "xcluster.local", "1.0.0.127.in-addr.arpa", "x.in-addr.arpa"])
def test_names_of_others(name: str) -> None:
    assert ask(name, "PTR") is None


def test_an_external_name_is_followed_outside() -> None:
    answer = ask("out.default.svc.cluster.local")
    assert answer is not None
    assert answer.follow == "example.com"
    assert short(answer) == ["CNAME example.com"]


def test_a_circle_of_names_ends() -> None:
    answer = ask("loop.default.svc.cluster.local")
    assert answer is not None
    assert len(answer.answers) == 8


def test_services_come_with_their_addresses() -> None:
    answer = ask("_http._tcp.db.default.svc.cluster.local", "SRV")
    assert answer is not None
    assert [(one.name.split(".")[0], one.data) for one in answer.additional] == [
        ("db-0", "10.244.1.5"),
        ("10-244-2-6", "10.244.2.6"),
    ]
