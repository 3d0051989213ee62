"""Where a file says its voxels lie, and what becomes of one that contradicts itself: the one place that decides.

The rule is documented for users in ``docs/pages/own_data.md`` ("Where voxels lie").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

__all__ = ["Geometry", "axis_codes", "is_valid_affine", "mgh_geometry", "nifti_geometry", "nrrd_geometry"]

Affine = NDArray[np.float64]

SPACING_SHARE = 0.01  # by which two statements of a spacing may differ
SHIFT_VOXELS = 0.5  # by which two affines may put a voxel apart
TURN_DEGREES = 45.0  # by which the same axis of two affines may differ
VOXEL_MM = 100.0  # no scanner makes voxels of this size
FORM_CODES = range(6)  # of NIfTI
NIFTI_UNITS = {0: "mm", 1: "meter", 2: "mm", 3: "micron"}  # by the three lowest bits of xyzt_units; 0 says nothing
FLAT = 1e-4  # volume of a voxel as a share of the product of its edges

MM = {  # by NIfTI's and NRRD's names of units; where there is none, it is mm
    **dict.fromkeys(("", "mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 10.0),
    **dict.fromkeys(("um", "\u00b5m", "\u03bcm", "micron", "microns", "micrometer", "micrometers", "micrometre"), 1e-3),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-6),
}
NOWHERE = "does not say where its voxels lie"
LPS = "left-posterior-superior"
SPACES = {  # NRRD's names of spaces, long and short, with the signs that turn them to RAS
    name: tuple(1.0 if word in ("right", "anterior", "superior") else -1.0 for word in words)
    for words in product(("right", "left"), ("anterior", "posterior"), ("superior", "inferior"))
    for name in ("-".join(words), "".join(word[0] for word in words))
}


@dataclass(frozen=True)
class Geometry:
    """From voxels to mm.

    Attributes:
        affine: (4, 4), from voxel indices to mm in RAS.
        unit: of the header's numbers, which are converted.
        faults: why the file cannot be used, in words to put behind its name.
        doubts: what a person should look at, in such words.
    """

    affine: Affine
    unit: str = "mm"
    faults: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def nifti_geometry(header: Any, raw: Any) -> Geometry:
    """The sform where its code is not 0, else the qform; with neither, what the spacing alone gives.

    Args:
        header: nibabel's, with its corrections.
        raw: the fields as the file has them, before nibabel's corrections.
    """
    shape = header.get_data_shape()[:3]
    stated = raw["pixdim"][1 : 1 + len(shape)].astype(float)
    code = int(raw["xyzt_units"]) & 7
    unit = NIFTI_UNITS.get(code, "mm")
    scale = np.diag([MM[unit]] * 3 + [1.0])
    sform = scale @ header.get_sform() if raw["sform_code"] else None
    faults: list[str] = []
    doubts: list[str] = []
    if code not in NIFTI_UNITS:
        faults.append(f"states lengths in the unit {code}, which NIfTI does not have: write mm (2 in xyzt_units)")
    codes = {name: int(raw[f"{name}_code"]) for name in ("sform", "qform")}
    faults += [
        f"has the {name} code {number}, which NIfTI does not have: write 1 if it is the scanner's, or 0 if it is void"
        for name, number in codes.items()
        if number not in FORM_CODES
    ]
    try:
        qform = scale @ header.get_qform() if raw["qform_code"] else None
    except ValueError:  # a quaternion longer than 1
        qform = None
        (faults if sform is None else doubts).append("has a qform that is not a rotation: correct its header")
    if sform is None and qform is not None and not (raw["pixdim"][0] in (-1, 0) or raw["pixdim"][0] > 0):
        faults.append(f"has the qfac {raw['pixdim'][0]:.4g} (pixdim[0]), which says no handedness: write 1 or -1")
    chosen = next((form for form in (sform, qform) if form is not None), scale @ header.get_base_affine())
    used = [axis for axis, size in enumerate(shape) if size > 1]
    sizes = [stated[axis] for axis in used]
    if not np.isfinite(sizes).all() or 0 in sizes:
        faults.append(f"has the spacing {_numbers(stated)} {unit} in its header: write the true one (NIfTI's pixdim)")
    elif not is_valid_affine(chosen):
        faults.append(_invalid(chosen))
    elif sform is None and qform is None:
        if len(used) > 2 and not faults:
            doubts.append(_unknown_side("the codes of its sform and qform are 0", axis_codes(chosen)))
    else:
        lengths, spacing = np.linalg.norm(chosen[:3, :3], axis=0), np.abs(stated) * MM[unit]
        if any(abs(spacing[axis] / lengths[axis] - 1) > SPACING_SHARE for axis in used):
            faults.append(
                f"has the spacing {_numbers(spacing)} mm in its header (pixdim), but its affine has "
                f"{_numbers(lengths[: len(stated)])} mm: write the true one into both"
            )
        if sform is not None and qform is not None and is_valid_affine(qform):
            _compare_forms(sform, qform, shape, faults, doubts)
    return Geometry(chosen, unit, tuple(faults), (*doubts, *_odd_sizes(chosen, used, unit)))


def mgh_geometry(header: Any, valid: bool) -> Geometry:
    """The affine of an MGZ file.

    Args:
        header: nibabel's, which completes it.
        valid: whether the file says itself that its spacing and orientation hold (``goodRASFlag``).
    """
    affine = np.asarray(header.get_affine(), np.float64)
    if not valid:
        return Geometry(
            affine, faults=("does not say where its voxels lie (goodRASFlag is 0): write it with an affine",)
        )
    return Geometry(affine, faults=() if is_valid_affine(affine) else (_invalid(affine),))


def nrrd_geometry(header: Mapping[str, Any]) -> Geometry:
    """Directions and origin of a NRRD file, turned to RAS from the space that it names, and to mm."""
    rank = int(header["dimension"])
    space = str(header.get("space", "")).lower()
    directions, origin = header.get("space directions"), header.get("space origin")
    stated = header.get("space units") or set(header.get("units", []))  # which are by axis: good if they are all one
    units = [str(unit).strip(' "').lower() for unit in stated] or ["mm"]
    units *= rank if len(units) == 1 else 1
    fault = None
    if directions is None or origin is None:
        fault = f"{NOWHERE}: write 'space directions' and 'space origin' into its header"
    elif np.shape(directions) != (rank, rank) or rank not in (2, 3):
        fault = f"has {rank} axes, of which {len(origin)} lie in space: write one value a voxel"
    elif space and space not in SPACES:
        fault = f"lies in the space '{space}', which does not say where left is: write it as {LPS}"
    elif not set(units) <= set(MM) or len(units) < rank:
        fault = f"states the units {sorted(set(units))}: write it in mm ('space units')"
    if fault is not None:
        return Geometry(np.full((4, 4), np.nan), faults=(fault,))
    affine, signs, scales = np.eye(4), SPACES[space or LPS][:rank], [MM[unit] for unit in units[:rank]]
    affine[:rank, :rank], affine[:rank, 3] = np.transpose(np.asarray(directions)), origin
    affine[:rank] *= np.multiply(signs, scales)[:, None]
    if not is_valid_affine(affine):
        return Geometry(affine, faults=(_invalid(affine),))
    unit = next((unit for unit in units if MM[unit] != 1), "mm")
    used = [axis for axis, size in enumerate(header["sizes"]) if size > 1]
    doubts = () if space or len(used) < 3 else (_unknown_side("it names no space", f"in {LPS}"),)
    return Geometry(affine, unit, (), (*doubts, *_odd_sizes(affine, used, unit)))


def is_valid_affine(affine: Affine) -> bool:
    """Whether an affine maps the voxels of a volume, and not of a plane, to places in mm."""
    if not np.isfinite(affine).all():
        return False
    edges = np.linalg.norm(affine[:3, :3], axis=0).prod()
    return bool(edges > 0 and abs(np.linalg.det(affine[:3, :3])) > FLAT * edges)


def axis_codes(affine: Affine) -> str:
    """Directions in which the three axes grow, such as "RAS"."""
    return "".join(nib.orientations.aff2axcodes(affine))  # type: ignore[no-untyped-call]


def _compare_forms(sform: Affine, qform: Affine, shape: Sequence[int], faults: list[str], doubts: list[str]) -> None:
    axes = [form[:3, : len(shape)] / np.linalg.norm(form[:3, : len(shape)], axis=0) for form in (sform, qform)]
    if (axes[0] * axes[1]).sum(axis=0).min() < np.cos(np.radians(TURN_DEGREES)):
        codes = [axis_codes(form)[: len(shape)] for form in (sform, qform)]
        both = f"the sform gives {codes[0]}, the qform {codes[1]}"
        faults.append(f"says two things of its orientation ({both}): write the right one into both")
        return
    ends = np.array(list(product(*[(0, size - 1) for size in (*shape, 1, 1)[:3]], (1,)))).T
    apart = np.linalg.norm(((sform - qform) @ ends)[:3], axis=0).max()
    edges = np.linalg.norm(sform[:3, : len(shape)], axis=0)
    if apart > SHIFT_VOXELS * edges.min():
        doubts.append(f"has an sform and a qform up to {apart:.3g} mm apart; the sform is used: check it")


def _invalid(affine: Affine) -> str:
    return f"has the singular or non-finite affine {affine[:3].tolist()}: correct its header"


def _odd_sizes(affine: Affine, used: Sequence[int], unit: str) -> tuple[str, ...]:
    sizes = np.linalg.norm(affine[:3, :3], axis=0)[list(used)]
    if not (is_valid_affine(affine) and sizes.size and sizes.max() > VOXEL_MM):
        return ()
    return (f"has voxels of {_numbers(sizes)} mm, by a header in {unit}: check that this is its unit",)


def _unknown_side(why: str, taken: str) -> str:
    return f"does not say where left is ({why}); its axes are taken as {taken}: check that left and right are correct"


def _numbers(values: Sequence[float] | NDArray[np.float64]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)
