# A version, never a moving tag. `scripts/release-images` puts the digest beside it.
ARG PYTHON_IMAGE=python:3.12.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
RUN python -m venv /opt/venv
COPY requirements.txt .
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
    --requirement requirements.txt

FROM ${PYTHON_IMAGE}
ENV PATH=/opt/venv/bin:/srv/facade:$PATH PYTHONUNBUFFERED=1 BIND=0.0.0.0 PORT=8000
RUN useradd --uid 10001 --home-dir /srv/facade --no-create-home --shell /usr/sbin/nologin facade \
    # Also for whichever other UID the container is given: nobody else is in it.
    && install -d -o facade -g facade -m 1777 /srv/facade/var /run/facade
WORKDIR /srv/facade
COPY --from=packages /opt/venv /opt/venv
COPY . .
# The commit, where the build's context is no release, which says it itself.
ARG REVISION=
RUN [ -z "$REVISION" ] || echo "$REVISION" >routing/revision
# The key is only for this command: it is not kept, and nothing that is collected depends on it.
RUN SECRET_KEY=collectstatic python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q facade_site routing
USER facade
VOLUME /srv/facade/var
EXPOSE 8000
# gunicorn's, for an end that lets requests end first.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["python", "-m", "facade_site.healthcheck"]
CMD ["python", "-m", "facade_site.start"]
# https://github.com/opencontainers/image-spec/blob/main/annotations.md. scripts/release says what they are.
ARG VERSION=
ARG SOURCE=
LABEL org.opencontainers.image.title="Registry Facade" \
    org.opencontainers.image.description="A container-registry address that its users own" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.source="${SOURCE}"
