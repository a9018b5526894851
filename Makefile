# lcinfer: `make run` and `make test` set everything up by themselves.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

CONFIG ?= config/demo.yaml
PROFILE ?= profiles/local
BIN := .venv/bin
# The 21cmFAST of the environment: a version of envs/patches, or a released one (ENGINE=4.1.1) for what
# was made with it. What was chosen stays, and another one that is found is replaced.
ENGINE ?= $(or $(shell cat .venv/engine 2>/dev/null),$(shell sed -n 's/^21cmFAST==//p' envs/lock.txt))
INSTALLED := $(wildcard .venv/lib/python3*/site-packages/21cm[fF][aA][sS][tT]-$(ENGINE).dist-info)

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help env run test quick lint docs bench lock slurm-packages slurm-up slurm-down

help: ## say what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

env: .venv/ready ## set everything up: system packages, virtual environment, lcinfer

.venv/ready: envs/lock.txt envs/setup.sh envs/21cmfast.sh pyproject.toml $(wildcard envs/patches/*/*)
	@ENGINE=$(ENGINE) bash envs/setup.sh

ifeq ($(INSTALLED),)
.PHONY: .venv/ready
endif

run: env ## the whole pipeline on CONFIG (config/demo.yaml): light-cones, network, R2, figures
	@lcinfer check "$(CONFIG)"
	snakemake --profile "$(PROFILE)" --configfile "$(CONFIG)"
	report=$$(lcinfer report "$(CONFIG)")
	lcinfer scores "$(CONFIG)"
	echo "report             $$report"

test: env slurm-packages lint ## every check, also on a two-node SLURM of its own (as root)
	@pytest -n 2

quick: env ## the quick tests: no MPI, no SLURM, no light-cone of 21cmFAST
	@pytest -n 2 -m quick

lint: env ## formatting, style, types, workflow
	@ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint --configfile config/demo.yaml

docs: env ## a site of all pages, in site/
	@NO_MKDOCS_2_WARNING=1 mkdocs build --strict

slurm-packages: ## slurm-wlm and munge, for the tests, where they can be installed
	@bash envs/slurm.sh

slurm-up: env slurm-packages ## a two-node SLURM cluster on this machine, to try things on
	@python tests/support/cluster.py up

slurm-down: env ## stop it and remove what it wrote
	@python tests/support/cluster.py down

bench: env ## measurements behind the numbers in docs/ (an hour); after `make run`
	@python benchmarks/lightcone.py compare
	python benchmarks/lightcone.py paper
	python benchmarks/lightcone.py velocities
	python benchmarks/fidelity.py history
	python benchmarks/fidelity.py spectra results/fidelity
	python benchmarks/fidelity.py draw results/fidelity --figure results/fidelity/fidelity.png
	python benchmarks/chunks.py
	python benchmarks/inference.py
	python benchmarks/reruns.py
	python benchmarks/scaling.py
	python benchmarks/planning.py
	python benchmarks/training.py loader
	python benchmarks/training.py data
	python benchmarks/training.py keras
	python benchmarks/training.py gpu
	python benchmarks/training.py paper
	python benchmarks/audit.py
	python benchmarks/scale.py real
	python benchmarks/scale.py standin | tee scale.jsonl
	python benchmarks/scale.py draw < scale.jsonl

lock: ## pin what is installed in .venv now
	@case "$(ENGINE)" in *+*) ;; *) echo "make lock: .venv holds 21cmFAST $(ENGINE) as released; the lock names a patched one: ENGINE=VERSION+LEVEL" >&2; exit 1;; esac
	{ head -1 envs/lock.txt; pip freeze --all --exclude lcinfer --exclude pip | sed '/^torch/s/+cpu//'; } > envs/lock.new
	mv envs/lock.new envs/lock.txt
