"""One call of the CRI over a node's socket."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import grpc

from cli.components import runtime_socket
from cli.cri.methods import find_method, method_table, path_of, request_of, response_class, template, to_tree
from cli.debugging.near import did_you_mean
from cli.errors import UserError
from cli.forms.finding import running
from wire.channel import connect
from wire.errors import from_rpc_error
from wire.seams import make_seams

CALL_SECONDS: Final = 60.0  # that an answer may take, unless it is a stream
CALLER: Final = "orrery"


async def cri(name: str, node: str, method: str, body: str, *, fields: bool, count: int) -> None:
    """Print the answer as JSON; of a stream one line each. Without a method, what there is. Raises UserError."""
    socket = socket_of(name, node)
    if not method:
        print(f"{method_table()}\n\n{node}: unix://{socket}")
        return
    found = find_method(method)
    if fields:
        print(json.dumps(template(found.input_type), indent=2))
        return
    tree = read_body(body)
    shown = 0
    async for answer in call(socket, found.name, tree):
        print(json.dumps(answer, indent=None if found.server_streaming else 2), flush=True)
        shown += 1
        if shown == count:
            return


def socket_of(name: str, node: str) -> Path:
    """Raises UserError if the cluster does not run or has no such node."""
    cluster = running(name)
    if node not in cluster.node_names:
        raise UserError(f"no node {node}{did_you_mean(node, cluster.node_names)}")
    return runtime_socket(cluster.paths, node)


def read_body(text: str) -> Any:
    """JSON as it stands, of `@FILE`, or of standard input for `-`. Raises UserError."""
    try:
        if text.startswith("@"):
            text = Path(text[1:]).read_text()
        elif text == "-":
            text = sys.stdin.read()
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"the request is no JSON: {error}") from None


async def call(socket: Path, method: str, tree: Any) -> AsyncIterator[dict[str, Any]]:
    """The answer, or the answers of a stream as they come. Raises UserError for a refusal, or if nobody answers."""
    found = find_method(method)
    request = request_of(found, tree)
    async with connect(f"unix:{socket}", make_seams(CALLER), None) as channel:
        kinds = {
            "request_serializer": type(request).SerializeToString,
            "response_deserializer": response_class(found).FromString,
        }
        try:
            if found.server_streaming:
                async for one in channel.unary_stream(path_of(found), **kinds)(request):
                    yield to_tree(one)
            else:
                yield to_tree(await channel.unary_unary(path_of(found), **kinds)(request, timeout=CALL_SECONDS))
        except grpc.aio.AioRpcError as error:
            raise UserError(_refusal(found.name, socket, error)) from None


def _refusal(method: str, socket: Path, error: grpc.aio.AioRpcError) -> str:
    problem = from_rpc_error(error)
    text = f"{method}: {error.code().name}: {problem.message}"
    return f"{text}\nnobody serves {socket}; orrery status" if problem.code == 503 and not socket.exists() else text


def ask(socket: Path, method: str, tree: Any) -> dict[str, Any]:
    """One unary call, for who is not asynchronous. Raises UserError."""

    async def first() -> dict[str, Any]:
        async for answer in call(socket, method, tree):
            return answer
        return {}

    return asyncio.run(first())
