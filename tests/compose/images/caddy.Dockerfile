# In place of Docker Hub's Caddy: the same program, with the same capability.
ARG BASE
FROM ${BASE}
COPY caddy /usr/bin/caddy
RUN chmod 755 /usr/bin/caddy && setcap cap_net_bind_service=+ep /usr/bin/caddy
CMD ["caddy", "run"]
