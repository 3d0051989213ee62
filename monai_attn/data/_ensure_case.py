"""What an item needs besides its voxels, in whichever program it is made."""

from collections.abc import Hashable, Mapping
from typing import Any

from monai.transforms import MapTransform
from monai.utils import PostFix

from ._cases import case_name

__all__ = ["EnsureCased"]


class EnsureCased(MapTransform):
    """Give an item without a name under ``case`` that of its image file, and keep MONAI off what is not metadata.

    Programs that hold a bundle's parts make items of their own. MONAI Label's has the image's path under
    ``image_path``, and MONAI 1.6.1's ``Spacingd`` takes whatever stands under ``image_...`` for metadata and calls its
    ``update``: on a text, a number or a list it fails, and it writes into a dict or a set. Here such an entry keeps its
    value, and its key is one that ``Spacingd`` passes over. ``image_meta_dict``, MONAI's own, stays as it is.

    Place it behind ``LoadImaged`` and before the spatial transforms.

    Args:
        keys: images and labels, whose ``<key>_...`` entries are guarded; the first one gives the name.
        allow_missing_keys: whether an item may lack one of the keys.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return ``data`` with ``case``, and with keys that are safe from MONAI."""
        guarded = tuple(f"{key}_" for key in self.keys)
        metadata = [PostFix.meta(str(key)) for key in self.keys]
        result: dict[Hashable, Any] = {
            _Key(name) if isinstance(name, str) and name.startswith(guarded) and name not in metadata else name: value
            for name, value in data.items()
        }
        if not result.get("case"):
            file = getattr(result.get(self.keys[0]), "meta", {}).get("filename_or_obj", "")
            result["case"] = case_name(str(file)) or str(self.keys[0])
        return result


class _Key(str):
    """A key that is found as the text that it is, and that MONAI does not take for a key of metadata."""

    __slots__ = ()

    def startswith(self, prefix: Any, *bounds: Any) -> bool:
        """As of ``str``, but never with what ``Spacingd`` asks for, ``<key>_``."""
        return not str(prefix).endswith("_") and super().startswith(prefix, *bounds)
