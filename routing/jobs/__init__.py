"""Jobs: what is done beside requests, in the database, on SQLite and PostgreSQL alike.

A job is begun by whoever holds its lease. A lease ends by itself, so that what a killed process had begun is done by
another one. What a job does may therefore be done twice, and has to bear that. No two jobs are about the same thing.

A job has three steps. `begin` reads what is needed, `ask` waits for other machines, `settle` writes what was found.
Only the first and the last touch the database, and neither waits: whoever waits holds no connection to it.

Places are shared fairly, as in `dns.shares`: of those of a lane one share (a tenant, or the platform) holds some at
most, and those who wait are served share by share in turn.
"""
