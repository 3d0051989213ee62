"""NIfTI to a DICOM series, and a DICOM segmentation to NIfTI, for the tests of MONAI Deploy.

Usage, with the Python of MONAI Deploy's environment:
``dicom_files.py write IMAGE.nii.gz SERIES_FOLDER`` or ``dicom_files.py read SEG_FOLDER IMAGE.nii.gz LABELS.nii.gz``.
"""

import sys
from pathlib import Path

import highdicom
import nibabel as nib
import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

RAS_TO_LPS = np.diag([-1.0, -1, 1, 1])


def decimals(values: np.ndarray) -> list[str]:
    """Write numbers as DICOM's decimal strings, 16 characters at most."""
    return [f"{value:.9g}" for value in values]


def write_series(image: Path, folder: Path) -> None:
    """Write each slice along the last axis as an MR image; the first axis runs along a DICOM row."""
    nifti = nib.load(image)
    voxels, affine = np.asarray(nifti.dataobj), RAS_TO_LPS @ nifti.affine
    assert np.issubdtype(voxels.dtype, np.unsignedinteger), "DICOM takes whole numbers"
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    directions = affine[:3, :3] / spacing
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    folder.mkdir(parents=True)
    for index in range(voxels.shape[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"slice_{index:03}.dcm"
        item = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        item.SOPClassUID, item.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        item.StudyInstanceUID, item.SeriesInstanceUID, item.FrameOfReferenceUID = study, series, frame
        item.Modality, item.SeriesNumber, item.InstanceNumber, item.StudyID = "MR", 1, index + 1, "1"
        item.ImageType, item.SeriesDescription = ["ORIGINAL", "PRIMARY"], "T1"
        item.PatientName, item.PatientID, item.StudyDate, item.StudyTime = "Nobody^Made", "1", "20240101", "000000"
        for empty in ("PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName", "Manufacturer"):
            setattr(item, empty, "")
        item.PositionReferenceIndicator = ""
        item.ImageOrientationPatient = decimals(directions[:, :2].T.ravel())
        item.ImagePositionPatient = decimals((affine @ [0, 0, index, 1])[:3])
        item.PixelSpacing, item.SliceThickness = decimals(spacing[1::-1]), decimals(spacing[2:])[0]
        item.Columns, item.Rows = voxels.shape[:2]
        item.SamplesPerPixel, item.PhotometricInterpretation, item.PixelRepresentation = 1, "MONOCHROME2", 0
        item.BitsAllocated, item.BitsStored, item.HighBit = 16, 16, 15
        item.PixelData = np.ascontiguousarray(voxels[:, :, index].T.astype(np.uint16)).tobytes()
        item.save_as(path, enforce_file_format=True)


def read_segmentation(folder: Path, image: Path, labels: Path) -> None:
    """Lay a segmentation's voxels where DICOM says that they are, in the grid of ``image``."""
    [path] = folder.glob("*.dcm")
    volume = highdicom.seg.segread(path).get_volume(combine_segments=True)
    reference = nib.load(image)
    found = np.argwhere(volume.array)
    grid = np.linalg.inv(RAS_TO_LPS @ reference.affine) @ volume.affine
    places = (grid @ np.c_[found, np.ones(len(found))].T)[:3].T
    assert np.abs(places - np.rint(places)).max() < 0.01, "the segmentation's voxels are not the image's"
    result = np.zeros(reference.shape, np.uint8)
    result[tuple(np.rint(places).astype(int).T)] = volume.array[tuple(found.T)]
    nib.save(nib.Nifti1Image(result, reference.affine), labels)


if __name__ == "__main__":
    task, *paths = sys.argv[1:]
    {"write": write_series, "read": read_segmentation}[task](*map(Path, paths))
