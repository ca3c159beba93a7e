# untrim on CPUs: docker build -t untrim .
# docs/pipeline.md says how it is used, and how large it is and how fast it starts.
FROM python:3.11.13-slim-bookworm AS build

# Address of an index with builds of torch for CPUs, as PyTorch's page on installing names it. Without it, torch comes
# from the usual index with CUDA, which makes the image several GB larger.
ARG TORCH_INDEX=""

ENV PATH=/opt/untrim/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/untrim
WORKDIR /build
COPY docker/requirements.lock docker/requirements.lock
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep ^torch== docker/requirements.lock)" \
    && pip install --requirement docker/requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-deps . && pip check

FROM python:3.11.13-slim-bookworm

COPY --from=build /opt/untrim /opt/untrim
ENV PATH=/opt/untrim/bin:$PATH PYTHONUNBUFFERED=1 UNTRIM_CACHE=/cache MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --create-home --uid 10001 untrim && mkdir /cache /data && chown untrim:untrim /cache /data
USER untrim
WORKDIR /data

# Whether packages, cache and disk are as they should be.
HEALTHCHECK --interval=5m --timeout=1m --start-period=1m CMD ["untrim", "doctor"]
ENTRYPOINT ["untrim"]
CMD ["--help"]
