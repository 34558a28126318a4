#!/bin/sh
# Makes .venv what uv.lock says. Needs a python3 of any version, and a line to PyPI the first time.
# Does nothing, in milliseconds, when .venv is already current. Everything is put in place by its
# last step, so an interrupted run is simply run again.
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
stamp=.venv/.tape

fail() {
    echo "tape: $1" >&2
    exit 2
}

current() {
    cmp -s uv.lock "$stamp/uv.lock" && cmp -s pyproject.toml "$stamp/pyproject.toml" &&
        [ -x .venv/bin/python ]
}

# The first of the given names that runs and satisfies the given condition on sys.version_info.
python_with() {
    condition=$1
    shift
    for name in "$@"; do
        if "$name" -c "import sys; sys.exit(not ($condition))" >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# Puts uv, pinned with its hashes, into .uv. It is looked for nowhere else: one version for all.
install_uv() {
    cmp -s ops/uv.txt .uv/uv.txt && [ -x .uv/bin/uv ] && return
    python=$(python_with 'sys.version_info >= (3, 8)' python3.11 python3.12 python3 python) ||
        fail "no python3 is here: install Python 3.11 or 3.12"
    fresh=.uv.$$
    trap 'rm -rf "$fresh"' EXIT
    if "$python" -c 'import ensurepip' >/dev/null 2>&1; then
        "$python" -m venv "$fresh"
        pip="$fresh/bin/python -m pip"
    elif "$python" -m pip --version >/dev/null 2>&1; then
        pip="$python -m pip --no-cache-dir"
    else
        fail "$python has neither pip nor ensurepip: install them (Debian, Ubuntu: python3-venv)"
    fi
    $pip install --quiet --disable-pip-version-check --require-hashes --prefix "$fresh" \
        -r ops/uv.txt || fail "cannot install uv from PyPI: see the lines above"
    cp ops/uv.txt "$fresh/uv.txt"
    rm -rf .uv
    mv "$fresh" .uv
    trap - EXIT
}

# An environment that serves is kept, whichever of the two Pythons it has.
choose_python() {
    fits='(3, 11) <= sys.version_info[:2] <= (3, 12)'
    python_with "$fits" .venv/bin/python python3.11 python3.12 python3 python && return
    echo "tape: no Python 3.11 or 3.12 is here; asking uv for its own 3.12" >&2
    .uv/bin/uv python install 3.12 >/dev/null 2>&1 ||
        fail "Tape needs Python 3.11 or 3.12 and uv could not fetch one: install either"
    .uv/bin/uv python find 3.12
}

current && exit 0
echo "tape: setting up the environment" >&2
install_uv
python=$(choose_python)
case $python in
    "$root"/.venv/* | .venv/*) .uv/bin/uv sync --locked ;;
    *) .uv/bin/uv sync --locked --python "$python" ;;
esac || fail "the environment could not be set up: see the lines above"
rm -rf "$stamp"
mkdir -p "$stamp.new"
cp uv.lock pyproject.toml "$stamp.new"
mv "$stamp.new" "$stamp"
