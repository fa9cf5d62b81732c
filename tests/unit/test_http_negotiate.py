"""Accept and Content-Type: what is answered to what is asked."""

import pytest

from apimachinery.errors import ApiError
from apiserver.http.negotiate import JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE, Form, body_type, negotiate

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form()),
        ("*/*", Form()),
        ("application/json", Form()),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Form()),
        ("application/yaml", Form(YAML_TYPE)),
        ("application/json;q=0.5,application/yaml", Form(YAML_TYPE)),
        (f"{PROTOBUF_TYPE},application/json", Form()),
        (PROTOBUF_TYPE, Form(PROTOBUF_TYPE)),
        (f"{TABLE},application/json", Form(JSON_TYPE, "Table")),
        (f"{TABLE.replace('v1', 'v9')},application/json", Form()),
        (f"application/json;as=Table;v=v1beta1;g=meta.k8s.io,{TABLE}", Form(JSON_TYPE, "Table", "v1beta1")),
        (
            f"{PROTOBUF_TYPE};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
            Form(JSON_TYPE, "PartialObjectMetadataList"),
        ),
        ("application/json;pretty=1", Form(pretty=True)),
    ],
)
def test_negotiate(accept: str, form: Form) -> None:
    assert negotiate(accept) == form


@pytest.mark.parametrize("accept", ["text/html", TABLE.replace("g=meta.k8s.io", "g=x"), "application/json;q=0"])
def test_not_acceptable(accept: str) -> None:
    with pytest.raises(ApiError) as caught:
        negotiate(accept)
    assert caught.value.code == 406


def test_custom_resources_have_no_protobuf() -> None:
    assert negotiate(f"{PROTOBUF_TYPE},application/json", protobuf=False) == Form()
    with pytest.raises(ApiError):
        negotiate(PROTOBUF_TYPE, protobuf=False)


@pytest.mark.parametrize(
    ("content_type", "media"),
    [
        ("", JSON_TYPE),
        ("application/json; charset=utf-8", JSON_TYPE),
        ("text/yaml", YAML_TYPE),
        (PROTOBUF_TYPE, PROTOBUF_TYPE),
    ],
)
def test_body_type(content_type: str, media: str) -> None:
    assert body_type(content_type) == media
