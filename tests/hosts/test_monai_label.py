"""A bundle in a MONAI Label server: segment, score, train and segment again, over HTTP and on real volumes.

The server runs in an environment of its own; name its folder, which is made where it is missing:

    MONAI_ATTN_LABEL_ENV=/tmp/label python -m pytest tests/hosts/test_monai_label.py

MONAI_ATTN_LABEL_SOURCE may name a checkout of MONAI Label to be served instead of the release that the environment has.
"""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environments
import nibabel as nib
import numpy as np
import pytest
from conftest import BUNDLES
from parts import same, set_aside, weights

NAME = "hippocampus_mri_attn_segmentation"
LABELLED = ("001", "003", "004", "006", "007", "008", "011", "014")
UNLABELLED = ("015", "023")


@dataclass
class Server:
    """A running server, its log, its copy of the bundle and its images."""

    url: str
    python: str
    log: Path
    bundle: Path
    studies: Path

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=500) as answer:  # noqa: S310  this machine only
            return answer.read()

    def train(self, sync: bool) -> dict[str, Any]:
        """Train for an epoch, in the server's own process or, as viewers ask for it, in one of its own."""
        request = {"max_epochs": 1, "val_split": 0.25, "device": "cpu"}
        task: dict[str, Any] = json.loads(self.call("POST", f"/train/{NAME}?run_sync={str(sync).lower()}", request))
        while not sync and task["status"] in ("SUBMITTED", "RUNNING"):
            time.sleep(1)
            task = json.loads(self.call("GET", "/train/"))
        return task

    def segment(self, case: str, folder: Path) -> nib.Nifti1Image:
        """Ask for a label map, as a viewer does."""
        folder.mkdir()
        path = folder / f"{case}.nii.gz"
        path.write_bytes(self.call("POST", f"/infer/{NAME}?image={case}&output=image"))
        return nib.load(path)

    def own(self, case: str, folder: Path) -> nib.Nifti1Image:
        """Run the bundle's own command with the weights that the server has."""
        images = folder / "images"
        images.mkdir(parents=True)
        shutil.copy(self.studies / f"{case}.nii.gz", images)
        config = ["--config_file", self.bundle / "configs" / "inference.json", "--bundle_root", self.bundle]
        command = [self.python, "-m", "monai.bundle", "run", *config, "--dataset_dir", images, "--output_dir", folder]
        subprocess.run(command, env=environments.variables(), cwd=folder, check=True, capture_output=True, timeout=300)
        return nib.load(folder / f"{case}.nii.gz")


@pytest.fixture(scope="module")
def server(shared_data, tmp_path_factory) -> Iterator[Server]:
    if not os.environ.get("MONAI_ATTN_LABEL_ENV"):
        pytest.skip("MONAI Label runs in an environment of its own: name its folder in MONAI_ATTN_LABEL_ENV")
    environment = Path(os.environ["MONAI_ATTN_LABEL_ENV"]).resolve()
    environments.make("label", environment)
    source = os.environ.get("MONAI_ATTN_LABEL_SOURCE", "")
    apps = (Path(source).resolve() if source else environment / "monailabel") / "sample-apps"

    folder = tmp_path_factory.mktemp("label")
    app, studies = folder / "app", folder / "studies"
    shutil.copytree(apps / "monaibundle", app)
    bundle = Path(shutil.copytree(BUNDLES / NAME, app / "model" / NAME))
    (studies / "labels" / "final").mkdir(parents=True)
    data = shared_data / "Task04_Hippocampus"
    for number in LABELLED + UNLABELLED:
        shutil.copy(data / "imagesTr" / f"hippocampus_{number}.nii.gz", studies)
    for number in LABELLED:
        shutil.copy(data / "labelsTr" / f"hippocampus_{number}.nii.gz", studies / "labels" / "final")

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = environments.variables(HOME=str(folder), MONAI_LABEL_AUTO_UPDATE_SCORING="false")
    if source:
        variables["PYTHONPATH"] += os.pathsep + str(Path(source).resolve())
    python = str(environments.python(environment))
    options = {"models": NAME, "epistemic_model": NAME, "zoo_source": "local", "sam2": "false"}
    conf = [word for option, value in options.items() for word in ("--conf", option, value)]
    command = [python, "-m", "monailabel.main", "start_server", "--app", app, "--studies", studies, *conf]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [*map(str, command), "--host", "127.0.0.1", "--port", str(port)],
            env=variables,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    running = Server(f"http://127.0.0.1:{port}", python, folder / "server.log", bundle, studies)
    try:
        wait_for(running, process)
        yield running
    finally:
        process.terminate()
        process.wait(60)
        print(running.log.read_text()[-20000:])


def wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    for _ in range(120):
        try:
            server.call("GET", "/info/")
        except OSError:
            assert process.poll() is None, server.log.read_text()
            time.sleep(1)
        else:
            return
    raise AssertionError(f"the server does not answer: {server.log.read_text()}")


def voxels(image: nib.Nifti1Image) -> np.ndarray:
    return np.asarray(image.dataobj)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return min(2 * ((a == value) & (b == value)).sum() / ((a == value).sum() + (b == value).sum()) for value in (1, 2))


def test_segments_scores_trains_and_uses_what_it_learnt(server, shared_data, tmp_path):
    info = json.loads(server.call("GET", "/info/"))
    assert info["labels"] == ["anterior", "posterior"]
    assert list(info["models"]) == list(info["trainers"]) == list(info["scoring"]) == [NAME]

    case = f"hippocampus_{UNLABELLED[0]}"
    reference = nib.load(shared_data / "Task04_Hippocampus" / "labelsTr" / f"{case}.nii.gz")
    first = server.segment(case, tmp_path / "first")
    np.testing.assert_allclose(first.affine, reference.affine, atol=1e-5)
    np.testing.assert_array_equal(voxels(first), voxels(server.own(case, tmp_path / "shipped")))
    assert dice(voxels(first), voxels(reference)) > 0.8

    summary = json.loads(server.call("POST", f"/scoring/{NAME}?run_sync=true", {"simulation_size": 2}))
    assert summary["executed"] == len(UNLABELLED)
    score = json.loads(server.call("GET", f"/datastore/image/info?image={case}"))["epistemic_entropy"]
    assert np.isfinite(score)

    best = server.bundle / "models" / "model.pt"
    history = [weights(best)]
    for sync in (False, True):
        task = server.train(sync)
        assert sync or task["status"] == "DONE", "\n".join(task["details"])
        history.append(weights(best))
        assert not any(same(history[-1], earlier) for earlier in history[:-1])
        kept = [weights(path) for path in set_aside(server.bundle)]
        assert all(any(same(earlier, one) for one in kept) for earlier in history[:-1])

        trained = server.segment(case, tmp_path / f"after {len(history)}")
        expected = voxels(server.own(case, tmp_path / f"trained {len(history)}"))
        np.testing.assert_array_equal(voxels(trained), expected)
        assert (voxels(trained) != voxels(first)).any(), "the new weights are used"
        assert dice(voxels(trained), voxels(reference)) > 0.7


def test_a_label_off_its_image_ends_the_training(server):
    best = server.bundle / "models" / "model.pt"
    before, kept = weights(best), set_aside(server.bundle)
    path = server.studies / "labels" / "final" / f"hippocampus_{LABELLED[1]}.nii.gz"
    label = nib.load(path)
    affine = label.affine.copy()
    affine[0, 3] += 7.5
    moved, original = nib.Nifti1Image(voxels(label).copy(), affine), path.read_bytes()
    try:
        nib.save(moved, path)
        task = server.train(sync=False)
    finally:
        path.write_bytes(original)
    assert task["status"] == "ERROR"
    assert f"{path.name}' lies elsewhere than its image" in server.log.read_text()
    assert same(weights(best), before)
    assert set_aside(server.bundle) == kept
