"""ZeroMQ: PUSH to PULL by ipc://; bytes travel as they are, the rest as pickle."""

from __future__ import annotations

import os
import pickle
from itertools import count
from typing import Any

from channels import Channel, Get, Put

NUMBERS = count()


class ZeroMq(Channel):
    def __init__(self, item: object) -> None:
        self.address = f"ipc://@shoal-bench-{os.getpid()}-{next(NUMBERS)}"
        self.pickled = not isinstance(item, bytes)

    def _socket(self, kind: str) -> Any:
        import zmq  # where it is used: a context belongs to the process that made it

        socket: Any = zmq.Context.instance().socket(getattr(zmq, kind))
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.RECONNECT_IVL, 1)  # ms: who connects may be the first
        return socket

    def sender(self) -> Put:
        socket = self._socket("PUSH")
        socket.connect(self.address)
        send, dumps, protocol = socket.send, pickle.dumps, pickle.HIGHEST_PROTOCOL
        if self.pickled:
            return lambda item: send(dumps(item, protocol))
        return send  # type: ignore[no-any-return]

    def receiver(self) -> Get:
        socket = self._socket("PULL")
        socket.bind(self.address)
        recv, loads = socket.recv, pickle.loads
        if self.pickled:
            return lambda: loads(recv())
        return recv  # type: ignore[no-any-return]
