# Orrery: `make up` starts a cluster, `make test` runs everything, `make help` lists the rest.
PY     := .venv/bin/python
STAMP  := .venv/.installed
TEST_PROCESSES ?= 2
RUNTIME ?=
NODES  ?=
NAME   ?=
UP_FLAGS := $(if $(RUNTIME),--runtime $(RUNTIME)) $(if $(NODES),--nodes $(NODES)) $(if $(NAME),--name $(NAME))
NAME_FLAG := $(if $(NAME),--name $(NAME))

COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

.PHONY: help up down status compose-up compose-down gen check lint types test unit component e2e bench images clean

help: ## what can be made
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml
	python3 -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

up: $(STAMP) ## start a cluster (RUNTIME=docker|sim NODES=n NAME=name)
	@$(PY) -m cli up $(UP_FLAGS)

down: $(STAMP) ## stop it; certificates, size, ports and logs stay for the next up
	@$(PY) -m cli down $(NAME_FLAG)

status: $(STAMP) ## what runs where
	@$(PY) -m cli status $(NAME_FLAG)

compose-up: ## the same cluster, one container per component
	$(COMPOSE) up -d
	@$(COMPOSE) logs -f --no-color addons

compose-down: ## stop it and leave nothing behind but its data
	$(COMPOSE) down
	@docker ps -aq --filter label=orrery.cluster=compose | xargs -r docker rm -fv
	@docker network ls -q --filter label=orrery.cluster=compose | xargs -r docker network rm

gen: $(STAMP) ## generate code from proto/
	PATH=.venv/bin:$$PATH $(PY) -m grpc_tools.protoc -I . --python_out=. --pyi_out=. --grpc_python_out=. --mypy_grpc_out=quiet:. \
		proto/api.proto proto/kubelet.proto proto/debug.proto proto/cri.proto proto/storage.proto proto/etcd_view.proto

check: $(STAMP) ## lint, format, types, import contracts, generated code current
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy .
	.venv/bin/lint-imports
	$(PY) -m tests.generated_code_is_current

test: $(STAMP) ## everything, in several processes (tests/conftest.py says what stays together)
	$(PY) -m pytest -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder

unit: $(STAMP) ## pure tests only
	$(PY) -m pytest tests/unit tests/contract tests/scenarios

component: $(STAMP) ## one real process each, with a real etcd
	$(PY) -m pytest tests/component

e2e: $(STAMP) ## whole clusters through the real kubectl
	$(PY) -m pytest $(wildcard tests/e2e*)

bench: $(STAMP) ## figures, each against a baseline of the same run
	$(PY) -m bench

images: ## container images from Debian packages, where none can be pulled
	deploy/images/build.sh

clean: ## remove the environment and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .cache
