"""Cluster IPs and node ports: one holder each, given back, taken over from the dead."""

from __future__ import annotations

import random
from typing import Any

import pytest

from apimachinery.errors import ApiError
from apiserver.registry.core.service import ServiceStrategy
from apiserver.registry.core.service_allocation import IP_ADDRESSES, NODE_PORTS, ORPHAN_SECONDS, SERVICES, Allocator
from apiserver.registry.strategy import Context
from tests.unit.registry_fakes import NOW, Objects, context

JSON = dict[str, Any]


def strategy(cidr: str = "10.96.0.0/12", ports: tuple[int, int] = (30000, 32767)) -> ServiceStrategy:
    return ServiceStrategy(Allocator(cidr, ports, rng=random.Random(7)))


def service(name: str = "web", **spec: Any) -> JSON:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"ports": [{"port": 80}], **spec}}


async def create(which: ServiceStrategy, ctx: Context, obj: JSON) -> JSON:
    which.defaults(obj)
    which.prepare_for_create(ctx, obj)
    assert which.validate(obj) == []
    await which.allocate(ctx, None, obj)
    return obj


async def update(which: ServiceStrategy, ctx: Context, old: JSON, new: JSON) -> JSON:
    which.defaults(new)
    which.prepare_for_update(ctx, old, new)
    assert which.validate_update(old, new) == []
    await which.allocate(ctx, old, new)
    await which.after_update(ctx, old, new)
    return new


async def test_a_service_gets_an_address_and_gives_it_back() -> None:
    objects = Objects()
    ctx = context(SERVICES, objects)
    given = await create(strategy(), ctx, service())
    address = given["spec"]["clusterIP"]
    assert given["spec"]["clusterIPs"] == [address]
    assert given["spec"]["ipFamilies"] == ["IPv4"]
    assert given["spec"]["ipFamilyPolicy"] == "SingleStack"
    assert objects.names(IP_ADDRESSES) == {address}
    await strategy().after_delete(ctx, given)
    assert objects.names(IP_ADDRESSES) == set()


@pytest.mark.parametrize("spec", [{"clusterIP": "None"}, {"type": "ExternalName", "externalName": "example.com"}])
async def test_some_services_have_no_address(spec: JSON) -> None:
    objects = Objects()
    given = await create(strategy(), context(SERVICES, objects), service(**spec))
    assert given["spec"].get("clusterIP") == spec.get("clusterIP")
    assert objects.stored == {}


async def test_an_address_that_is_taken_is_refused() -> None:
    objects = Objects()
    ctx = context(SERVICES, objects)
    await create(strategy(), ctx, service("a", clusterIP="10.96.0.10"))
    objects.unseen = set(objects.stored)  # another apiserver gave it; this one has not heard
    with pytest.raises(ApiError, match=r"10\.96\.0\.10: provided IP is already allocated"):
        await create(strategy(), ctx, service("b", clusterIP="10.96.0.10"))


async def test_addresses_run_out() -> None:
    ctx = context(SERVICES)
    small = strategy("10.0.0.0/30")
    given = {(await create(small, ctx, service(name)))["spec"]["clusterIP"] for name in ("a", "b")}
    assert given == {"10.0.0.1", "10.0.0.2"}
    with pytest.raises(ApiError, match="range is full"):
        await create(small, ctx, service("c"))


async def test_the_claim_of_a_service_that_is_gone_is_taken_over_after_a_while() -> None:
    objects = Objects()
    await create(strategy(), context(SERVICES, objects), service("a", clusterIP="10.96.0.10"))
    soon, later = context(SERVICES, objects, now=NOW + 1), context(SERVICES, objects, now=NOW + ORPHAN_SECONDS)
    with pytest.raises(ApiError):
        await create(strategy(), soon, service("b", clusterIP="10.96.0.10"))
    given = await create(strategy(), later, service("b", clusterIP="10.96.0.10"))
    assert given["spec"]["clusterIP"] == "10.96.0.10"


async def test_node_ports_follow_the_type() -> None:
    objects = Objects()
    ctx = context(SERVICES, objects)
    plain = await create(strategy(), ctx, service())
    address = plain["spec"]["clusterIP"]
    assert objects.names(NODE_PORTS) == set()
    exposed = await update(strategy(), ctx, plain, service(type="NodePort"))
    port = exposed["spec"]["ports"][0]["nodePort"]
    assert 30000 <= port <= 32767
    assert exposed["spec"]["clusterIP"] == address
    assert objects.names(NODE_PORTS) == {str(port)}
    kept = await update(strategy(), ctx, exposed, service(type="NodePort", ports=[{"port": 80, "name": "a"}]))
    assert kept["spec"]["ports"][0]["nodePort"] == port
    hidden = await update(strategy(), ctx, kept, service())
    assert "nodePort" not in hidden["spec"]["ports"][0]
    assert objects.names(NODE_PORTS) == set()
    assert objects.names(IP_ADDRESSES) == {address}


async def test_a_node_port_that_is_taken_is_refused_and_nothing_else_is_kept() -> None:
    objects = Objects()
    ctx = context(SERVICES, objects)
    await create(strategy(), ctx, service("a", type="NodePort", ports=[{"port": 80, "nodePort": 30080}]))
    before = dict(objects.stored)
    with pytest.raises(ApiError, match=r"nodePort: Invalid value: 30080: provided port is already allocated"):
        await create(strategy(), ctx, service("b", type="NodePort", ports=[{"port": 80, "nodePort": 30080}]))
    assert objects.stored == before


async def test_a_dry_run_claims_nothing() -> None:
    objects = Objects()
    ctx = context(SERVICES, objects)
    obj = service(type="NodePort")
    which = strategy()
    which.defaults(obj)
    which.prepare_for_create(ctx, obj)
    which.preview_allocation(ctx, None, obj)
    assert obj["spec"]["clusterIP"]
    assert obj["spec"]["ports"][0]["nodePort"]
    assert objects.stored == {}


async def test_a_refused_write_gives_back_what_was_claimed_for_it() -> None:
    objects = Objects()
    ctx = context(SERVICES, objects)
    given = await create(strategy(), ctx, service())
    await strategy().rollback(ctx, None, given)
    assert objects.stored == {}


async def test_an_address_may_not_change() -> None:
    which, ctx = strategy(), context(SERVICES)
    old = await create(which, ctx, service(clusterIP="10.96.0.10"))
    new = service(clusterIP="10.96.0.11")
    which.defaults(new)
    which.prepare_for_update(ctx, old, new)
    assert [str(error) for error in which.validate_update(old, new)] == [
        'spec.clusterIPs[0]: Invalid value: ["10.96.0.11"]: may not change once set'
    ]
