"""Removes every container and network that carries a cluster's label: `python -m cri.docker.cleanup --cluster NAME`.

With `--node NAME` only that node's containers: its pods, and what owns its namespace if the runtime made it.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from docker.api.client import APIClient
from docker.errors import APIError, DockerException, NotFound

from cri.config import default_docker_host
from cri.docker.identity import CLUSTER, NODE

WORKERS = 8


def cleanup(api: APIClient, cluster: str, node: str = "") -> int:
    """Remove them all, running or not. Gives how many containers there were. Raises DockerException."""
    wanted = {"label": [f"{CLUSTER}={cluster}"] + ([f"{NODE}={node}"] if node else [])}
    containers = [one["Id"] for one in api.containers(all=True, filters=wanted)]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda one: _remove(api, one), containers))
    for network in [] if node else api.networks(filters=wanted):
        api.remove_network(network["Id"])
    return len(containers)


def _remove(api: APIClient, container: str) -> None:
    try:
        api.remove_container(container, force=True, v=True)
    except NotFound:
        return  # someone else removed it
    except APIError as error:
        if error.response is None or error.response.status_code != 409:  # 409: its removal is under way already
            raise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cluster", required=True)
    parser.add_argument("--node", default="")
    args = parser.parse_args()
    try:
        cleanup(APIClient(base_url=default_docker_host(), version="auto"), args.cluster, args.node)
    except DockerException as error:
        sys.exit(f"Docker refused: {error}")


if __name__ == "__main__":
    main()
