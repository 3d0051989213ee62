"""Environments of MONAI Label and MONAI Deploy, apart from this package's own.

Usage: ``python tests/hosts/environments.py label|deploy FOLDER`` makes one (some minutes, 2 to 4 GB).
"""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

TORCH = "torch==2.13.0"
OURS = ["monai==1.6.1", "nibabel", "pynrrd", "pytorch-ignite", "fire", "scipy", "scikit-image", "filelock", "tqdm"]
# MONAI Label 0.8.5 asks for pydicom-seg, which knows pydicom 2 only, and for sam2, which a bundle does not need.
LABEL = [
    "torchvision==0.28.0",
    "uvicorn",
    "pydantic",
    "pydantic-settings",
    "python-dotenv",
    "fastapi",
    "python-multipart",
    "httpx",
    "schedule",
    "timeloop",
    "dicomweb-client",
    "expiringdict",
    "expiring_dict",
    "cachetools",
    "watchdog",
    "pydicom<3",
    "pydicom-seg",
    "pynetdicom<3",
    "girder-client",
    "einops",
    "pyyaml",
    "passlib",
    "pyjwt",
    "bcrypt",
    "shapely",
    "requests",
    "requests-toolbelt",
    "urllib3",
    "scikit-learn",
    "google-auth",
    "numpymaxflow",
    "SimpleITK",
    "setuptools<80",
    "lmdb",
    "psutil",
    "pillow",
    "itk",
]
DEPLOY = ["holoscan-cu13", "tritonclient[http,grpc]", "pydicom>=3", "highdicom", "SimpleITK", "typeguard", "colorama"]
HOSTS = {"label": (LABEL, "monailabel==0.8.5"), "deploy": (DEPLOY, "monai-deploy-app-sdk==4.0.0")}

# A torchvision built for CUDA does not load beside a torch for the CPU, the one that most package mirrors hold.
# MONAI Label imports these two for its pathology viewer alone.
TORCHVISION = "def make_grid(*_, **__):\n    raise NotImplementedError\n\n\nsave_image = make_grid\n"


def python(folder: Path) -> Path:
    """Path of an environment's interpreter."""
    return folder / "bin" / "python"


def make(host: str, folder: Path) -> None:
    """Make the environment of a host, unless the folder is there."""
    if python(folder).exists():
        return
    requirements, package = HOSTS[host]
    pip = [str(python(folder)), "-m", "pip", "install", "--quiet"]
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([*pip, TORCH, *OURS, *requirements], check=True)  # pinned, or torchvision brings another one
    subprocess.run([*pip, "--no-deps", package], check=True)
    if host == "label" and subprocess.run([python(folder), "-c", "import torchvision"], check=False).returncode:
        subprocess.run([*pip[:-2], "uninstall", "--quiet", "--yes", "torchvision"], check=True)
        [site] = (folder / "lib").glob("python3*/site-packages")
        (site / "torchvision").mkdir()
        (site / "torchvision" / "__init__.py").touch()
        (site / "torchvision" / "utils.py").write_text(TORCHVISION)


def variables(**more: str) -> dict[str, str]:
    """Environment variables that let a host see this repository's package."""
    return os.environ | {"PYTHONPATH": str(REPOSITORY), "CUDA_VISIBLE_DEVICES": ""} | more


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]).resolve())
