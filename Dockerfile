# syntax=docker/dockerfile:1
#
# The image of Proffer: docker build -t proffer:0.1.0 .
#
# Targets: `serve` (the default) and `train`, which differ in their command and health check only.
# What is written goes to /data (the store, unless it is on a server) and /releases; everything else can be read-only.

# Builder and runtime are both Debian 12, so that the C library of one is that of the other.
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/source/target,sharing=locked \
    cargo build --profile dist --locked --bin proffer \
    && install -D target/dist/proffer /image/bin/proffer \
    && install -D -m 644 -t /image/licences LICENSE-APACHE LICENSE-MIT demo/README.md \
    && mkdir -p /image/state/data /image/state/releases

# The binary needs the C and C++ libraries and, for TLS, certificates; this image holds them and no shell.
FROM gcr.io/distroless/cc-debian12:nonroot AS runtime
COPY --from=build /image/bin/proffer /usr/local/bin/proffer
COPY --from=build /image/licences /usr/share/doc/proffer
COPY --from=build --chown=65532:65532 /image/state/ /
ENV PROFFER__LOG__FORMAT=json \
    PROFFER__SERVER__LISTEN=0.0.0.0:8080 \
    PROFFER__STORE__PATH=/data/proffer.db \
    PROFFER__RELEASES__DIR=/releases
WORKDIR /data
VOLUME ["/data", "/releases"]
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/proffer"]
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="Proffer" \
      org.opencontainers.image.description="Trains on purchase history, then decides, explains and proves the next best thing to offer." \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

FROM runtime AS train
HEALTHCHECK NONE
CMD ["train", "--help"]

FROM runtime AS serve
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/proffer", "health"]
CMD ["serve"]
