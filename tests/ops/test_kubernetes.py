"""The manifests, checked by kubeconform against Kubernetes' own schemas.

`.ci/run` brings both tools into `.tools`. The schemas come from a Python package whose references
are absolute paths of an API server; kubeconform reads files, so they are made relative first.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.settings import ROOT

MANIFEST = ROOT / "ops" / "kubernetes" / "market.yaml"
TOOLS = ROOT / ".tools"
SCHEMAS = TOOLS / "schemas" / "kubernetes_validate" / "kubernetes-json-schema"
NEEDED = ("_definitions", "service-v1", "statefulset-apps-v1")


def _documents() -> list[Any]:
    return list(yaml.safe_load_all(MANIFEST.read_text()))


@pytest.fixture
def kubeconform(tmp_path: Path) -> list[str]:
    """The command that checks a manifest."""
    program = shutil.which("kubeconform", path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    if program is None or not SCHEMAS.is_dir():
        pytest.skip("kubeconform and its schemas are not in .tools: .ci/run installs them with Go")
    newest = max(SCHEMAS.glob("v*-local-strict"), key=lambda path: int(path.name.split(".")[1]))
    for name in NEEDED:
        text = (newest / f"{name}.json").read_text()
        schema = json.loads(text.replace('"/api/_definitions.json#', '"_definitions.json#'))
        del schema["$id"]
        (tmp_path / f"{name}.json").write_text(json.dumps(schema))
    place = f"{tmp_path}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    return [program, "-strict", "-output", "json", "-schema-location", place]


def _check(command: list[str], manifest: str) -> tuple[int, str]:
    done = subprocess.run(
        [*command, "-"], input=manifest, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_manifest_is_valid(kubeconform: list[str]) -> None:
    assert _check(kubeconform, MANIFEST.read_text()) == (0, '{\n  "resources": []\n}\n')


def test_a_misspelt_field_and_a_wrong_type_are_refused(kubeconform: list[str]) -> None:
    wrong = MANIFEST.read_text().replace("serviceName", "servceName")
    code, text = _check(kubeconform, wrong.replace("replicas: 4", "replicas: four"))
    assert code == 1
    assert "servceName" in text
    assert "/spec/replicas" in text


def test_the_number_of_pods_is_the_number_of_shards() -> None:
    service, workload = _documents()
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert environment["TAPE_SHARDS"] == str(workload["spec"]["replicas"])
    assert "POD_NAME" in environment
    assert container["args"] == ["run", "market"]
    assert workload["spec"]["serviceName"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
