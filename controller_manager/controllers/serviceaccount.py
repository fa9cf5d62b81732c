"""ServiceAccount: every live namespace has an account `default`.

Watches: Namespaces, ServiceAccounts named `default`. Owns: those accounts. Writes: creates them.
Invariant: a namespace on its way out gets none.
"""

from __future__ import annotations

from api.core import Namespace, ServiceAccount
from apimachinery.errors import ApiError
from client.informer import Event
from controller_manager.context import Context, Managed
from controller_manager.decisions import decide
from controller_manager.refusals import namespace_is_going

NAME = "default"


class ServiceAccountController:
    name = "serviceaccount"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._namespaces = context.informers.get(Namespace)
        self._accounts = context.informers.get(ServiceAccount, field_selector=f"metadata.name={NAME}")
        self.queue = context.queue(self.name)
        self._namespaces.add_handler(lambda event: self.queue.add(event.object.name))
        self._accounts.add_handler(self._on_account)

    def _on_account(self, event: Event[ServiceAccount]) -> None:
        if event.type == "DELETED":
            self.queue.add(event.object.namespace)

    async def reconcile(self, key: str) -> float | None:
        namespace = self._namespaces.get(key)
        if not is_live(namespace) or self._accounts.get(f"{key}/{NAME}") is not None:
            return None
        decide(f"create account {NAME}")
        try:
            await self._api.create(ServiceAccount, {"metadata": {"name": NAME, "namespace": key}})
        except ApiError as error:
            if error.reason != "AlreadyExists" and not namespace_is_going(error):
                raise
        return None


def is_live(namespace: Namespace | None) -> bool:
    return namespace is not None and namespace.metadata.deletion_timestamp is None


def build(context: Context) -> Managed:
    controller = ServiceAccountController(context)
    return Managed(controller, controller.queue)
