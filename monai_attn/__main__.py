"""``python -m monai_attn`` is ``monai-attn``."""

import sys

from .cli._main import main

sys.exit(main())
