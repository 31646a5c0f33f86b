"""``shoal.resource_tracker`` is the standard library's own, of :mod:`multiprocessing`."""

import sys
from multiprocessing import resource_tracker

sys.modules[__name__] = resource_tracker
