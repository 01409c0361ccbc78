# make audit: audit the demonstration company. make test: run everything. `make help` lists the rest.
# Without make, on Windows for instance, the same is: python tools/tasks.py audit
PYTHON ?= python3
TASKS := setup audit test check lint spark spark-cluster lab wheel bench notebooks reference docs pictures demo wording lock clean

.PHONY: help $(TASKS)
.NOTPARALLEL:

help:
	@$(PYTHON) tools/tasks.py

$(TASKS):
	@$(PYTHON) tools/tasks.py $@
