# What there is to do. Each target installs and builds what it needs.
#
#   make            build the library, the Lua module and the Python extension
#   make test       the whole suite; make test ONLY="python lua" for stages
#   make demo       echo servers on bide and its rivals under one load
#   make bench      the benchmarks
#   make lint       format, style, layers, clang-tidy
#   make format     reformat the C sources
#   make wheel      a self-contained wheel in dist/
#   make clean      remove what was built

.PHONY: all deps test demo bench lint format wheel clean
.DEFAULT_GOAL := all

all: deps
	@tools/run true
	@echo 'built: build/release (C, Lua) and build/py3.* (Python);' \
	      'tools/run COMMAND runs a command with them'

deps:
	@tools/install-deps

test: deps
	@tools/test $(ONLY)

demo: deps
	@tools/install-deps --bench
	@tools/run --bench python benchmarks/demo.py

bench: deps
	@tools/install-deps --bench
	@tools/run --bench --bare python benchmarks/run.py $(ARGS)

lint: deps
	@tools/test style layers format tidy

format: deps
	@find csrc python lua tests examples benchmarks -name '*.[ch]' -print0 | \
	    xargs -0 clang-format -i

wheel: deps
	@tools/build-wheel

clean:
	rm -rf build dist
