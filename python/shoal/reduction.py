"""``shoal.reduction`` is the standard library's :mod:`multiprocessing.reduction` itself."""

import sys
from multiprocessing import reduction

sys.modules[__name__] = reduction
