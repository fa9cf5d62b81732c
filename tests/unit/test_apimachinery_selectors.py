"""Label and field selectors: what they match and how bad ones are refused."""

from __future__ import annotations

from typing import Any

import pytest

from apimachinery.errors import ApiError
from apimachinery.fields import parse_field_selector
from apimachinery.selectors import NOTHING, from_json, from_labels, parse_label_selector

WEB = {"app": "web", "tier": "front", "count": "3", "empty": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web", True),
        ("app=db", False),
        ("app!=db", True),
        ("none!=x", True),
        ("app!=web", False),
        ("app in (web,db)", True),
        ("app in ( web , db )", True),
        ("app in (db)", False),
        ("app notin (db)", True),
        ("none notin (x)", True),
        ("app", True),
        ("!app", False),
        ("! none", True),
        ("count>2", True),
        ("count<2", False),
        ("app>2", False),
        ("app=web,tier in (front),!old", True),
        ("app=web,tier=back", False),
        ("empty=", True),
        ("empty=,app=web", True),
        ("none=", False),
        ("empty in (,x)", True),
        ("example.com/x notin (y)", True),
    ],
)
def test_query_form(text: str, matches: bool) -> None:
    assert parse_label_selector(text).matches(WEB) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("app in web", "unable to parse requirement: found 'web' expected: '('"),
        ("app in (web", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("app=web=db", "found '=', expected: ',' or 'end of string'"),
        ("=web", "found '=', expected: !, identifier, or 'end of string'"),
        ("app=web,", "found '', expected: identifier after ','"),
        ("!=x", "found '!=', expected: !, identifier, or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("count>x", "unable to parse requirement: values[0]: Invalid value: for 'Gt', 'Lt' operators"),
        ("-a=x", 'unable to parse requirement: key: Invalid value: "-a": name part must consist'),
        ("a=-x", 'unable to parse requirement: values[0][a]: Invalid value: "-x": a valid label must'),
    ],
)
def test_bad_query_is_400(text: str, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_label_selector(text)
    assert refused.value.code == 400
    assert refused.value.message.startswith(message)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "db"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "x"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "no", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "count", "operator": "Gt", "values": ["2"]}]}, True),
    ],
)
def test_json_form(selector: dict[str, Any] | None, matches: bool) -> None:
    assert from_json(selector).matches(WEB) is matches


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"key": "a", "operator": "Like"}, '"Like" is not a valid label selector operator'),
        ({"key": "a", "operator": "In", "values": []}, "unable to parse requirement: values: Invalid value: []"),
        ({"key": "a", "operator": "Exists", "values": ["x"]}, "unable to parse requirement: values: Invalid value"),
    ],
)
def test_bad_expression_is_400(expression: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError) as refused:
        from_json({"matchExpressions": [expression]})
    assert refused.value.message.startswith(message)


def test_text_and_index() -> None:
    selector = parse_label_selector("tier in (b,a),app=web,!old,n>1,one in (x)")
    assert str(selector) == "app=web,n>1,!old,one in (x),tier in (a,b)"
    assert selector.exact == {"app": "web", "one": "x"}
    assert str(from_json({"matchLabels": {"b": "2", "a": "1"}})) == "a=1,b=2"
    assert from_labels({}) is NOTHING
    assert not NOTHING.matches({})
    assert parse_label_selector("").everything
    assert not NOTHING.everything


POD = {"metadata.name": "web", "status.phase": "Running", "odd": "a,b=c"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("metadata.name=web", True),
        ("metadata.name==web", True),
        ("metadata.name!=web", False),
        ("status.phase!=Pending,metadata.name=web", True),
        ("spec.nodeName=", True),
        ("spec.nodeName!=", False),
        ("odd=a\\,b\\=c", True),
        (",metadata.name=web,", True),
    ],
)
def test_field_selector(text: str, matches: bool) -> None:
    assert parse_field_selector(text).matches(lambda path: POD.get(path, "")) is matches


def test_field_requirements() -> None:
    selector = parse_field_selector("a==1,b!=2")
    assert selector.requirements == (("a", "=", "1"), ("b", "!=", "2"))
    assert selector.exact("a") == "1"
    assert selector.exact("b") is None
    assert str(selector) == "a=1,b!=2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
        ("a>1", "invalid selector: 'a>1'; can't understand 'a>1'"),
        ("a=b\\x", "invalid field selector: invalid escape sequence: \\x"),
        ("a=b=c", "invalid field selector: unescaped character in value"),
    ],
)
def test_bad_field_selector_is_400(text: str, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_field_selector(text)
    assert refused.value.code == 400
    assert refused.value.message.startswith(message)
