# `make check` runs what CI runs.
.PHONY: check test demo
check:
	.ci/run
test:
	./test
demo:
	./demo
