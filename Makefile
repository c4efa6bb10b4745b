# Every target is one command that a person could type; the logic is in the programs they call.
.DEFAULT_GOAL := help
PY := .venv/bin/python
# Each worker of the tests has a network of its own, so that they may make the same namespaces.
IN_SANDBOX := $(PY) -m local.sandbox --or-plain $(PY)
WORKERS := 2
SYSTEM_PACKAGES := iproute2 iptables memcached nftables redis-server util-linux
# Debian's npm is large and conflicts with others' Node.js: only where there is none.
CLIENT_PACKAGES := php-cli php-redis $(if $(shell command -v npm),,nodejs npm)
# What others would use instead of us; unpacked, not installed, for they bring services.
PEER_PACKAGES := conntrack haproxy libnginx-mod-stream nginx-core openssh-client openssh-server \
	socat stunnel4
# sam would report to AWS and look for a newer version: neither belongs into a build.
export SAM_CLI_TELEMETRY := 0
export PATH := $(CURDIR)/.venv/bin:$(PATH)

BUILD_INPUTS := template.yaml gateway/document.yaml $(shell find layers functions -type f \
	! -name '*.pyc' ! -path '*/__pycache__/*')

.PHONY: help setup packages node-clients build demo local test test-clients test-faults bench bench-quick cost peers check format document lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: .venv/ready ## Make .venv from the lock file, with the commands cachegate and sam

.venv/ready: requirements/dev.txt scripts/setup
	@scripts/setup .venv requirements/dev.txt .

# Apart from .venv, since checkov holds back boto3 and others by years.
.venv-checkov/ready: requirements/checkov.txt scripts/setup
	@scripts/setup .venv-checkov requirements/checkov.txt

packages: ## Install the system packages that the embedded world needs, where that is allowed
	@scripts/install-packages $(SYSTEM_PACKAGES)

node-clients: # The Node.js clients that tests run; `make test` does without where there is no Node.js
	@scripts/install-node-clients

build: .aws-sam/build/template.yaml ## Build the functions and the layer, as sam deploy sends them

.aws-sam/build/template.yaml: .venv/ready $(BUILD_INPUTS)
	@mkdir -p build
	@sam build >build/sam.log 2>&1 || { cat build/sam.log; exit 1; }

demo: setup packages build ## See it work: our own template, a real kernel, real caches, a replaced node, a dead NAT instance, a rule too wide
	@$(PY) -m local.demo

# $(value ...): what is typed after RUN= is the shell's, to the last dollar.
local: setup packages ## Play: our template, a real kernel and real caches; a shell outside. RUN='redis-cli ...' runs that alone (where it fails, make ends with 2)
	@$(PY) -m local.shell $(if $(value RUN),-c '$(subst ','\'',$(value RUN))')

test: setup packages node-clients build .venv-checkov/ready ## Everything, as CI runs it
	@ruff format --check --quiet . && ruff check --quiet . && mypy
	@sam validate --lint >/dev/null
	@$(PY) -m pytest --dist loadscope --no-loadscope-reorder --tx "$(WORKERS)*popen//python=$(IN_SANDBOX)"

test-clients: setup packages build ## Every client library in every case, through the kernel; writes docs/clients.md: ten minutes
	@scripts/install-packages $(CLIENT_PACKAGES)
	@scripts/install-node-clients
	@$(PY) -m local.sandbox $(PY) -m tests.clients

test-faults: setup ## Ten thousand random sequences of faults over the whole pass, counted
	@PYTHONPATH=gateway $(PY) -m tests.faults --sequences 10000

bench: setup packages peers build ## Measure everything side by side; writes docs/benchmarks.md: 25 minutes
	@$(PY) -m local.sandbox $(PY) -m benchmarks
	@$(PY) -m benchmarks.cost

bench-quick: setup packages peers build ## The same in two minutes, for a look only; writes build/benchmarks.md
	@$(PY) -m local.sandbox $(PY) -m benchmarks --quick

cost: setup ## Compute the monthly cost again from the template, prices and kept rows; writes docs/cost.md
	@$(PY) -m benchmarks.cost

peers: # The programs that the benchmarks compare us with
	@scripts/unpack-packages build/peers $(PEER_PACKAGES)

check: setup build .venv-checkov/ready ## Format, lint, types, unit tests, template with cfn-lint and checkov: a minute once set up, no root
	@ruff format --check --quiet . && ruff check --quiet . && mypy
	@sam validate --lint
	@$(PY) -m pytest tests/unit tests/template

format: setup ## Format the code
	@ruff format . && ruff check --fix .

document: setup ## Make gateway/document.yaml again from the agent
	@$(PY) gateway/build_document.py

lock: ## Resolve the Python packages again
	@scripts/lock

clean: ## Remove what was built
	@rm -rf .aws-sam build .pytest_cache .mypy_cache .ruff_cache .hypothesis
