#!/usr/bin/env bash
# Sets lcinfer up in .venv: system packages where that is possible, Python packages from the
# lock file, 21cmFAST from its source, lcinfer itself. PYTHON chooses the interpreter (3.11 or
# newer), ENGINE the version of 21cmFAST (envs/21cmfast.sh).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
locked=$(sed -n 's/^21cmFAST==//p' envs/lock.txt)
engine=${ENGINE:-$locked}

packages=(build-essential patch libgsl-dev libfftw3-dev pkg-config python3-venv python3-dev)

say() { printf 'lcinfer set-up: %s\n' "$*" >&2; }

suitable() { # an interpreter that can make a virtual environment
    command -v "$1" >/dev/null &&
        "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.11 python3.12 python3; do
        if suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

headers_are_there() {
    command -v "${CC:-cc}" >/dev/null && command -v make patch >/dev/null &&
        printf '#include <gsl/gsl_math.h>\n#include <fftw3.h>\n' | "${CC:-cc}" -E - >/dev/null 2>&1
}

install_system_packages() {
    local as_root=()
    if [[ $(id -u) != 0 ]]; then
        as_root=(sudo -n)
    fi
    if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
        say "21cmFAST needs a C compiler, GSL and FFTW with their headers, and Python 3.11 or"
        say "newer with venv. On Debian or Ubuntu: apt-get install ${packages[*]}"
        say "On a cluster: load modules for them, or use envs/conda.yaml."
        exit 1
    fi
    say "installing ${packages[*]}"
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq \
        --no-install-recommends "${packages[@]}" >/dev/null
}

if ! headers_are_there || [[ -z $(find_python) ]]; then
    install_system_packages
fi
python=$(find_python)
if [[ -z $python ]]; then
    say "no Python 3.11 or newer with venv was found; set PYTHON to one"
    exit 1
fi

if [[ -n ${PYTHON:-} && -x .venv/bin/python && $(.venv/bin/python -V) != $("$python" -V) ]]; then
    say ".venv has $(.venv/bin/python -V), and PYTHON is $("$python" -V): move .venv aside first"
    exit 1
fi
bash envs/21cmfast.sh "$python" "$engine" check
rm -f .venv/ready # until all of this is done
say "making .venv with $("$python" --version)"
if [[ ! -x .venv/bin/python ]]; then
    "$python" -m venv "$(readlink -f .venv)" # which may be a link to a roomier place
fi
pip() { .venv/bin/pip --quiet --disable-pip-version-check "$@"; }
say "installing Python packages from envs/lock.txt (a few minutes)"
grep -v '^21cmFAST==' envs/lock.txt | pip install --requirement /dev/stdin
say "building 21cmFAST $engine"
bash envs/21cmfast.sh .venv/bin/python "$engine"
pip install "21cmFAST==$engine" # what another release needs beside the lock file's packages
pip install --no-deps --no-build-isolation --editable .
rm -f .venv/engine # a choice that is the lock file's follows it
[[ $engine == "$locked" ]] || echo "$engine" >.venv/engine
touch .venv/ready
say "done: .venv"
