# The server without root; settings are environment variables (docker-compose.yml, `masthead --help`).

FROM rust:1.95-slim-bookworm AS build
# The image has the toolchain of rust-toolchain.toml, without the components that only development needs.
ENV RUSTUP_TOOLCHAIN=1.95.0 SQLX_OFFLINE=true
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --profile dist --package masthead --bin masthead \
    && cp target/dist/masthead /masthead

FROM debian:bookworm-slim
# The certificate authorities for https key sets and providers.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /masthead /usr/local/bin/masthead
USER 65534:65534
# The operations port (/metrics and the details of /health) is for the network of the containers: do not publish it.
ENV MASTHEAD__HTTP__LISTEN=0.0.0.0:8080 MASTHEAD__METRICS__LISTEN=0.0.0.0:9090 MASTHEAD__LOG__FORMAT=json
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
# Liveness only: a database that is down must not restart the server.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["masthead", "health", "--live"]
ENTRYPOINT ["/usr/local/bin/masthead"]
CMD ["serve"]
