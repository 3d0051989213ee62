"""``python -m monai_attn`` is ``monai-attn``."""

import os
import sys

# Python would import from the folder that it is started in, and that can be a stranger's bundle with a json.py in it.
sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or ".") != os.path.realpath(".")]

from .cli._main import main  # noqa: E402

sys.exit(main())
