# make run     install what is missing, build, collect this machine's own logs
# make test    install what is missing, build, run all tests of shoal, in C++ and under every Python
# make build   the optimised build, in build/release
# make soak    the long tests: a kill at every single step
# make bench   the benchmarks, beside their peers, which it installs where it can
#              (make bench BENCH='--long --publish docs/benchmarks.md' CPP_IPC=<sources of cpp-ipc>)
# make format  format all sources
# make clean   remove what was built; the Python environments stay

SHELL := /bin/bash
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc)
export CTEST_PARALLEL_LEVEL ?= $(shell nproc)

OUTPUT := build/multiprocess.log
PYTHON := .venv/default/bin/python

.PHONY: run test build soak bench format clean setup

run: setup
	@scripts/configure release
	@cmake --build --preset release --target log_collector
	@build/release/examples/log_collector/log_collector --output $(OUTPUT); status=$$?; \
	echo "The collected log is in $(OUTPUT)"; exit $$status

test: setup
	@scripts/configure dev
	@cmake --build --preset dev
	@$(PYTHON) scripts/check_leftovers.py -- scripts/run_tests

build: setup
	@scripts/configure release
	@cmake --build --preset release

soak: build
	@$(PYTHON) scripts/check_leftovers.py -- ctest --preset soak

bench: setup
	@scripts/setup_bench
	@cmake --preset release -DSHOAL_FASTER_FIFO_SOURCE=$(CURDIR)/build/peers/faster-fifo \
	  $(if $(CPP_IPC),-DSHOAL_CPP_IPC_SOURCE=$(abspath $(CPP_IPC))) >/dev/null
	@cmake --build --preset release --target bench_queue
	@scripts/python_install default
	@$(PYTHON) bench/run.py $(BENCH)

format: setup
	@scripts/sources '*.cpp' '*.hpp' | xargs -0 clang-format-19 -i
	@.venv/default/bin/ruff format -q .
	@.venv/default/bin/ruff check -q --fix .

clean:
	rm -rf build

setup:
	@scripts/setup
