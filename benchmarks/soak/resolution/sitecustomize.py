"""Python imports this at the start of each process of the server: addresses are looked up at the stage's name server.

A name server's port can't stand in resolv.conf(5), and the machine's own file is not ours to change.
"""

import os

from routing.dns.addresses import AddressResolver

defaults = AddressResolver.__init__.__kwdefaults__
assert defaults is not None
defaults.update(resolv_conf=os.environ["SOAK_RESOLV_CONF"], port=int(os.environ["SOAK_DNS_PORT"]))
