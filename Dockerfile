# The pipelines' image. The local stack's Java stays out of it; point it at a cluster by
# TAPE_KAFKA__BOOTSTRAP_SERVERS and TAPE_REGISTRY__URL.
#   docker build -t tape:0.1.0 .
# Written where no Docker runs: the build has not been tried.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 \
    TAPE_LOG_FORMAT=json \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    UV_PYTHON_DOWNLOADS=never

WORKDIR /app
COPY pyproject.toml uv.lock ops/uv.txt ./
RUN python -m venv /uv \
    && /uv/bin/pip install --no-cache-dir --require-hashes -r uv.txt \
    && /uv/bin/uv sync --locked --no-default-groups --no-cache --compile-bytecode \
    && rm -rf /uv uv.txt

COPY schemas schemas
COPY pipelines pipelines
COPY connectors connectors
COPY replay replay
COPY ops ops

RUN useradd --uid 10001 --no-create-home tape
USER 10001
ENTRYPOINT ["/app/.venv/bin/python", "-m", "ops"]
CMD ["--help"]
