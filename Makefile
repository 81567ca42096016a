# gan_lab. `make help` lists what there is.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
export OMP_NUM_THREADS ?= 1
# Where it is set, every process of the tests compiles all of them anew
export PYTHONDONTWRITEBYTECODE :=

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## make .venv and install gan_lab with its development tools

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "gan_lab needs Python 3.11 to 3.13: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	@echo 'installing into .venv: 6 GB, which takes some minutes'
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(STAMP)

train: install ## the main job: a conditional GAN on the embedded digits (1 to 2 minutes on a CPU)
	$(BIN)/python -m gan_lab.train experiment=digits

test: install ## the fast tests, one process per core
	$(BIN)/pytest -n auto --dist worksteal

test-slow: install chromium ## all tests, the slow ones too (Chromium from Debian's packages)
	$(BIN)/pytest -n auto --dist worksteal -m ''

chromium:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
		$$sudo apt-get update -qq && $$sudo apt-get install -y -qq chromium chromium-driver; }

check: install ## format, lint, spelling, imports, types and the fast tests: before every commit
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/codespell
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pytest -n auto --dist worksteal

audit: install ## faults that attackers use: in our code (ruff's S rules) and, by the network, in what is installed
	$(BIN)/ruff check gan_lab
	$(BIN)/pip-audit --skip-editable

hooks: install ## run the quick ones of these before every commit, and on its message; types before every push
	$(BIN)/pre-commit install

coverage: install ## the fast tests again, and which lines they do not reach
	$(BIN)/pytest -n auto --dist worksteal --cov --cov-report=term

format: install ## format, and fix what lint can fix
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

readme: install ## rewrite the tables of every README from docstrings and yaml files
	$(BIN)/python -m gan_lab.list format=readme

bench: install ## our step beside a plain loop, our data beside torchvision's, our Fréchet distance beside torchmetrics'
	$(BIN)/python -m gan_lab.benchmark
	$(BIN)/python -m gan_lab.benchmark_data
	$(BIN)/python -m gan_lab.benchmark_frechet

clean: ## remove what the targets above made; runs in outputs/ stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage dist benchmark.json benchmark_data.json benchmark_frechet.json
	find . -name __pycache__ -prune -exec rm -rf {} +

.PHONY: help install train test test-slow chromium check audit hooks coverage format readme bench clean
