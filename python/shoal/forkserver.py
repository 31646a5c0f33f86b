"""The fork server: a small single-threaded process that forks a child at each request.

Server and clients share one unnamed socket pair: clients send through one end, the server reads
from the other and ends when the last client is gone. There is no name to guess, clean up or
authenticate. A request is one descriptor, the server's end of a connection made for that child.
The forked child itself reads the details from it (descriptors, then the pickled process through a
pipe), so that a client that dies, stops or sends nonsense harms its own child only. The server
answers on the connection: the child's pid with a pidfd, later its exit code.

    client                         server                       child
    control: connection      ->    fork                    ->   reads descriptors
    reads pid, pidfd         <-    (pid, pidfd)
    writes pickles           -------------------------------->  unpickles and runs
    reads exit code          <-    reaps the child         <-   ends
"""

from __future__ import annotations

import array
import errno
import os
import pickle
import select
import selectors
import signal
import socket
import struct
import sys
import threading
from multiprocessing import process as _process
from multiprocessing import spawn as _standard_spawn
from multiprocessing import util
from typing import Any, NamedTuple, NoReturn

from . import spawn
from .popen_fork import reap, run_and_exit
from .process import send_report

__all__ = ["ensure_running", "get_inherited_fds", "set_forkserver_preload", "start_child"]

MAX_FDS = 251
"""Descriptors of arguments that one start may pass on; the limit that ``multiprocessing`` has."""

_PAUSE = 0.005  # seconds between two looks at a child that is traced
_DYING_TIME = 1000  # milliseconds in which a dying server closes one descriptor after another
_FDS_PER_MESSAGE = 253  # SCM_MAX_FD of Linux
_REQUEST = struct.Struct("<H?")  # number of descriptors, whether a resource tracker is among them
_ANSWER = struct.Struct("<cq")
_STARTED, _ENDED, _REFUSED = b"S", b"E", b"R"  # with: pid, exit code, errno


class StartedChild(NamedTuple):
    """A child of the server; both descriptors belong to the caller."""

    pid: int
    pidfd: int
    status: int
    """A socket that becomes readable when the exit code is known or the server is gone."""


def check_number(count: int) -> None:
    """ValueError where the arguments of one process hold too many descriptors."""
    if count > MAX_FDS:
        raise ValueError(
            f"the process's arguments hold {count} descriptors; "
            f"forkserver can pass at most {MAX_FDS}"
        )


# ---------------------------------------------------------------- the clients' side


class ForkServer:
    """The server as its clients see it. Any thread may start children.

    A server that has died is replaced at the next start. Children reuse the server of their
    parent.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._control: socket.socket | None = None
        self._pid: int | None = None  # where the server is this process's child
        self._owner: int | None = None
        self._preload: list[str] = ["__main__"]
        self._inherited_fds: list[int] | None = None

    def set_forkserver_preload(self, modules_names: list[str]) -> None:
        """Names of modules that the next server imports first; those that fail are left out."""
        if not all(type(name) is str for name in modules_names):
            raise TypeError("module_names must be a list of strings")
        self._preload = list(modules_names)

    def get_inherited_fds(self) -> list[int]:
        """In a child of the server: the descriptors of its arguments, in their order."""
        if self._inherited_fds is None:
            raise RuntimeError("this process was not started by the fork server")
        return self._inherited_fds

    def ensure_running(self) -> socket.socket:
        """Starts the server where none runs; the socket to it."""
        with self._lock:
            if self._control is not None and _is_hung_up(self._control):
                self._forget()
            if self._control is None:
                self._control, self._pid = _launch(self._preload)
                self._owner = os.getpid()
            return self._control

    def start_child(
        self, report: int, pipe: int, parent: int, argument_fds: list[int]
    ) -> StartedChild:
        """Has the server fork a child that reads its process object from `pipe`.

        ValueError for too many descriptors, OSError where the server could not fork, and
        RuntimeError where it does not answer.
        """
        check_number(len(argument_fds))
        tracker = spawn.resource_tracker_fd()
        for _ in range(3):  # a server may die at each attempt
            with self._lock:  # nobody may close the socket to a dead server meanwhile
                control = self.ensure_running()
                fds = [report, pipe, parent, control.fileno()]
                fds += [] if tracker is None else [tracker]
                if child := _request(control, fds + argument_fds, tracker is not None):
                    return child
                if not _is_hung_up(control, _DYING_TIME):
                    raise RuntimeError("the fork server has no descriptor left for a request")
        raise RuntimeError("the fork server died three times while it started a process")

    def join_as_child(self, control: int, inherited_fds: list[int]) -> None:
        """In a child of the server: its own children are to come from the same server."""
        self._control = _socket(control)
        self._pid = self._owner = None
        self._inherited_fds = inherited_fds

    def _stop(self) -> None:
        """Stops asking the server and, if no other client has it, ends it; used by tests."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._pid is not None and self._owner == os.getpid():
            try:
                os.waitpid(self._pid, 0)
            except ChildProcessError:
                pass
        self._control = self._pid = self._owner = None


def _is_hung_up(control: socket.socket, milliseconds: int = 0) -> bool:
    poller = select.poll()
    poller.register(control, 0)
    return bool(poller.poll(milliseconds))


def _launch(preload: list[str]) -> tuple[socket.socket, int]:
    """Starts a server; Ctrl-C cannot hit it before it ignores it."""
    data = {"preload": preload}
    if preload:
        prepared = spawn.get_preparation_data("forkserver")
        wanted = ("sys_path", "sys_argv", "init_main_from_path")
        data |= {key: prepared[key] for key in wanted if key in prepared}
    ours, theirs = _socket_pair()
    pipe, pipe_writer = os.pipe()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        unblock = signal.SIGINT not in blocked
        call = f"main({theirs.fileno()}, {pipe}, {unblock})"
        command = spawn.interpreter_command("forkserver", call)
        pid = util.spawnv_passfds(command[0], command, [theirs.fileno(), pipe])
        os.close(pipe)
        pipe = -1
        with open(pipe_writer, "wb", closefd=False) as stream:
            pickle.dump(data, stream)
    except BrokenPipeError:
        pass  # it died at once: the request will tell
    except BaseException:
        ours.close()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        theirs.close()
        for fd in (pipe, pipe_writer):
            if fd >= 0:
                os.close(fd)
    return ours, pid


def _request(control: socket.socket, fds: list[int], has_tracker: bool) -> StartedChild | None:
    """Asks for a child; None where the connection ends unanswered: no child will run."""
    ours, theirs = _socket_pair()
    with ours:
        with theirs:
            message = _REQUEST.pack(len(fds), has_tracker)
            for start in range(0, len(fds), _FDS_PER_MESSAGE):
                _send_fds(ours, message, fds[start : start + _FDS_PER_MESSAGE])
            try:
                _send_fds(control, b"\0", [theirs.fileno()])
            except (BrokenPipeError, ConnectionResetError):
                return None
        answer, received = _receive_fds(ours, _ANSWER.size, 1)
        if len(answer) != _ANSWER.size:
            return None
        kind, value = _ANSWER.unpack(answer)
        if kind == _REFUSED:
            raise OSError(value, f"the fork server could not start it: {os.strerror(value)}")
        if not received:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return StartedChild(value, received[0], ours.detach())


def receive_exitcode(status: int) -> int | None:
    """The exit code that the server sent, or None where it was killed before it could."""
    try:
        answer = os.read(status, _ANSWER.size)
    except ConnectionResetError:  # reported once, before what was sent; see _receive_fds
        answer = os.read(status, _ANSWER.size)
    return _ANSWER.unpack(answer)[1] if len(answer) == _ANSWER.size else None


# ---------------------------------------------------------------- descriptors in messages


def _socket(fd: int) -> socket.socket:
    sock = socket.socket(fileno=fd)
    sock.settimeout(None)  # whatever socket.setdefaulttimeout() says
    return sock


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(None)
    theirs.settimeout(None)
    return ours, theirs


def _send_fds(sock: socket.socket, message: bytes, fds: list[int], flags: int = 0) -> None:
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([message], rights, flags | socket.MSG_NOSIGNAL)


def _receive_fds(sock: socket.socket, size: int, count: int) -> tuple[bytes, list[int]]:
    """A message and the descriptors in it, which are fewer where this process has no room."""
    fds = array.array("i")
    room = socket.CMSG_SPACE(count * fds.itemsize)
    try:
        message, ancillary, _, _ = sock.recvmsg(size, room, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        # The other end was closed with something unread. Linux reports it once, and before what
        # that end had sent.
        message, ancillary, _, _ = sock.recvmsg(size, room, socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return message, list(fds)


# ---------------------------------------------------------------- the server


class _Server:
    """Single-threaded; knows each child by its pidfd until it has reaped and reported it."""

    def __init__(self, control: socket.socket, sigint: Any) -> None:
        self._control = control
        self._sigint = sigint  # what children are to do at Ctrl-C
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._connections: dict[int, socket.socket] = {}  # by the child's pidfd
        self._traced: set[int] = set()  # pidfds of children whose tracers have not seen their end

    def serve(self) -> None:
        """Until the last client is gone."""
        while True:
            for key, _ in self._selector.select(_PAUSE if self._traced else None):
                if key.fileobj is not self._control:
                    self._selector.unregister(key.fd)
                    self._report(key.fd)
                elif not self._accept():
                    return
            for pidfd in list(self._traced):
                self._report(pidfd)

    def _accept(self) -> bool:
        """Takes a request; False where no client is left."""
        message, fds = _receive_fds(self._control, 1, 1)
        if not message:
            return False
        if fds:  # else: no room for the descriptor; the client sees its connection end
            self._start(_socket(fds[0]))
        return True

    def _start(self, connection: socket.socket) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            _answer(connection, _REFUSED, error.errno or errno.EAGAIN)
            connection.close()
            return
        if pid == 0:
            self._become_child(connection)
        try:
            pidfd = os.pidfd_open(pid)
        except OSError as error:  # no descriptor left
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            _answer(connection, _REFUSED, error.errno or errno.EMFILE)
            connection.close()
            return
        self._connections[pidfd] = connection
        self._selector.register(pidfd, selectors.EVENT_READ)
        _answer(connection, _STARTED, pid, [pidfd])

    def _report(self, pidfd: int) -> None:
        """Reaps a child that has ended and tells its client, as soon as its tracer lets it."""
        try:
            code, lost = reap(pidfd), False
        except ChildProcessError:  # a preloaded module reaps, too
            code, lost = None, True
        if code is None and not lost:
            self._traced.add(pidfd)
            return
        self._traced.discard(pidfd)
        with self._connections.pop(pidfd) as connection:
            if code is not None:
                _answer(connection, _ENDED, code)
        os.close(pidfd)

    def _become_child(self, connection: socket.socket) -> NoReturn:
        run_and_exit(lambda: self._run_child(connection))

    def _run_child(self, connection: socket.socket) -> int:
        signal.signal(signal.SIGINT, self._sigint)
        # What a preloaded module has started and opened is the server's.
        util._finalizer_registry.clear()  # type: ignore[attr-defined]
        _process._children.clear()  # type: ignore[attr-defined]
        self._selector.close()
        self._control.close()
        for pidfd, other in self._connections.items():
            os.close(pidfd)
            other.close()
        return _serve_one(connection)


def _answer(
    connection: socket.socket, kind: bytes, value: int, fds: list[int] | None = None
) -> None:
    """Tells the client, who may be gone or full: neither is the server's trouble."""
    try:
        _send_fds(connection, _ANSWER.pack(kind, value), fds or [], socket.MSG_DONTWAIT)
    except OSError:
        pass


def _serve_one(connection: socket.socket) -> int:
    """In the child: takes the descriptors and runs the process; its exit code."""
    with connection:
        message, fds = _receive_fds(connection, _REQUEST.size, _FDS_PER_MESSAGE)
        if len(message) != _REQUEST.size:
            return 1  # the client was killed while it asked
        count, has_tracker = _REQUEST.unpack(message)
        while len(fds) == _FDS_PER_MESSAGE < count:
            fds += _receive_fds(connection, _REQUEST.size, _FDS_PER_MESSAGE)[1]
    if len(fds) != count:
        error = OSError(errno.EMFILE, f"only {len(fds)} of {count} descriptors came through")
        send_report(fds[0] if fds else None, error)
        raise error
    report, pipe, parent, control, *fds = fds
    spawn.join_resource_tracker(fds.pop(0) if has_tracker else None)
    _forkserver.join_as_child(control, fds)
    return spawn.run(pipe, parent, report)


def main(control: int, pipe: int, unblock_sigint: bool) -> None:
    """Entry of the server process; returns when its last client is gone.

    `control`: the server's end of the socket that clients share. `pipe`: a pickle of what is to
    be imported first. `unblock_sigint`: whether Ctrl-C was held back while the server started.
    """
    sigint = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the clients
    if unblock_sigint:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    for fd in (control, pipe):
        os.set_inheritable(fd, False)
    with open(pipe, "rb") as stream:
        _preload(**pickle.load(stream))
    util._close_stdin()  # type: ignore[attr-defined]
    with _socket(control) as sock:
        _Server(sock, sigint).serve()


def _preload(
    preload: list[str],
    sys_path: list[str] | None = None,
    sys_argv: list[str] | None = None,
    init_main_from_path: str | None = None,
) -> None:
    """Imports what children would import; what fails here is left to fail in them."""
    if sys_path is not None:
        sys.path[:] = sys_path
    if sys_argv is not None:
        sys.argv[:] = sys_argv
    current: Any = _process.current_process()
    for name in preload:
        current._inheriting = True  # nothing may be started from here
        try:
            if name != "__main__":
                __import__(name)
            elif init_main_from_path is not None:
                _standard_spawn.import_main_path(init_main_from_path)
        except (Exception, SystemExit):
            pass
        finally:
            del current._inheriting


_forkserver = ForkServer()
ensure_running = _forkserver.ensure_running
get_inherited_fds = _forkserver.get_inherited_fds
set_forkserver_preload = _forkserver.set_forkserver_preload
start_child = _forkserver.start_child


def _renew_lock() -> None:
    _forkserver._lock = threading.RLock()  # another thread may have held it at the fork


os.register_at_fork(after_in_child=_renew_lock)
