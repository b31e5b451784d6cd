# make run    set up and do the main job on simulated data
# make test   set up and pass the tests
# make test-system   what takes many minutes or many processes
# make lint   style, types, one-way imports
# make audit  known vulnerabilities of what is installed; asks the public package index
# make bench  measure side by side; half an hour, on an idle machine
# make figures [FIGURES="NAME …"] [DATA=folder]   measure the tables of README and docs again and write them; three
#             hours on an idle machine, can be interrupted and resumed
# make bench-quality [DATA=folder]   time to equal quality of each tuner; forty minutes, can be resumed
# make bench-real DATA=folder   our models on recordings of real arms; an hour, can be interrupted and resumed
# make reference   write docs/config.md, docs/command-line.md and the picture of the rooms from the code
# make docs   the pages of docs/ as a site in site/; a link that leads nowhere ends it
# make ui     the runs in MLflow's user interface

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: run test test-system bench bench-quality bench-real figures reference docs lint audit ui clean

run: $(READY)
	$(BIN)/python -m forcepos model=cnn_regression tuner=bayesian

test: $(READY)
	$(BIN)/python -m pytest -m "not system" -n 2 --dist loadfile --no-loadscope-reorder

test-system: $(READY)
	$(BIN)/python -m pytest -m system -n 2 --dist loadgroup -rP

bench: $(READY)
	$(BIN)/python -m benchmarks

bench-quality: $(READY)
	$(BIN)/python -m benchmarks quality $(if $(DATA),--data $(DATA))

figures: $(READY)
	$(BIN)/python -m benchmarks.figures $(FIGURES) $(if $(DATA),--data $(DATA))

bench-real: $(READY)
	$(BIN)/python -m benchmarks.real $(DATA)

reference: $(READY)
	$(BIN)/python docs/scripts/config_page.py > docs/config.md
	$(BIN)/python docs/scripts/command_page.py > docs/command-line.md
	$(BIN)/python docs/scripts/rooms_picture.py > docs/pictures/rooms.svg

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html; with its search: python -m http.server -d site"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What could not be asked about must not pass for sound: --strict.
audit: $(READY)
	@if ! $(BIN)/pip-audit --local --skip-editable --strict --progress-spinner off 2> $(VENV)/audit.log; then \
		tail -n 3 $(VENV)/audit.log >&2; \
		if grep -qE "could not be audited|requests.exceptions|ServiceError" $(VENV)/audit.log; then \
			echo "error: the package index could not be asked about every package: nothing is known of them" >&2; \
		fi; \
		exit 1; \
	fi

ui: $(READY)
	$(BIN)/python -m forcepos ui

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) outputs mlruns site
