"""iceoryx2: one publisher, one subscriber, nothing dropped.

It is not a queue of Python objects: an int travels as a C int64, bytes as a slice, the rest as a
slice that holds its pickle. Nobody sleeps: who finds nothing looks again.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import pickle
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from channels import Channel, Get, Put

NUMBERS = count()
WAITING = 64  # samples; its own default is 2


def _remove(owner: int, folder: str, prefix: str) -> None:
    """What it leaves behind when a partner is killed."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
        for file in Path("/dev/shm").glob(f"{prefix}*"):
            file.unlink(missing_ok=True)


class Iceoryx2(Channel):
    def __init__(self, item: object) -> None:
        import iceoryx2

        self.item = item
        self.name = f"shoal-bench-{next(NUMBERS)}"
        self.prefix = f"shoal-bench-{os.getpid()}-{self.name}-"
        self.folder = tempfile.mkdtemp(prefix="shoal-bench-")
        atexit.register(_remove, os.getpid(), self.folder, self.prefix)
        iceoryx2.set_log_level(iceoryx2.LogLevel.Fatal)

    def _service(self) -> Any:
        import iceoryx2

        config = iceoryx2.config.default()
        config.global_cfg.root_path = iceoryx2.Path.new(self.folder)
        config.global_cfg.prefix = iceoryx2.FileName.new(self.prefix)
        payload: Any = (
            ctypes.c_int64 if isinstance(self.item, int) else iceoryx2.Slice[ctypes.c_uint8]
        )
        # Kept for as long as the process lives.
        self.node = iceoryx2.NodeBuilder.new().config(config).create(iceoryx2.ServiceType.Ipc)
        return (
            self.node.service_builder(iceoryx2.ServiceName.new(self.name))
            .publish_subscribe(payload)
            .enable_safe_overflow(False)
            .subscriber_max_buffer_size(WAITING)
            .open_or_create()
        )

    @staticmethod
    def _encoded(item: Any) -> bytes:
        return item if isinstance(item, bytes) else pickle.dumps(item, pickle.HIGHEST_PROTOCOL)

    def sender(self) -> Put:
        import iceoryx2

        self.service = self._service()
        builder = self.service.publisher_builder().backpressure_strategy(
            iceoryx2.BackpressureStrategy.RetryUntilDelivered
        )
        if not isinstance(self.item, int):
            builder = builder.initial_max_slice_len(len(self._encoded(self.item)))
        publisher = builder.create()
        while self.service.dynamic_config.number_of_subscribers == 0:
            pass  # what is sent to nobody is lost
        if isinstance(self.item, int):
            return lambda item: publisher.send_copy(ctypes.c_int64(item))

        def send(item: bytes) -> None:
            sample = publisher.loan_slice_uninit(len(item))
            ctypes.memmove(sample.payload_ptr, item, len(item))
            sample.assume_init().send()

        if isinstance(self.item, bytes):
            return send
        return lambda item: send(self._encoded(item))

    def receiver(self) -> Get:
        self.service = self._service()
        receive = self.service.subscriber_builder().create().receive

        def sample() -> Any:
            while (received := receive()) is None:
                pass
            return received

        def take_bytes() -> bytes:
            payload = sample().payload()
            return ctypes.string_at(payload.as_ptr(), payload.len())

        if isinstance(self.item, int):
            return lambda: sample().payload().contents.value
        if isinstance(self.item, bytes):
            return take_bytes
        return lambda: pickle.loads(take_bytes())
