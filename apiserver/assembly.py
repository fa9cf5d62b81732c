"""One apiserver put together: which part gets which. Nothing is started here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from apimachinery.errors import unavailable
from apiserver.config import Config
from apiserver.handlers.admission import AdmissionPlugin
from apiserver.handlers.authn import Authenticator
from apiserver.handlers.authz import Authorizer, Union
from apiserver.handlers.authz_node import NodeAuthorizer
from apiserver.handlers.component_statuses import ComponentStatuses
from apiserver.handlers.pipeline import Parts, Pipeline
from apiserver.handlers.rbac.authorizer import RESOURCES as RBAC_RESOURCES
from apiserver.handlers.rbac.authorizer import RbacAuthorizer
from apiserver.handlers.reviews import (
    GROUP,
    SelfSubjectReview,
    SelfSubjectRulesReview,
    SubjectAccessReview,
    TokenReview,
)
from apiserver.handlers.tokens import ServiceAccountTokens
from apiserver.handlers.virtual import VirtualResource
from apiserver.registry.internal import InternalObjects
from apiserver.registry.objects import ObjectStore
from apiserver.registry.resource import Resources
from apiserver.registry.store import Registry
from apiserver.registry.strategies import build_strategies
from apiserver.registry.subresources import build_handlers
from apiserver.schema.resources import BUILTIN
from apiserver.schema.store import SchemaStore
from apiserver.storage.etcd import Etcd
from apiserver.watch.alarms import Alarms
from apiserver.watch.cacher import Cacher
from wire.seams import Seams

MakeChain = Callable[[Authorizer], Sequence[AdmissionPlugin]]


class ApiServer:
    """Everything of one apiserver, put together but not started."""

    def __init__(self, config: Config, etcd: Etcd, seams: Seams, make_chain: MakeChain) -> None:
        self.seams = seams
        self.etcd = etcd
        self.cacher = Cacher(etcd, seams)
        self.alarms = Alarms(seams.clock)
        self.bootstrapped = asyncio.Event()
        """Namespaces, default roles and the like are there."""
        self.schemas = SchemaStore(config.cache_dir)
        strategies = build_strategies(config.service_cidr, config.node_ports)
        self.resources = Resources(BUILTIN, strategies, self.schemas)
        store = ObjectStore(etcd, self.cacher)
        self.objects = InternalObjects(self.resources, store, seams.clock)
        self.tokens = ServiceAccountTokens(config.pki_dir, seams.clock)
        self.authenticator = Authenticator(self.tokens, self.objects)
        rbac = RbacAuthorizer(self.objects, self._rbac_version)
        nodes = NodeAuthorizer(rbac, self.objects)
        nodes.follow(self.cacher)
        authorizer = Union(nodes, rbac)
        self.pipeline = Pipeline(
            Parts(
                resources=self.resources,
                registry=Registry(store),
                objects=self.objects,
                authorizer=authorizer,
                chain=make_chain(authorizer),
                handlers=build_handlers(self.tokens),
                virtual=self._virtual(authorizer, rbac),
                alarms=self.alarms,
                seams=seams,
            )
        )

    def _rbac_version(self) -> tuple[int, ...]:
        """Differs after every change of a role or a binding."""
        return tuple(self.cacher.resource(gvr.resource).changed for gvr in RBAC_RESOURCES)

    def _virtual(self, authorizer: Union, rbac: RbacAuthorizer) -> dict[tuple[str, str], VirtualResource]:
        return {
            (GROUP, "subjectaccessreviews"): SubjectAccessReview(authorizer),
            (GROUP, "localsubjectaccessreviews"): SubjectAccessReview(authorizer, local=True),
            (GROUP, "selfsubjectaccessreviews"): SubjectAccessReview(authorizer, of_self=True),
            (GROUP, "selfsubjectrulesreviews"): SelfSubjectRulesReview(rbac),
            ("authentication.k8s.io", "selfsubjectreviews"): SelfSubjectReview(),
            ("authentication.k8s.io", "tokenreviews"): TokenReview(self.authenticator),
            ("", "componentstatuses"): ComponentStatuses(self.etcd),
        }

    async def check_etcd(self) -> None:
        """For `/livez` and `/readyz`. Raises ApiError while etcd does not answer."""
        await self.etcd.status()

    async def check_cache(self) -> None:
        """For `/readyz`. Raises ApiError until the watch cache is filled and follows etcd."""
        if not self.cacher.ready.is_set():
            raise unavailable("the watch cache is not filled yet")
        if not self.cacher.connected:
            raise unavailable("the watch cache does not hear from etcd")

    async def check_bootstrap(self) -> None:
        """For `/readyz`. Raises ApiError until default roles and namespaces are there."""
        if not self.bootstrapped.is_set():
            raise unavailable("the cluster's first objects are not there yet")
