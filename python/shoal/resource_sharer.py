"""``shoal.resource_sharer`` is the standard library's own, of :mod:`multiprocessing`."""

import sys
from multiprocessing import resource_sharer

sys.modules[__name__] = resource_sharer
