"""`orrery cri`: methods by name, requests from JSON, and calls over the socket of a simulated runtime."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from cli.cri.calling import call, read_body
from cli.cri.methods import find_method, method_table, methods, path_of, request_of, template
from cli.errors import UserError
from cri.sim.backend import SimBackend
from proto import cri_pb2 as pb
from tests.contract.cri_harness import serving
from wire.seams import make_seams

SANDBOX = {"config": {"metadata": {"name": "x", "uid": "u1", "namespace": "lab"}, "labels": {"made": "by-hand"}}}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("RunPodSandbox", "RunPodSandbox"),
        ("runpodsandbox", "RunPodSandbox"),
        ("runpod", "RunPodSandbox"),
        ("version", "Version"),
        ("status", "Status"),
        ("listimages", "ListImages"),
        ("exec", "Exec"),  # the whole of a name counts for more than its beginning
    ],
)
def test_a_method_is_found_by_its_name_or_its_beginning(text: str, name: str) -> None:
    assert find_method(text).name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("RunSandbox", "near it are: RunPodSandbox"),
        ("StopContainers", "near it are: StopContainer"),
        ("remove", "remove may be RemovePodSandbox, RemoveContainer, RemoveImage"),
    ],
)
def test_a_method_that_is_not_there_or_not_plain_names_those_that_may_be_meant(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        find_method(text)


def test_the_table_has_every_method_of_both_services() -> None:
    lines = method_table().splitlines()
    assert len(lines) == 1 + len(methods())
    assert any(line.split()[:2] == ["ListImages", "ImageService"] for line in lines)
    assert any(line.startswith("GetContainerEvents") and "a stream" in line for line in lines)


def test_a_path_is_as_the_contract_has_it() -> None:
    assert path_of(find_method("ImageStatus")) == "/runtime.v1.ImageService/ImageStatus"


@pytest.mark.parametrize("key", ["podSandboxId", "pod_sandbox_id"])
def test_both_spellings_of_a_field_are_understood(key: str) -> None:
    assert request_of(find_method("StopPodSandbox"), {key: "abc"}) == pb.StopPodSandboxRequest(pod_sandbox_id="abc")


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"id": "abc"}, 'no field named "id"'),
        ({"podSandboxId": 3}, "StopPodSandbox takes: pod_sandbox_id"),
        ([], "takes a JSON object"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_with_the_fields_there_are(tree: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        request_of(find_method("StopPodSandbox"), tree)


@pytest.mark.parametrize("name", methods())
def test_what_a_template_leaves_empty_is_a_request(name: str) -> None:
    found = template(find_method(name).input_type)
    request_of(find_method(name), {key: value for key, value in found.items() if not value})


def test_a_template_shows_enumerations_and_what_lies_inside() -> None:
    found = template(find_method("RunPodSandbox").input_type)
    assert found["config"]["metadata"] == {"name": "", "uid": "", "namespace": "", "attempt": 0}
    assert found["config"]["labels"] == {}
    assert "windows" not in found["config"]


def test_a_request_is_read_from_the_command_line_a_file_or_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "body.json").write_text('{"a": 1}')
    monkeypatch.setattr("sys.stdin", io.StringIO('{"b": 2}'))
    assert read_body('{"c": 3}') == {"c": 3}
    assert read_body(f"@{tmp_path / 'body.json'}") == {"a": 1}
    assert read_body("-") == {"b": 2}
    with pytest.raises(UserError, match="is no JSON"):
        read_body("{name: x}")


async def test_calls_reach_a_runtime_and_its_refusals_come_back(tmp_path: Path) -> None:
    seams = make_seams("runtime-test")
    backend = SimBackend(tmp_path / "state", tmp_path / "logs", seams)
    backend.set_pod_cidr("10.1.2.0/24")
    async with serving(backend, seams, tmp_path):
        socket = tmp_path / "cri.sock"
        made = [one async for one in call(socket, "RunPodSandbox", SANDBOX)]
        wanted = {"filter": {"labelSelector": {"made": "by-hand"}}}
        (listed,) = [one async for one in call(socket, "ListPodSandbox", wanted)]
        pages = [one async for one in call(socket, "StreamPodSandboxes", {})]
        with pytest.raises(UserError, match=r'ContainerStatus: NOT_FOUND: .*container "nobody"'):
            [one async for one in call(socket, "ContainerStatus", {"containerId": "nobody"})]
    assert [one["id"] for one in listed["items"]] == [made[0]["podSandboxId"]]
    assert listed["items"][0]["state"] == "SANDBOX_READY"
    assert pages[0]["podSandboxes"][0]["metadata"]["name"] == "x"


async def test_a_socket_that_nobody_serves_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nobody serves"):
        [one async for one in call(tmp_path / "cri.sock", "Version", {})]
