"""Those who wait on a condition or a barrier and die: nobody waits for them. Only shoal's."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from threading import BrokenBarrierError
from typing import Any

import pytest

import barrier_targets
from children import wait_until_asleep
from peers import Peer
from waiting import DEADLINE, wait_until

# ---------------------------------------------------------------- conditions


def waiting(context: Any, stack: ExitStack, condition: Any, number: int) -> list[Peer]:
    """Peers that wait, in this order."""
    peers = [stack.enter_context(Peer(context, condition)) for _ in range(number)]
    for peer in peers:
        peer.do("acquire")
        peer.sleep_in("wait")
    return peers


def test_the_dead_are_not_notified_instead_of_the_living(shoal_context: Any) -> None:
    condition = shoal_context.Condition()
    with ExitStack() as stack:
        victim, survivor = waiting(shoal_context, stack, condition, 2)
        victim.kill()
        with condition:
            condition.notify()
        assert survivor.answer() is True
        assert [who[0] for who in condition.waiters()] == []
        survivor.do("release")
        survivor.end()


@pytest.mark.parametrize("survivor", range(3))
def test_who_dies_between_notification_and_return_passes_it_on(
    shoal_context: Any, survivor: int
) -> None:
    """Whichever of them it was that got it: all are stopped, and all but one killed."""
    condition = shoal_context.Condition()
    with ExitStack() as stack:
        victims = waiting(shoal_context, stack, condition, 3)
        for peer in victims:
            os.kill(peer.pid, signal.SIGSTOP)
        with condition:
            condition.notify()
        last = victims.pop(survivor)
        for victim in victims:
            victim.kill()
        os.kill(last.pid, signal.SIGCONT)
        assert last.answer() is True
        last.do("release")
        last.end()


@pytest.mark.parametrize("stopped", [False, True])
def test_notify_all_does_not_wait_for_the_dead(shoal_context: Any, stopped: bool) -> None:
    condition = shoal_context.Condition(shoal_context.Lock())
    with ExitStack() as stack:
        victim, *survivors = waiting(shoal_context, stack, condition, 3)
        if stopped:
            os.kill(victim.pid, signal.SIGSTOP)
        else:
            victim.kill()
        with condition:
            condition.notify_all()
        for _ in range(2):  # whoever has the lock first gives it to the other
            wait_until(lambda: any(survivor.has_answered() for survivor in survivors))
            first = next(survivor for survivor in survivors if survivor.has_answered())
            survivors.remove(first)
            assert first.answer() is True
            first.do("release")
            first.end()
        if stopped:
            victim.kill()
    with condition:
        assert condition.wait(0.01) is False


def test_a_notifier_that_dies_with_the_lock_does_not_keep_it(shoal_context: Any) -> None:
    condition = shoal_context.Condition()
    with ExitStack() as stack:
        (waiter,) = waiting(shoal_context, stack, condition, 1)
        notifier = stack.enter_context(Peer(shoal_context, condition))
        notifier.do("acquire")
        notifier.do("notify")
        wait_until_asleep(waiter.pid)
        assert not waiter.has_answered()
        notifier.kill()
        assert waiter.answer() is True
        assert waiter.warned == ["OwnerDiedWarning"]
        waiter.do("release")
        waiter.end()
    assert condition.acquire(False)
    condition.release()


# ---------------------------------------------------------------- barriers


def test_a_barrier_breaks_with_a_party_and_names_it(shoal_context: Any) -> None:
    barrier = shoal_context.Barrier(3)
    with Peer(shoal_context, barrier) as victim, Peer(shoal_context, barrier) as survivor:
        for peer in (victim, survivor):
            peer.sleep_in("wait")
        victim.kill()
        with pytest.raises(BrokenBarrierError, match=f"process {victim.pid} died"):
            survivor.answer()
        with pytest.raises(BrokenBarrierError, match=f"process {victim.pid} died"):
            barrier.wait()
        assert barrier.broken
        barrier.reset()
        assert (barrier.broken, barrier.n_waiting) == (False, 0)
        survivor.end()


def test_a_barrier_may_go_on_with_one_party_less(shoal_context: Any) -> None:
    barrier = shoal_context.Barrier(3, on_party_death="shrink")
    with Peer(shoal_context, barrier) as victim, Peer(shoal_context, barrier) as survivor:
        for peer in (victim, survivor):
            peer.sleep_in("wait")
        victim.kill()
        wait_until(lambda: barrier.parties == 2)
        assert barrier.wait(DEADLINE) == 1
        assert survivor.answer() in (0, 1)  # it came first or second, of three
        survivor.begin("wait")
        assert {barrier.wait(DEADLINE), survivor.answer()} == {0, 1}
        survivor.end()
    assert (barrier.parties, barrier.broken) == (2, False)


def test_the_last_of_a_barrier_that_shrinks_goes_on_alone(shoal_context: Any) -> None:
    barrier = shoal_context.Barrier(2, on_party_death="shrink")
    with Peer(shoal_context, barrier) as victim:
        victim.sleep_in("wait")
        victim.kill()
    assert barrier.wait(DEADLINE) == 0
    assert barrier.parties == 1


def test_a_death_in_the_action_breaks_the_barrier(shoal_context: Any) -> None:
    stall = barrier_targets.Stall(shoal_context)
    barrier = shoal_context.Barrier(2, stall)
    with Peer(shoal_context, barrier) as survivor, Peer(shoal_context, barrier) as actor:
        survivor.sleep_in("wait")
        actor.begin("wait")
        wait_until(lambda: stall.actor.value == actor.pid)
        actor.kill()
        with pytest.raises(BrokenBarrierError, match=f"process {actor.pid} died"):
            survivor.answer()
        survivor.end()


def test_the_death_of_who_is_through_concerns_nobody(shoal_context: Any) -> None:
    barrier = shoal_context.Barrier(2)
    with Peer(shoal_context, barrier) as peer:
        peer.begin("wait")
        barrier.wait(DEADLINE)
        peer.answer()
        peer.kill()
    with Peer(shoal_context, barrier) as peer:
        peer.begin("wait")
        barrier.wait(DEADLINE)
        peer.answer()
        peer.end()
