"""Root CA publisher: every live namespace has a ConfigMap `kube-root-ca.crt` with the cluster's CA certificate.

Watches: Namespaces, ConfigMaps of that name. Owns: those ConfigMaps. Writes: creates them, and restores their data.
Invariant: what pods mount as `ca.crt` is the certificate that signs the apiserver's.
"""

from __future__ import annotations

from typing import Final

from api.core import ConfigMap, Namespace
from apimachinery.errors import ApiError
from client.informer import Event
from controller_manager.context import Context, Managed
from controller_manager.controllers.serviceaccount import is_live
from controller_manager.decisions import decide
from controller_manager.refusals import namespace_is_going

NAME: Final = "kube-root-ca.crt"
DESCRIPTION: Final = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the"
    " internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes"
    " clusters."
)


class RootCaController:
    name = "root-ca-publisher"

    def __init__(self, context: Context, certificate: str) -> None:
        self._api = context.api
        self._data = {"ca.crt": certificate}
        self._namespaces = context.informers.get(Namespace)
        self._config_maps = context.informers.get(ConfigMap, field_selector=f"metadata.name={NAME}")
        self.queue = context.queue(self.name)
        self._namespaces.add_handler(lambda event: self.queue.add(event.object.name))
        self._config_maps.add_handler(self._on_config_map)

    def _on_config_map(self, event: Event[ConfigMap]) -> None:
        if event.new is None or event.new.data != self._data:
            self.queue.add(event.object.namespace)

    async def reconcile(self, key: str) -> float | None:
        if not is_live(self._namespaces.get(key)):
            return None
        present = self._config_maps.get(f"{key}/{NAME}")
        if present is None:
            decide(f"create {NAME}")
            await self._create(key)
        elif present.data != self._data:
            decide(f"restore {NAME}", why="its data was changed")
            surplus = dict.fromkeys(present.data.keys() - self._data.keys())
            await self._api.patch(ConfigMap, NAME, {"data": self._data | surplus}, namespace=key)
        return None

    async def _create(self, namespace: str) -> None:
        metadata = {
            "name": NAME,
            "namespace": namespace,
            "annotations": {"kubernetes.io/description": DESCRIPTION},
        }
        try:
            await self._api.create(ConfigMap, {"metadata": metadata, "data": self._data})
        except ApiError as error:
            if error.reason != "AlreadyExists" and not namespace_is_going(error):
                raise


def build(context: Context) -> Managed:
    controller = RootCaController(context, context.config.root_ca.read_text())
    return Managed(controller, controller.queue)
