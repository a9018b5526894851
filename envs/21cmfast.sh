#!/usr/bin/env bash
# Installs the 21cmFAST that is asked for into the environment of a Python, from its source:
#
#     envs/21cmfast.sh PYTHON VERSION      e.g. .venv/bin/python 4.1.1+gm18.1
#
# A version that ends in +gm18.N has the patches of envs/patches/ (Greig & Mesinger 2018's model, and
# half of the time); one without is what its authors released. With `check` as a third argument it
# only says whether there is such a version.
set -euo pipefail
python=$1 version=$2
release=${version%%+*}
patches=$(dirname "${BASH_SOURCE[0]}")/patches/$release

say() { printf 'lcinfer set-up: %s\n' "$*" >&2; }
pip() { "$python" -m pip --quiet --disable-pip-version-check "$@"; }

if [[ $release != 4.[1-9]* ]]; then
    say "ENGINE is a version of 21cmFAST from 4.1 on, not $version"
    exit 1
fi
if [[ $release == 4.[2-9]* ]] && ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then
    say "21cmFAST $release needs Python 3.12 or newer: set PYTHON to one"
    exit 1
fi
if [[ $version == "$release" ]]; then
    [[ ${3:-} == check ]] || pip install --force-reinstall --no-deps "21cmFAST==$release"
    exit
fi
level=$(cat "$patches/LEVEL" 2>/dev/null || true)
if [[ $version != "$release+$level" ]]; then
    say "there are no patches for 21cmFAST $version; there are: $(cd "${patches%/*}" &&
        for of in */LEVEL; do printf '%s+%s ' "${of%/*}" "$(cat "$of")"; done)"
    exit 1
fi
if [[ ${3:-} == check ]]; then
    exit
fi
command -v patch >/dev/null || { say "patch is missing: install it"; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip download --no-deps --no-binary 21cmFAST --dest "$work" "21cmFAST==$release"
mkdir "$work/source"
tar --extract --gzip --strip-components=1 --directory "$work/source" --file "$work"/*.tar.gz
for each in "$patches"/*.patch; do
    patch --directory "$work/source" --strip=1 --fuzz=0 --silent <"$each"
done
# The distribution's own metadata say what it is: pip takes `==4.1.1` for both.
SETUPTOOLS_SCM_PRETEND_VERSION=$version pip wheel --no-deps --wheel-dir "$work/wheel" "$work/source"
# By name, so that no list of what is installed holds a path.
pip install --force-reinstall --no-deps --no-index --find-links "$work/wheel" "21cmFAST==$version"
