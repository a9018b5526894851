#!/usr/bin/env bash
# Installs Debian's slurm-wlm and munge, for the tests' own cluster, where that is possible. Where
# it is not it says so and the tests are skipped.
set -euo pipefail

say() { printf 'lcinfer set-up: %s\n' "$*" >&2; }

if command -v slurmctld >/dev/null && command -v munged >/dev/null; then
    exit 0
fi
if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    say "no SLURM for tests: that needs root, and slurm-wlm and munge (Debian, Ubuntu)"
    exit 0
fi
if [[ -e /etc/slurm/slurm.conf ]] || command -v sbatch >/dev/null; then
    say "no SLURM for tests: this machine belongs to a cluster"
    exit 0
fi
say "installing slurm-wlm munge"
apt-get update -qq || true
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    slurm-wlm munge >/dev/null || say "no SLURM for tests: they could not be installed"
