# Two commands on a fresh machine: `make demo` and `make test`. Both install what they need into two environments:
#   .venv    the server's own, light          .worker   the one that trains (PyTorch, Transformers, TRL)
# with uv where it is found, else with venv and pip.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null)
# A folder of local wheels (such as a CPU build of PyTorch) that pip is told of serves uv too.
ifneq ($(strip $(PIP_FIND_LINKS)),)
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Without bytecode each of the many processes that the tests start would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE
export NLP_SKILLS_WORKER := $(abspath .worker/bin/python)

# $(call install,FOLDER,EXTRAS): an environment with this checkout in it, bytecode compiled.
ifneq ($(UV),)
define install
uv venv --quiet --clear --python '>=3.11' $(1)
uv pip install --quiet --compile-bytecode --python $(1) --constraint constraints.txt --editable '.[$(2)]'
endef
else
define install
rm -rf $(1)
$(PYTHON) -m venv $(1)
$(1)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[$(2)]'
$(1)/bin/python -m compileall -q -j 0 $(1)/lib >/dev/null || true
endef
endif

.PHONY: help setup demo demo-zh quick test test-diagnosis test-sky lint bench clean

help: ## Show the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.installed .worker/.installed ## Install both environments

.venv/.installed: pyproject.toml constraints.txt
	@echo '== .venv: the server, light'
	$(call install,.venv,sources$(comma)ssh$(comma)test)
	@touch $@

.worker/.installed: pyproject.toml constraints.txt
	@echo '== .worker: the training libraries (about 2 GB, a few minutes)'
	$(call install,.worker,all$(comma)test)
	@touch $@

comma := ,

demo: setup ## The whole story in a terminal, in English; asks once which model to train
	.venv/bin/nlp-skills demo --language en

demo-zh: setup ## 同一個故事，用中文說
	.venv/bin/nlp-skills demo --language zh-TW

lint: .venv/.installed ## Style, types and import rules
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

# Side by side, five processes on two processors, as they often wait for the jobs they started; the tests of a file stay together, as they
# share what is costly to make, and those that take minutes begin first. Threads that spin while they wait take the
# others' time.
SIDE_BY_SIDE = -n 5 --dist loadfile --no-loadscope-reorder
test: export OMP_WAIT_POLICY := PASSIVE

test: setup lint ## Everything: lint, the light tests, the worker tests
	.venv/bin/python -m pytest -m 'not worker and not alone' $(SIDE_BY_SIDE)
	.venv/bin/python -m pytest -m 'not worker and alone'
	.worker/bin/python -m pytest -m 'worker and not diagnosis' $(SIDE_BY_SIDE)

test-diagnosis: export OMP_WAIT_POLICY := PASSIVE
test-diagnosis: setup ## Twenty trainings with planted faults and without: how often the diagnosis names the true cause
	.worker/bin/python -m pytest -m diagnosis -n 2 --dist loadfile

quick: .venv/.installed lint ## What trains nothing and measures nothing: lint and the light tests, in about three minutes
	env -u NLP_SKILLS_WORKER .venv/bin/python -m pytest -m 'not worker and not alone and not minutes' -q -n 3 --dist loadfile tests/resources tests/prompts tests/server tests/tools tests/test_chinese.py tests/test_packaging.py

.sky/.installed:
	@echo '== .sky: SkyPilot, and what stands in for AWS'
	rm -rf .sky && $(PYTHON) -m venv .sky
	.sky/bin/python -m pip install --quiet 'skypilot[aws,gcp,runpod]==0.14.1' 'moto[server,sts,ec2,iam]==5.2.5' uv
	@touch $@

# As root on Debian: apt-get install slurm-wlm munge rsync openssh-server. It takes about ten minutes.
# NLP_SKILLS_TEST_SKY names the programs of an environment that has SkyPilot and moto already.
test-sky: setup $(if $(NLP_SKILLS_TEST_SKY),,.sky/.installed) ## SkyPilot itself: a training on a Slurm of one node, and its choice for three clouds
	NLP_SKILLS_TEST_SKY=$(or $(NLP_SKILLS_TEST_SKY),$(abspath .sky/bin)) .venv/bin/python -m pytest tests/tools/train/test_sky_real.py

bench: setup ## The measurements behind the figures in the docs
	.venv/bin/python benchmarks/startup.py
	.venv/bin/python benchmarks/coach.py
	.venv/bin/python benchmarks/hook.py
	.venv/bin/python benchmarks/fuzz.py
	.venv/bin/python benchmarks/demo.py
	.worker/bin/python benchmarks/data_pipeline.py
	.worker/bin/python benchmarks/training_throughput.py

clean: ## Remove both environments and all caches
	rm -rf .venv .worker .sky build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
