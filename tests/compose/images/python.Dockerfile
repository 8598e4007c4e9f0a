# What the facade's image is made from, in place of Docker Hub's: Debian's Python.
ARG BASE
FROM ${BASE}
COPY wheels /wheels
RUN ln -s python3 /usr/bin/python && printf '[global]\nno-index = true\nfind-links = /wheels\n' >/etc/pip.conf
CMD ["python3"]
