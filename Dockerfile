# The app, on a CPU by default:
#   docker build -t x-kde --build-arg TORCH_INDEX=<address of PyTorch's CPU builds> .
# On CUDA, with PyTorch's own builds from the package index:
#   docker build -t x-kde --build-arg DEVICE=cuda .
ARG PYTHON=3.11
FROM python:${PYTHON}-slim-bookworm

ARG DEVICE=cpu
ARG TORCH_INDEX=""
ARG GEMMA=1

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    GRADIO_ANALYTICS_ENABLED=False \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    XKDE_HOME=/data

# Nobody's rights but its own; /data holds downloads, runs and moments.
RUN useradd --create-home --uid 1000 xkde && mkdir /data && chown xkde /data
WORKDIR /app

# What changes seldom comes first. A CPU's torch comes from its own index, if one is named.
COPY requirements.txt requirements-gemma.txt ./
# Every version is in those files, torch's too.
# hadolint ignore=DL3013
RUN set -eu; \
    torch="$(grep '^torch==' requirements.txt)"; \
    if [ "$DEVICE" = cpu ] && [ -n "$TORCH_INDEX" ]; then \
        pip install --index-url "$TORCH_INDEX" "$torch"; \
    else \
        pip install "$torch"; \
    fi; \
    pip install -r requirements.txt; \
    if [ "$GEMMA" = 1 ]; then pip install -r requirements-gemma.txt; fi

COPY app.py pyproject.toml README.md LICENSE NOTICE ./
COPY assets assets
COPY pages pages
COPY xkde xkde

# By number, so that a cluster sees that it is not root.
USER 1000
VOLUME /data
EXPOSE 7860
# SIGTERM goes to Python itself, which answers who is asking and ends.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/health', timeout=4)"]
CMD ["python", "app.py"]
