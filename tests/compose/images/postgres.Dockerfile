# In place of Docker Hub's PostgreSQL: Debian's, with folders and a start as that image has them.
ARG BASE
FROM ${BASE}
COPY postgres-entrypoint /usr/local/bin/
RUN install -d -o postgres -g postgres -m 3777 /var/run/postgresql \
    && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["postgres-entrypoint"]
CMD ["postgres"]
