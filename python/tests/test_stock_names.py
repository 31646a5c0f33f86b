"""Every public name of the standard package is there under shoal's, or left out for a reason."""

from __future__ import annotations

import importlib
import multiprocessing
import pkgutil
import types
from collections.abc import Iterator
from typing import Any

import pytest

LEFT_OUT_MODULES = {
    "popen_spawn_posix": "how the standard library starts processes; shoal's is popen_spawn",
    "popen_spawn_win32": "Windows",
    "synchronize": "its names are shoal's to come; see docs/differences.md",
}
WIRE = "how the standard fork server is talked to; shoal's is another"
LEFT_OUT = {
    "forkserver.MAXFDS_TO_SEND": WIRE,
    "forkserver.SIGNED_STRUCT": WIRE,
    "forkserver.connect_to_new_process": WIRE,
    "forkserver.read_signed": WIRE,
    "forkserver.write_signed": WIRE,
    "spawn.WINEXE": "Windows",
    "spawn.WINSERVICE": "Windows",
    "spawn.old_main_modules": "a list that the standard library keeps for itself",
}


def modules() -> list[str]:
    found = [module.name for module in pkgutil.iter_modules(multiprocessing.__path__)]
    return ["", *(name for name in found if name not in LEFT_OUT_MODULES)]


def public_names(module: Any) -> Iterator[str]:
    """What a module defines, not what it imports for its own use."""
    listed = getattr(module, "__all__", ())
    for name, value in vars(module).items():
        if name.startswith("_") or isinstance(value, types.ModuleType):
            continue
        if name in listed or getattr(value, "__module__", module.__name__) == module.__name__:
            yield name


@pytest.mark.parametrize("name", modules(), ids=lambda name: name or "multiprocessing")
def test_a_module_has_the_names_of_its_namesake(name: str) -> None:
    suffix = f".{name}" if name else ""
    standard = importlib.import_module(f"multiprocessing{suffix}")
    own = importlib.import_module(f"shoal{suffix}")
    missing = [
        each
        for each in public_names(standard)
        if not hasattr(own, each) and f"{name}.{each}" not in LEFT_OUT
    ]
    assert missing == []


@pytest.mark.parametrize("name", modules()[1:])
def test_a_module_is_an_attribute_of_the_package(name: str) -> None:
    own = importlib.import_module(f"shoal.{name}")
    assert getattr(importlib.import_module("shoal"), name) is own


def test_what_is_left_out_is_not_there() -> None:
    for left_out in LEFT_OUT:
        module, _, name = left_out.partition(".")
        if hasattr(importlib.import_module(f"multiprocessing.{module}"), name):
            assert name not in public_names(importlib.import_module(f"shoal.{module}"))


def test_process_classes_of_the_context_module_are_shoals() -> None:
    import shoal.context
    import shoal.process

    for name in ("Process", "ForkProcess", "SpawnProcess", "ForkServerProcess"):
        assert getattr(shoal.context, name) is getattr(shoal.process, name)
