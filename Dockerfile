# The app as a container: `docker build -t autorec .`, then `docker run -p 8501:8501 -v autorec:/data autorec`.
FROM python:3.11-slim AS packages

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/autorec
ENV PATH=/opt/autorec/bin:$PATH
WORKDIR /build
COPY requirements.lock requirements-torch.lock ./
RUN pip install --require-hashes -r requirements.lock
# The build for processors alone is a tenth of the other. Everything it needs is in the lock, so nothing comes with it.
RUN pip install --require-hashes --no-deps -r requirements-torch.lock --index-url https://download.pytorch.org/whl/cpu

FROM python:3.11-slim
# numba and torch take OpenMP from their own wheels; nothing has to be installed from the system.
RUN useradd --uid 10001 --create-home --home-dir /home/autorec --shell /usr/sbin/nologin autorec \
    && install -d -o autorec -g autorec /data
COPY --from=packages /opt/autorec /opt/autorec
WORKDIR /app
COPY app.py ./
COPY .streamlit .streamlit
COPY autorec_core autorec_core
COPY pages pages
ENV PATH=/opt/autorec/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/tmp/numba \
    AUTOREC_HOME=/data \
    AUTOREC_LOG=json
USER autorec
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
# The server itself is process 1 and gets the signal: it saves the training that runs and leaves within 5 seconds.
STOPSIGNAL SIGTERM
CMD ["streamlit", "run", "app.py", "--server.address", "0.0.0.0", "--server.port", "8501"]
