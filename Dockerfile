# Two images from one file:
#   docker build --target api -t ibactors:api .     ibactors alone, for a gateway that runs elsewhere
#   docker build -t ibactors .                      ibactors with IB Gateway and IBC inside, logged in over HTTP
# docs/deploy.md says how to run them; build.sh finds the gateway's version and tags.

ARG BASE_IMAGE=python:3.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements.txt ./
COPY image/build.txt image/
RUN python3 -m venv /opt/tools \
 && /opt/tools/bin/pip install --quiet --require-hashes --no-deps -r image/build.txt \
 && python3 -m venv /opt/ibactors \
 && /opt/ibactors/bin/pip install --quiet --require-hashes --no-deps -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY ibactors ibactors
RUN /opt/tools/bin/python -m flit_core.wheel --outdir dist \
 && /opt/ibactors/bin/pip install --quiet --no-deps dist/*.whl \
 && /opt/ibactors/bin/pip uninstall --quiet --yes pip setuptools \
 && mkdir -p /opt/ibactors/share/doc/ibactors \
 && cp LICENSE /opt/ibactors/share/doc/ibactors/ \
 && /opt/tools/bin/cyclonedx-py environment --output-reproducible --output-file /opt/ibactors/share/doc/ibactors/sbom.cdx.json /opt/ibactors


FROM ${BASE_IMAGE} AS api
ARG VERSION=dev
LABEL org.opencontainers.image.title="ibactors" \
      org.opencontainers.image.description="Interactive Brokers behind REST and WebSocket" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
# A fixed number, so that a volume's owner is known and orchestrators can see that it is not root.
RUN groupadd --gid 10001 ibactors \
 && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /var/lib/ibactors --shell /usr/sbin/nologin ibactors \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/ibactors
COPY --from=build /opt/ibactors /opt/ibactors
ENV PATH=/opt/ibactors/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/var/lib/ibactors \
    IBACTORS_HOST=0.0.0.0 \
    IBACTORS_LOG_FORMAT=json \
    PORT=8000
USER 10001:10001
WORKDIR /var/lib/ibactors
VOLUME /var/lib/ibactors
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s --retries=3 CMD ["ibactors", "health", "--live"]
ENTRYPOINT ["ibactors"]
CMD ["serve"]


FROM ${BASE_IMAGE} AS gateway-files
ARG CHANNEL=stable
ARG GATEWAY_VERSION=${CHANNEL}
ARG GATEWAY_URL=https://download2.interactivebrokers.com/installers/ibgateway/${CHANNEL}-standalone/ibgateway-${CHANNEL}-standalone-linux-x64.sh
ARG GATEWAY_SHA256=
ARG IBC_URL=
ARG IBC_SHA256=
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN apt-get update --quiet --quiet \
 && apt-get install --yes --quiet --quiet --no-install-recommends ca-certificates curl unzip >/dev/null \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /tmp/install
COPY image/ibc.txt image/install-ibc image/install-gateway ./
RUN ./install-ibc /opt/ibc
RUN ./install-gateway "/opt/Jts/ibgateway/${GATEWAY_VERSION}"


FROM api AS gateway
ARG CHANNEL=stable
ARG GATEWAY_VERSION=${CHANNEL}
LABEL org.opencontainers.image.description="Interactive Brokers behind REST and WebSocket, with IB Gateway inside" \
      org.opencontainers.image.licenses="MIT AND GPL-3.0-or-later AND LicenseRef-IB-Gateway" \
      ibactors.gateway.channel="${CHANNEL}" \
      ibactors.gateway.version="${GATEWAY_VERSION}"
USER root
# The gateway is a desktop program: an X server without a screen, fonts, and the libraries of Java's windows.
RUN apt-get update --quiet --quiet \
 && apt-get install --yes --quiet --quiet --no-install-recommends \
      fontconfig fonts-dejavu-core libxi6 libxrender1 libxtst6 x11vnc xvfb >/dev/null \
 && rm -rf /var/lib/apt/lists/*
COPY --from=gateway-files /opt/ibc /opt/ibc
COPY --from=gateway-files /opt/Jts /opt/Jts
# Where the installer puts the Java that it brings; the gateway's own files name the place.
COPY --from=gateway-files /usr/local/i4j_jres /usr/local/i4j_jres
ENV IBACTORS_GATEWAY=managed \
    IBACTORS_GATEWAY_VERSION=${GATEWAY_VERSION} \
    IBACTORS_STATE_PATH=/var/lib/ibactors
USER 10001:10001
# A login in progress is closed down with the gateway, which may take its time.
STOPSIGNAL SIGTERM
