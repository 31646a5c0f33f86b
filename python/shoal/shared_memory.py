"""``shoal.shared_memory`` is the standard library's :mod:`multiprocessing.shared_memory` itself."""

import sys
from multiprocessing import shared_memory

sys.modules[__name__] = shared_memory
