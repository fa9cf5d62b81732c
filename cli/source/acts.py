"""`orrery stop`, `start` and `swap`."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import replace

from cli.errors import UserError
from cli.forms.cluster import Managed
from cli.source.stand_in import log_of
from cli.source.telling import (
    change_free,
    manage,
    manage_free,
    name_flag,
    wait_down,
    wait_new,
    wait_serving,
    wait_swapped,
)
from cli.source.wanted import USUAL, Want
from cli.spec import Paths


async def stop(cluster: str, component: str) -> str:
    one = manage_free(cluster, component)
    if one.want.down:
        raise UserError(f"{component} is stopped already; orrery start {component} starts it")
    change_free(one, lambda want: replace(want, down=True, terminal=0))
    await wait_down(one)
    return f"{component} is stopped, and stays so until: orrery start {component}{name_flag(cluster)}"


async def start(cluster: str, component: str) -> str:
    one = manage(cluster, component)
    if not one.want.down:
        raise UserError(f"{component} is not stopped; orrery restart {component} starts it anew")
    want = one.change(lambda before: replace(before, down=False))
    if want.absent:
        raise UserError(f"{component} {want.note.format(component)}")
    pid = await (wait_new(one, 0) if want.argv or want.wait else wait_serving(one, 0))
    return f"{component} runs again (PID {pid})"


async def swap(cluster: str, component: str, words: list[str]) -> str:
    """Run `words` in place of our component. Raises UserError if it ends at once; it is tried again all the same."""
    one = manage_free(cluster, component)
    argv, env = find_program(words), environment(one)
    before, log = one.state, log_of(one.paths, component)
    printed = log.stat().st_size if log.exists() else 0
    change_free(one, lambda want: Want(argv=argv, cwd=os.getcwd(), env=env, turn=want.turn + 1))
    pid = await wait_swapped(one, before, printed)
    lines = [f"{component} is now PID {pid}: {shlex.join(words)}", *(f"  {k}={v}" for k, v in env.items())]
    return "\n".join(
        [
            *lines,
            f"what it prints: orrery logs {component}{name_flag(cluster)} -f; it is started again when it ends",
            f"ours again: orrery swap {component}{name_flag(cluster)} --back",
        ]
    )


def find_program(words: list[str]) -> tuple[str, ...]:
    """The command with its program as this terminal finds it; the supervisor may have another PATH."""
    program = shutil.which(words[0])
    if program is None:
        raise UserError(f"there is no program {words[0]}")
    return (os.path.abspath(program), *words[1:])


async def swap_back(cluster: str, component: str) -> str:
    one = manage(cluster, component)
    if not one.want.argv:
        raise UserError(f"{component} is ours")
    before = one.state.pid
    one.change(lambda _: USUAL)
    return f"{component} is ours again (PID {await wait_serving(one, before)})"


def environment(one: Managed) -> dict[str, str]:
    """What somebody else's component is given."""
    cluster, paths = one.cluster, one.paths
    node = next((name for name in cluster.node_names if one.name.endswith(f"-{name}")), "")
    return {
        "ORRERY_APISERVER": cluster.addresses["apiserver-rpc"],
        "ORRERY_APISERVER_REST": cluster.url,
        "ORRERY_CERT": str(paths.pki / f"{one.name}.crt"),
        "ORRERY_KEY": str(paths.pki / f"{one.name}.key"),
        "ORRERY_CA": str(paths.pki / "ca.crt"),
        "ORRERY_ADDRESS": one.stand_in_address,
        "ORRERY_CLOCK_FILE": str(paths.clock),
        **({"ORRERY_NODE": node, **_node(paths, node)} if node else {}),
    }


def _node(paths: Paths, node: str) -> dict[str, str]:
    from cli.components import runtime_socket

    return {"ORRERY_CRI_SOCKET": str(runtime_socket(paths, node))}
