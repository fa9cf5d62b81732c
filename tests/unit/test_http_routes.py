"""URLs and what they ask for."""

import pytest

from apiserver.http.routes import Route, parse


@pytest.mark.parametrize(
    ("method", "path", "watch", "expected"),
    [
        ("GET", "/api/v1/pods", False, ("list", "", "v1", "", "pods", "", "")),
        ("GET", "/api/v1/pods/", False, ("list", "", "v1", "", "pods", "", "")),
        ("GET", "/api/v1/pods", True, ("watch", "", "v1", "", "pods", "", "")),
        ("GET", "/api/v1/watch/pods", False, ("watch", "", "v1", "", "pods", "", "")),
        ("GET", "/api/v1/watch/namespaces/d/pods/x", False, ("watch", "", "v1", "d", "pods", "x", "")),
        ("GET", "/api/v1/namespaces", False, ("list", "", "v1", "", "namespaces", "", "")),
        ("GET", "/api/v1/namespaces/d", False, ("get", "", "v1", "d", "namespaces", "d", "")),
        ("PUT", "/api/v1/namespaces/d/finalize", False, ("update", "", "v1", "d", "namespaces", "d", "finalize")),
        ("GET", "/api/v1/namespaces/d/pods/x", True, ("get", "", "v1", "d", "pods", "x", "")),
        ("POST", "/api/v1/namespaces/d/pods/x/exec", False, ("create", "", "v1", "d", "pods", "x", "exec")),
        ("DELETE", "/api/v1/namespaces/d/pods", False, ("deletecollection", "", "v1", "d", "pods", "", "")),
        ("DELETE", "/api/v1/namespaces/d/pods/x", False, ("delete", "", "v1", "d", "pods", "x", "")),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/d/deployments/x/scale",
            False,
            ("patch", "apps", "v1", "d", "deployments", "x", "scale"),
        ),
        ("GET", "/apis/apps/v1", False, ("get", "", "", "", "", "", "")),
        ("GET", "/apis/apps/v1/watch", False, ("list", "apps", "v1", "", "watch", "", "")),
        ("OPTIONS", "/api/v1/pods", False, ("options", "", "v1", "", "pods", "", "")),
        ("GET", "/healthz", False, ("get", "", "", "", "", "", "")),
    ],
)
def test_parse(method: str, path: str, watch: bool, expected: tuple[str, ...]) -> None:
    route = parse(method, path, watch=watch)
    assert (
        route.verb,
        route.group,
        route.version,
        route.namespace,
        route.resource,
        route.name,
        route.subresource,
    ) == expected


def test_proxy_keeps_its_rest() -> None:
    route = parse("GET", "/api/v1/namespaces/d/services/web:80/proxy/a/b")
    assert route == Route("get", route.path, "", "v1", "d", "services", "web:80", "proxy", rest="/a/b")
