"""A MONAI Deploy application for a bundle: a DICOM series in, a DICOM segmentation out.

Usage, with the Python of MONAI Deploy's environment: ``deploy_app.py BUNDLE DICOM_FOLDER OUTPUT_FOLDER``.
"""

import json
import sys
from pathlib import Path

from monai.deploy.conditions import CountCondition
from monai.deploy.core import Application
from monai.deploy.core.domain import Image
from monai.deploy.core.io_type import IOType
from monai.deploy.operators import (
    DICOMDataLoaderOperator,
    DICOMSegmentationWriterOperator,
    DICOMSeriesSelectorOperator,
    DICOMSeriesToVolumeOperator,
    MonaiBundleInferenceOperator,
)
from monai.deploy.operators.dicom_seg_writer_operator import SegmentDescription
from monai.deploy.operators.monai_bundle_inference_operator import BundleConfigNames, IOMapping
from pydicom.sr.codedict import codes


class SegmentationApp(Application):
    """Loader -> selector -> volume -> bundle -> writer, as in MONAI Deploy's examples."""

    def __init__(self, bundle: Path, series: Path, output: Path) -> None:
        self.bundle, self.series, self.output = bundle, series, output
        super().__init__()

    def compose(self) -> None:
        metadata = json.loads((self.bundle / "configs" / "metadata.json").read_text())
        names = list(metadata["network_data_format"]["outputs"]["pred"]["channel_def"].values())[1:]
        segments = [
            SegmentDescription(
                segment_label=name,
                segmented_property_category=codes.SCT.Organ,
                segmented_property_type=codes.SCT.Organ,
                algorithm_name=metadata["name"],
                algorithm_version=metadata["version"],
            )
            for name in names
        ]
        context = Application.init_app_context([sys.argv[0]])
        loader = DICOMDataLoaderOperator(
            self, CountCondition(self, 1), input_folder=self.series, must_load=True, name="loader"
        )
        selector = DICOMSeriesSelectorOperator(self, rules="", name="selector")
        volume = DICOMSeriesToVolumeOperator(self, name="volume")
        inference = MonaiBundleInferenceOperator(
            self,
            input_mapping=[IOMapping("image", Image, IOType.IN_MEMORY)],
            output_mapping=[IOMapping("pred", Image, IOType.IN_MEMORY)],
            app_context=context,
            bundle_config_names=BundleConfigNames(config_names=["inference"]),
            bundle_path=self.bundle,
            name="bundle",
        )
        writer = DICOMSegmentationWriterOperator(
            self, segment_descriptions=segments, output_folder=self.output, name="writer"
        )
        self.add_flow(loader, selector, {("dicom_study_list", "dicom_study_list")})
        self.add_flow(selector, volume, {("study_selected_series_list", "study_selected_series_list")})
        self.add_flow(volume, inference, {("image", "image")})
        self.add_flow(selector, writer, {("study_selected_series_list", "study_selected_series_list")})
        self.add_flow(inference, writer, {("pred", "seg_image")})


if __name__ == "__main__":
    SegmentationApp(*map(Path, sys.argv[1:4])).run()
