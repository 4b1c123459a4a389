# `make demo` sets everything up and runs the graph on phantoms; `make test` runs all tests and checks; `make serve`
# serves the promoted model; `make audit` asks for known vulnerabilities of the pinned packages. Needs Python 3.11 or
# later, git and pip. PYTHON=python3.11 chooses the interpreter.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= $(shell for name in python3.11 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$name; break; }; done)

.PHONY: demo test serve audit install clean
.DELETE_ON_ERROR:

demo: install
	@$(BIN)/sonoforge run

serve: install
	@$(BIN)/sonoforge serve

# One thread for each worker: more only wait for each other on two cores.
test: export OMP_NUM_THREADS := 1
test: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2

# Strict: a package that can't be audited is a failure. Needs the network.
audit: install
	$(BIN)/pip-audit --requirement requirements.lock.txt --disable-pip --no-deps --strict --progress-spinner off

install: $(STAMP)

# uv installs the pinned list several times faster than pip. It doesn't read pip's settings, so those that matter are
# handed on. sam2 is built from source: without isolation it takes the torch that is here instead of another one.
$(STAMP): requirements.lock.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "SonoForge needs Python 3.11 or later; name it: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.lock.txt)"
	@export SAM2_BUILD_CUDA=0 UV_NO_PROGRESS=1 VIRTUAL_ENV=$(CURDIR)/$(VENV); \
	if [ -n "$$PIP_FIND_LINKS" ]; then export UV_FIND_LINKS="$${UV_FIND_LINKS:-$$PIP_FIND_LINKS}"; fi; \
	if [ -n "$$PIP_INDEX_URL" ]; then export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$PIP_INDEX_URL}"; fi; \
	if [ -n "$$PIP_CERT" ]; then export SSL_CERT_FILE="$${SSL_CERT_FILE:-$$PIP_CERT}"; fi; \
	echo "installing the pinned packages (about 3 GB, once)"; \
	$(BIN)/uv pip install --quiet $$(grep -E '^(setuptools|wheel)==' requirements.lock.txt) && \
	$(BIN)/uv pip install --quiet --compile-bytecode --no-build-isolation-package sam2 -r requirements.lock.txt && \
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	rm -rf $(VENV)
