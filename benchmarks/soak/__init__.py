"""make soak: one tenant and strangers attack the real server, while another tenant's pulls, sign-in and admin go on.

Everything is a process of its own on loopback: the server (`stage.py`, two workers), the registry of the innocent
(`registry.py`), the registries, name server and mail server of the hostile (`hostile.py`), the attacks (`attacks.py`,
run by `attackers.py`) and the innocent's traffic, which measures (`innocent.py`). `run.py` starts them, watches the
workers (`workers.py`), and judges (`report.py`).

What attacks has a low priority (nice 10) and a fixed rate: it attacks the design, not the machine's two cores.
"""
