# The server alone, without root: settings come from the environment (see docker-compose.yml, `masthead --help`).

FROM rust:1.95-slim-bookworm AS build
# The image's own toolchain is the one of rust-toolchain.toml, without the components that only development needs.
ENV RUSTUP_TOOLCHAIN=1.95.0 SQLX_OFFLINE=true
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --profile dist --package masthead --bin masthead \
    && cp target/dist/masthead /masthead

FROM debian:bookworm-slim
# The authorities that an https key set or provider is checked against.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /masthead /usr/local/bin/masthead
USER 65534:65534
ENV MASTHEAD__HTTP__LISTEN=0.0.0.0:8080 MASTHEAD__LOG__FORMAT=json
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/masthead"]
CMD ["serve"]
