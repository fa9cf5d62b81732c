"""Rules for names, label keys and values. Each check returns upstream's messages; an empty list means valid.

Wording: `k8s.io/apimachinery/pkg/util/validation`. Clients and tests match on it, so it is kept to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

LABEL_MAX: Final = 63
SUBDOMAIN_MAX: Final = 253
GENERATED_BASE_MAX: Final = 58
GENERATED_SUFFIX_LENGTH: Final = 5
GENERATED_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"

NameRule = Callable[[str], list[str]]

# Compiled when first used: `re` keeps them, and start-up does not pay for them.
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_DNS1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"


def _regex_message(text: str, pattern: str, *examples: str) -> str:
    if not examples:
        return f"{text} (regex used for validation is '{pattern}')"
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {shown}regex used for validation is '{pattern}')"


_LABEL_MESSAGE = _regex_message(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    " an alphanumeric character",
    _LABEL,
    "my-name",
    "123-abc",
)
_SUBDOMAIN_MESSAGE = _regex_message(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character",
    _SUBDOMAIN,
    "example.com",
)
_DNS1035_MESSAGE = _regex_message(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character,"
    " and end with an alphanumeric character",
    _DNS1035,
    "my-name",
    "abc-123",
)
_WORDS = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_QUALIFIED_EXAMPLES = ("MyName", "my.name", "123-abc")
_LABEL_VALUE_MESSAGE = _regex_message(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and"
    " end with an alphanumeric character",
    _LABEL_VALUE,
    "MyValue",
    "my_value",
    "12345",
)
_CONFIG_KEY_MESSAGE = _regex_message(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY,
    "key.name",
    "KEY_NAME",
    "key-name",
)
_C_IDENTIFIER_MESSAGE = _regex_message(
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters"
    " or '_'",
    _C_IDENTIFIER,
    "my_name",
    "MY_NAME",
    "MyName",
)


def too_long(limit: int) -> str:
    return f"must be no more than {limit} bytes"


def dns1123_label(value: str) -> list[str]:
    """Namespaces, container names and the like."""
    messages = [too_long(LABEL_MAX)] if len(value.encode()) > LABEL_MAX else []
    if re.fullmatch(_LABEL, value):
        return messages
    # A name that would do as a subdomain has only its dots wrong, and is told just that.
    return [*messages, "must not contain dots" if re.fullmatch(_SUBDOMAIN, value) else _LABEL_MESSAGE]


def dns1123_subdomain(value: str) -> list[str]:
    """What most objects are named by."""
    messages = [too_long(SUBDOMAIN_MAX)] if len(value.encode()) > SUBDOMAIN_MAX else []
    return messages if re.fullmatch(_SUBDOMAIN, value) else [*messages, _SUBDOMAIN_MESSAGE]


def dns1035_label(value: str) -> list[str]:
    """Services."""
    messages = [too_long(LABEL_MAX)] if len(value.encode()) > LABEL_MAX else []
    return messages if re.fullmatch(_DNS1035, value) else [*messages, _DNS1035_MESSAGE]


def path_segment(value: str) -> list[str]:
    """Names that only have to fit in a URL: roles, bindings."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{character}'" for character in "/%" if character in value]


def qualified_name(value: str) -> list[str]:
    """`name` or `prefix/name`: label keys, annotation keys, finalizers, extended resources."""
    parts = value.split("/")
    messages: list[str] = []
    if len(parts) > 2:
        optional = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [_regex_message(f"a qualified name {_WORDS}", _QUALIFIED, *_QUALIFIED_EXAMPLES) + optional]
    if len(parts) == 2:
        prefix_messages = dns1123_subdomain(parts[0]) if parts[0] else ["must be non-empty"]
        messages += [f"prefix part {message}" for message in prefix_messages]
    name = parts[-1]
    if not name:
        messages.append("name part must be non-empty")
    elif len(name) > LABEL_MAX:
        messages.append(f"name part {too_long(LABEL_MAX)}")
    if not re.fullmatch(_QUALIFIED, name):
        messages.append(_regex_message(f"name part {_WORDS}", _QUALIFIED, *_QUALIFIED_EXAMPLES))
    return messages


def label_value(value: str) -> list[str]:
    messages = [too_long(LABEL_MAX)] if len(value.encode()) > LABEL_MAX else []
    return messages if re.fullmatch(_LABEL_VALUE, value) else [*messages, _LABEL_VALUE_MESSAGE]


def config_key(value: str) -> list[str]:
    """A key of a ConfigMap or Secret, which becomes a file name."""
    messages = [too_long(SUBDOMAIN_MAX)] if len(value.encode()) > SUBDOMAIN_MAX else []
    if not re.fullmatch(_CONFIG_KEY, value):
        messages.append(_CONFIG_KEY_MESSAGE)
    return messages + _escapes_directory(value)


def _escapes_directory(value: str) -> list[str]:
    if value in (".", ".."):
        return [f"must not be '{value}'"]
    return ["must not start with '..'"] if value.startswith("..") else []


def env_var_name(value: str) -> list[str]:
    """Since 1.32 (KEP-4369) any printable ASCII but `=` will do."""
    if not value:
        return ["environment variable name must be non-empty"]
    if all(" " <= character <= "~" and character != "=" for character in value):
        return []
    return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]


def c_identifier(value: str) -> list[str]:
    return [] if re.fullmatch(_C_IDENTIFIER, value) else [_C_IDENTIFIER_MESSAGE]


def port_number(value: int) -> list[str]:
    return [] if 1 <= value <= 65535 else ["must be between 1 and 65535, inclusive"]


def port_name(value: str) -> list[str]:
    """IANA_SVC_NAME: what a named container port may be called."""
    messages = [too_long(15)] if len(value) > 15 else []
    if not re.fullmatch("[-a-z0-9]+", value):
        messages.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        messages.append("must contain at least one letter (a-z)")
    if "--" in value:
        messages.append("must not contain consecutive hyphens")
    if value and "-" in (value[0], value[-1]):
        messages.append("must not begin or end with a hyphen")
    return messages


def generate_name(base: str, random: Random | None = None) -> str:
    """A name from `metadata.generateName`. `random` is injected where a run must be repeatable."""
    if random is None:
        from random import SystemRandom  # not at the top: every process imports this module, few make names

        random = SystemRandom()
    suffix = "".join(random.choices(GENERATED_ALPHABET, k=GENERATED_SUFFIX_LENGTH))
    return base[:GENERATED_BASE_MAX] + suffix
