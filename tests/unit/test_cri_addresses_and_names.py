"""Pod addresses and image names."""

from __future__ import annotations

import pytest

from apimachinery.errors import ApiError
from cri.addresses import AddressPool
from cri.image_names import familiar, image_id, split


def pool(cidr: str = "10.244.1.0/28") -> AddressPool:
    made = AddressPool()
    made.set_cidr(cidr)
    return made


def test_addresses_are_taken_in_turn_and_rest_before_they_return() -> None:
    addresses = pool()
    first, second = addresses.take("a"), addresses.take("b")
    assert (first, second) == ("10.244.1.2", "10.244.1.3")
    addresses.release(first, "a")
    assert addresses.take("c") == "10.244.1.4"


def test_all_are_given_before_none_is_left() -> None:
    addresses = pool("10.244.1.0/29")
    given = [addresses.take(str(number)) for number in range(5)]
    assert given == [f"10.244.1.{number}" for number in range(2, 7)]
    with pytest.raises(ApiError, match="no address left"):
        addresses.take("late")
    addresses.release(given[3], "3")
    assert addresses.take("late") == given[3]


def test_only_the_owner_releases() -> None:
    addresses = pool()
    address = addresses.take("a")
    addresses.release(address, "b")
    addresses.claim(address, "b")
    addresses.release(address, "a")
    assert address not in {addresses.take(str(number)) for number in range(10)}


def test_goes_on_behind_what_is_taken() -> None:
    addresses = AddressPool()
    addresses.claim("10.244.1.7", "before")
    addresses.set_cidr("10.244.1.0/24")
    assert addresses.take("a") == "10.244.1.8"


@pytest.mark.parametrize("cidr", ["nonsense", "10.244.1.0/30", "fd00::/64"])
def test_unusable_ranges(cidr: str) -> None:
    with pytest.raises(ApiError, match="pod CIDR"):
        pool(cidr)


def test_no_range_yet() -> None:
    with pytest.raises(ApiError, match="no pod CIDR yet"):
        AddressPool().take("a")


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("nginx", "nginx:latest"),
        ("docker.io/library/nginx:1.27", "nginx:1.27"),
        ("index.docker.io/library/nginx", "nginx:latest"),
        ("docker.io/bitnami/redis:7", "bitnami/redis:7"),
        ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
        ("localhost:5000/a/b:c", "localhost:5000/a/b:c"),
        ("nginx@sha256:" + "a" * 64, "nginx@sha256:" + "a" * 64),
        ("nginx:1.27@sha256:" + "a" * 64, "nginx@sha256:" + "a" * 64),
    ],
)
def test_familiar_names(text: str, short: str) -> None:
    assert familiar(text) == short


@pytest.mark.parametrize(
    ("text", "why"), [("Nginx", "lowercase"), ("a b", "invalid"), ("", "invalid"), ("a:b:c", "invalid")]
)
def test_bad_names(text: str, why: str) -> None:
    with pytest.raises(ApiError, match=why):
        split(text)


def test_ids() -> None:
    assert image_id("a" * 64) == image_id("sha256:" + "a" * 64) == "sha256:" + "a" * 64
    assert image_id("abc") == ""
