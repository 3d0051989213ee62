import subprocess

import pytest
import torch
from small_networks import tiny, weights_file

from monai_attn import load_weights
from monai_attn.networks._checksum import write_sha256


def test_the_sha256_beside_a_file_is_what_sha256sum_checks(tmp_path):
    _, path = weights_file(tmp_path)
    beside = write_sha256(path, path.read_bytes())
    assert beside == tmp_path / "source.pt.sha256"
    done = subprocess.run(["sha256sum", "-c", beside.name], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S607
    assert (done.returncode, done.stdout) == (0, "source.pt: OK\n")
    assert load_weights(tiny(), path).missing == []


def test_another_sha256_is_refused_before_anything_is_unpickled(tmp_path, monkeypatch):
    _, path = weights_file(tmp_path)
    write_sha256(path, b"other bytes")
    monkeypatch.setattr(torch, "load", lambda *_args, **_options: pytest.fail("unpickled"))
    with pytest.raises(
        ValueError, match=r"source\.pt' have SHA-256 \w{12}\.\.\., but 'source\.pt\.sha256' says"
    ) as error:
        load_weights(tiny(), path)
    for cure in ("restore the file", "sha256sum source.pt > source.pt.sha256", "or delete source.pt.sha256"):
        assert cure in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "0" * 64, f"{'0' * 63}  source.pt", f"{'0' * 64}  other.pt", f"{'0' * 64}  source.pt\n" * 2, "\0\xff"]
)
def test_a_malformed_sha256_is_refused(tmp_path, text):
    _, path = weights_file(tmp_path)
    (tmp_path / "source.pt.sha256").write_text(text, encoding="latin-1")
    with pytest.raises(
        ValueError, match=r"source\.pt\.sha256' is not the one line .*: write it with sha256sum source\.pt"
    ):
        load_weights(tiny(), path)


@pytest.mark.parametrize("change", [str.upper, lambda text: text.replace("  ", " *"), lambda text: f"{text}\r\n"])
def test_other_spellings_of_a_sha256_are_taken(tmp_path, change):
    _, path = weights_file(tmp_path)
    digest, _, name = write_sha256(path, path.read_bytes()).read_text().strip().partition("  ")
    line = f"{change(digest)}  {name}" if change is str.upper else change(f"{digest}  {name}")
    (tmp_path / "source.pt.sha256").write_bytes(line.encode())
    assert load_weights(tiny(), path).missing == []
