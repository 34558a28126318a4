"""The choice of ports."""

import socket
from collections.abc import Iterator

import pytest

from ops.stack.errors import PortTaken
from ops.stack.ports import FREE, HOST, Ports, Wanted, choose, is_taken


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something else listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_listening_port_is_taken_and_a_closed_one_is_not(taken: int) -> None:
    assert is_taken(taken)
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        closed = other.getsockname()[1]
    assert not is_taken(closed)


def test_the_given_ports_are_preferred() -> None:
    free = choose(Wanted(), None, FREE)
    assert choose(Wanted(), None, free) == free


def test_another_port_serves_where_the_default_is_taken(taken: int) -> None:
    chosen = choose(Wanted(), None, Ports(taken, taken, taken))
    assert taken not in chosen
    assert len(set(chosen)) == 3
    assert not any(map(is_taken, chosen))


def test_ports_used_before_are_used_again() -> None:
    before = choose(Wanted(), None, FREE)
    assert choose(Wanted(), before) == before


def test_a_taken_port_that_was_asked_for_is_an_error_that_names_it(taken: int) -> None:
    with pytest.raises(PortTaken, match=f"{taken}.*TAPE_STACK__REGISTRY_PORT"):
        choose(Wanted(registry=taken), None, FREE)


def test_one_port_cannot_be_asked_for_twice() -> None:
    free = choose(Wanted(), None, FREE).kafka
    with pytest.raises(PortTaken, match="controller"):
        choose(Wanted(kafka=free, controller=free), None, FREE)


def test_ports_of_running_parts_are_kept_although_they_are_taken(taken: int) -> None:
    before = Ports(taken, 1, 2)
    assert choose(Wanted(), before, FREE, kept=Ports(taken, 0, 0)).kafka == taken
