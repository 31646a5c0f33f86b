"""``shoal.sharedctypes`` is the standard library's :mod:`multiprocessing.sharedctypes` itself."""

import sys
from multiprocessing import sharedctypes

sys.modules[__name__] = sharedctypes
