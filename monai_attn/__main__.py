"""``python -m monai_attn`` is ``monai-attn``."""

import sys

from .cli import main

sys.exit(main())
