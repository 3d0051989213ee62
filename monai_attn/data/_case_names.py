"""What an item needs besides its voxels, in whichever program it is made."""

from collections.abc import Hashable, Mapping
from typing import Any

from monai.transforms import MapTransform

from ._cases import case_name

__all__ = ["EnsureCased"]


class EnsureCased(MapTransform):
    """Give an item without a name under ``case`` that of its image file, and guard its texts from MONAI.

    Programs that hold a bundle's parts make items of their own. MONAI Label's has the image's path under
    ``image_path``, and MONAI 1.6.1's ``Spacingd`` takes whatever stands under ``image_...`` for metadata and calls its
    ``update``. Such a text stays the text that it is, and takes that call.

    Place it behind ``LoadImaged`` and before the spatial transforms.

    Args:
        keys: images and labels, whose ``<key>_...`` entries are guarded; the first one gives the name.
        allow_missing_keys: whether an item may lack one of the keys.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return ``data`` with ``case`` and the guarded texts."""
        result = dict(data)
        if not result.get("case"):
            file = getattr(result.get(self.keys[0]), "meta", {}).get("filename_or_obj", "")
            result["case"] = case_name(str(file)) or str(self.keys[0])
        for key in self.keys:
            for name in [name for name in result if isinstance(name, str) and name.startswith(f"{key}_")]:
                if isinstance(result[name], str):
                    result[name] = _Text(result[name])
        return result


class _Text(str):
    """A text that MONAI may call ``update`` on, as if it were metadata."""

    __slots__ = ()

    def update(self, *_: Any, **__: Any) -> None:
        """Change nothing."""
