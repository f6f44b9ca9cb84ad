# The binary alone: to copy into an image of your own, or to plan with. It runs no tests, as there is nothing to run them with.
#
#   docker build --tag shard .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/work" shard plan tests.txt --shards 4
#   COPY --from=shard /shard /usr/local/bin/shard

# Alpine's own target is musl, so that the binary is static. It has a C compiler, for SQLite, zstd and the cryptography.
FROM docker.io/library/rust:1.95.0-alpine3.23@sha256:606fd313a0f49743ee2a7bd49a0914bab7deedb12791f3a846a34a4711db7ed2 AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --features github,pymon,remote \
 && mkdir -p /out/etc/ssl/certs /out/work \
 && chmod 1777 /out/work \
 && cp target/release/shard LICENSE-APACHE LICENSE-MIT /out/ \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/

FROM scratch
COPY --from=build /out/ /
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/shard"]
