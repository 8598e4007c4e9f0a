"""Every environment variable of the facade, declared once. To add one, declare it here and run `scripts/variables`.

Each is a Django setting of the same name. `.env.example`, the compose file and `docs/reference/settings.md` follow.
"""

from facade_site import environment, plain
from facade_site.declarations import Declarations
from facade_site.log_formats import LOG_FORMATS
from routing.core.grammar.hosts import normalise_hostname, normalise_served_name, parse_authority
from routing.core.grammar.proxies import parse_proxy
from routing.core.grammar.public_addresses import parse_public_address
from routing.core.grammar.user_agents import parse_clients
from routing.dns.name_servers import parse_name_server


def _check_role(text: str) -> None:
    if text not in ROLES:
        raise ValueError(f"there is no role {text!r}")


#: Who can be required to have a second factor.
ROLES = ("platform", "owner", "operator", "viewer")

env = environment.load()
declare = Declarations(env.ENVIRON)

declare.group("Serving")
BIND = declare.text(
    "BIND",
    "127.0.0.1",
    "Where gunicorn listens. An IPv6 address is written in brackets. `make run` listens on this machine only: what is "
    "reached from elsewhere needs TLS in front (see docs/how-to/going-live.md). In the container this is 0.0.0.0, and "
    "with `docker compose up` BIND and PORT say where the container's port is published.",
    compose=None,
)
PORT = declare.whole("PORT", 8000, "The port on which gunicorn listens. 0: any free one.", most=65535, compose=None)
FACADE_SOCKET = declare.socket_path(
    "FACADE_SOCKET",
    "A Unix socket on which gunicorn listens as well, such as /run/facade/app.sock, for a proxy on this machine. "
    "Whoever may connect to it is trusted as FACADE_TRUSTED_PROXIES are: let its folder be the proxy's alone.",
    compose="${FACADE_SOCKET:-/run/facade/app.sock}",
)
WEB_CONCURRENCY = declare.whole(
    "WEB_CONCURRENCY", 2, "Worker processes. Each holds the whole routing table in memory.", least=1
)
FACADE_CONTROL_WORKERS = declare.whole(
    "FACADE_CONTROL_WORKERS",
    1,
    "Processes beside them that answer the pages and the API on control hosts, so that no page keeps a registry client "
    "waiting. 0: the workers do that themselves.",
    most=64,
)

FACADE_TLS_CERTIFICATES = declare.text(
    "FACADE_TLS_CERTIFICATES",
    "",
    "A folder of certificates, kept by an ACME client, with which the workers end TLS themselves on FACADE_TLS_PORT: "
    "see docs/how-to/tls-in-the-workers.md. None: whatever stands in front ends TLS.",
)
FACADE_TLS_PORT = declare.whole(
    "FACADE_TLS_PORT",
    8443,
    "The port on which the workers end TLS, where FACADE_TLS_CERTIFICATES says that they do. 0: any free one.",
    most=65535,
)

declare.group("One container, two variables")
REGISTRY_HOST = declare.checked(
    "REGISTRY_HOST",
    "The registry of the one organisation that this container serves, such as docker.io. It is for a container of its "
    "own, without other tenants: every name that leads here is answered. See docs/how-to/plain-container.md. "
    "None: hostnames and mappings are what the database says.",
    what="a registry's host, such as docker.io",
    check=plain.check_registry,
    compose=None,
)
REGISTRY_ORG = declare.checked(
    "REGISTRY_ORG",
    "The organisation at that registry, such as acme: acme/… is served, and nothing else. None: all of the registry.",
    what="an organisation at a registry, such as acme",
    check=plain.check_organisation,
    compose=None,
)
FACADE_HOSTNAME = declare.checked(
    "FACADE_HOSTNAME",
    "The one name on which REGISTRY_HOST is served. None: whichever name leads here.",
    what="a hostname, such as docker.acme.com",
    check=normalise_served_name,
    compose=None,
)

declare.group("The facade")
FACADE_CONTROL_HOSTS = declare.names(
    "FACADE_CONTROL_HOSTS",
    ["localhost", "127.0.0.1", "[::1]"],
    "Names on which the admin and the health checks answer, separated by commas, without ports. The admin is never "
    "served on a hostname that people pull from, unless that name is listed here too.",
    what="hosts without scheme",
    check=parse_authority,
)
FACADE_ADDRESSES = declare.names(
    "FACADE_ADDRESSES",
    [],
    "Where clients reach this facade, separated by commas: its public IPv4 and IPv6 addresses, a host name that leads "
    "to them, or both. Pages and commands tell owners of hostnames to set their DNS records to these, and checks "
    "compare with them. None: the first of FACADE_CONTROL_HOSTS that is a public name, with the addresses that the DNS "
    "has for it.",
    what="IP addresses and host names",
    check=parse_public_address,
)
FACADE_TRUSTED_PROXIES = declare.names(
    "FACADE_TRUSTED_PROXIES",
    [],
    "Proxies in front of the facade (addresses or networks, separated by commas) whose word is believed on how a "
    "client came: X-Forwarded-Proto, -Host and -For, Forwarded, PROXY headers. Nobody else's is. The word gateway "
    "stands for this machine's default gateway: that is how a container sees a proxy on its host. With REGISTRY_HOST, "
    "the word private stands for every address that is not routed in the internet: platforms' proxies have such.",
    what="addresses, networks or gateway",
    check=parse_proxy,
)
FACADE_ALLOW_INSECURE_REGISTRIES = declare.switch(
    "FACADE_ALLOW_INSECURE_REGISTRIES",
    False,
    "Allow registries by http://. Content and tokens would travel in the clear.",
)
FACADE_ALLOW_PRIVATE_REGISTRIES = declare.switch(
    "FACADE_ALLOW_PRIVATE_REGISTRIES",
    False,
    "Allow registries on private and loopback addresses. Whoever may add mappings could then look into your network.",
)
FACADE_REDIRECT_MAX_AGE_SECONDS = declare.whole(
    "FACADE_REDIRECT_MAX_AGE_SECONDS",
    0,
    "How many seconds a client may remember a redirect. 0: not at all, so that a repoint is seen by the next request.",
)
FACADE_FORMER_TARGET_SECONDS = declare.whole(
    "FACADE_FORMER_TARGET_SECONDS",
    600,
    "For how many seconds after a repoint content that is missing at the new target is asked for at the former one, so "
    "that pulls that began there can finish. 0: not at all.",
    most=86_400,
)
FACADE_WATCH_SECONDS = declare.whole(
    "FACADE_WATCH_SECONDS",
    604_800,
    "For how many seconds after a repoint the former target goes on being compared with the new one, where "
    "FACADE_FORMER_TARGET_SECONDS isn't 0. 0: not at all.",
    most=7_776_000,
)
FACADE_WATCH_EVERY_SECONDS = declare.whole(
    "FACADE_WATCH_EVERY_SECONDS",
    3600,
    "How often, in seconds, that is done.",
    least=60,
    most=86_400,
)
FACADE_STANDBY_PROBE_SECONDS = declare.whole(
    "FACADE_STANDBY_PROBE_SECONDS",
    10,
    "How often, in seconds, registries are asked whether they answer, of mappings that have a standby.",
    least=1,
    most=3600,
)
FACADE_STANDBY_COMPARE_SECONDS = declare.whole(
    "FACADE_STANDBY_COMPARE_SECONDS",
    86_400,
    "How often, in seconds, a mapping's standby is compared with its target; where they differ, every "
    "FACADE_WATCH_EVERY_SECONDS.",
    least=60,
    most=604_800,
)
FACADE_STANDBY_FAILURES = declare.whole(
    "FACADE_STANDBY_FAILURES",
    3,
    "So many times in a row a registry does not answer before its mappings are led to their standbys.",
    least=2,
    most=100,
)
FACADE_MAX_SELF_TESTS_PER_DAY = declare.whole(
    "FACADE_MAX_SELF_TESTS_PER_DAY",
    240,
    "So many times a day the hostnames of one tenant are tested by themselves, all of them together: one that is "
    "tested every hour counts for 24. Operators of the platform may set more. 0: none.",
    most=100_000,
)
FACADE_BADGE_LEAST_PULLS = declare.whole(
    "FACADE_BADGE_LEAST_PULLS",
    10,
    "Badges tell no number of pulls below this one: they say that it is fewer.",
    least=1,
    most=1_000_000,
)
FACADE_STEP_LOOK_SECONDS = declare.whole(
    "FACADE_STEP_LOOK_SECONDS",
    3,
    "How often, in seconds, the health gate looks at a change set that is applied in steps.",
    least=1,
    most=60,
)
FACADE_STEP_FAILURES = declare.whole(
    "FACADE_STEP_FAILURES",
    10,
    "So many requests at least have to be refused, or to fail, since a step before that counts against it.",
    least=1,
    most=100_000,
)
FACADE_STEP_FAILURES_PERCENT = declare.whole(
    "FACADE_STEP_FAILURES_PERCENT",
    5,
    "And so many more of a hundred requests than before, of the same repositories.",
    least=1,
    most=100,
)
FACADE_STEP_SAMPLE_FAILURES = declare.whole(
    "FACADE_STEP_SAMPLE_FAILURES",
    2,
    "So many of the images that were pulled lately have to be missing where a step leads, of those that are asked for "
    "at a time. Where fewer are asked for: all of them.",
    least=1,
    most=8,
)
FACADE_REMEMBERED_ANSWERS_BYTES = declare.whole(
    "FACADE_REMEMBERED_ANSWERS_BYTES",
    64 * 1024 * 1024,
    "How much memory, in bytes, each worker may use to remember its answers instead of working them out again. "
    "0: none.",
)
FACADE_CLIENTS = declare.names(
    "FACADE_CLIENTS",
    [],
    "What registry clients can, where docs/reference/clients.md says it wrongly of one. Separated by commas, each a "
    "product of User-Agent, its lowest and highest version where that matters, and what it brings to where a "
    "redirect leads it: nothing, anonymous (a token that anybody gets), credentials (the user's, to any host) or "
    "docker-ping (the same, but only to where its ping ended); with +push where it can also push so. "
    "What is built in about that product counts no longer. Such as: podman>=6:anonymous,"
    "containerd<=2.1:credentials+push,buildkit:nothing",
    what="clients and what they can",
    check=lambda text: parse_clients([text]),
)
SSL_CERT_FILE = declare.text(
    "SSL_CERT_FILE",
    "",
    "Authorities whose certificates registries may have, in place of the system's: a file of certificates, such as "
    "/etc/ssl/certs/ca-certificates.crt.",
    by_file=False,
)
SSL_CERT_DIR = declare.text("SSL_CERT_DIR", "", "The same, as a folder of files.", by_file=False)
FACADE_CONNECT_SECONDS = declare.seconds(
    "FACADE_CONNECT_SECONDS", 3.0, "The deadline for a connection to a backing registry."
)
FACADE_RELAY_SECONDS = declare.seconds(
    "FACADE_RELAY_SECONDS", 15.0, "The deadline for a whole relayed answer of a backing registry."
)
FACADE_PUBLIC_PORT = declare.whole(
    "FACADE_PUBLIC_PORT",
    443,
    "The port that printed pull commands name: where TLS ends.",
    least=1,
    most=65535,
)
FACADE_LOOPBACK_PORT = declare.whole(
    "FACADE_LOOPBACK_PORT",
    PORT,
    "The port that printed pull commands name on loopback names, which are reached without TLS. None: PORT.",
    least=1,
    most=65535,
    shown="PORT",
    # The port that is published, not the container's own.
    compose="${PORT:-8000}",
)
FACADE_MAX_CONNECTIONS = declare.whole(
    "FACADE_MAX_CONNECTIONS",
    4096,
    "Connections of clients that each worker keeps open at once; one more is closed. Each takes 170 KiB at worst, and "
    "a file descriptor: the soft limit on open files is raised as far as the hard one lets it.",
    least=1,
)
FACADE_MAX_CONNECTIONS_PER_ADDRESS = declare.whole(
    "FACADE_MAX_CONNECTIONS_PER_ADDRESS",
    1024,
    "Of these connections, how many one address may have, of IPv6 a whole /64: at most half. One more is closed. "
    "Proxies in FACADE_TRUSTED_PROXIES may have all: how many each of their clients has is theirs to bound.",
    least=1,
)
FACADE_MAX_RELAYS = declare.whole(
    "FACADE_MAX_RELAYS", 512, "Relays at once, in one worker. Over it clients are told to come back (429)."
)
FACADE_MAX_RELAYS_PER_TENANT = declare.whole(
    "FACADE_MAX_RELAYS_PER_TENANT", 256, "Relays at once for one tenant in one worker. Over it: 429."
)
FACADE_MAX_RELAYS_PER_REGISTRY = declare.whole(
    "FACADE_MAX_RELAYS_PER_REGISTRY",
    256,
    "Of the relays at once, how many may be at one registry: one that hangs must not take the others' places. More "
    "wait for FACADE_CONNECT_SECONDS, then they are told so (504).",
    least=1,
)
FACADE_MAX_RELAYED_BYTES = declare.whole(
    "FACADE_MAX_RELAYED_BYTES",
    256 * 1024**2,
    "How many bytes of registries' answers one worker keeps in memory until clients have taken them. A layer that is "
    "passed through counts as 512 KiB. Over it clients are told to come back (429).",
    least=1,
)
FACADE_MAX_RELAYED_BYTES_PER_TENANT = declare.whole(
    "FACADE_MAX_RELAYED_BYTES_PER_TENANT",
    128 * 1024**2,
    "The same for one tenant in one worker. Over it: 429.",
    least=1,
)
FACADE_RATE_LIMIT_SHARE_PERCENT = declare.whole(
    "FACADE_RATE_LIMIT_SHARE_PERCENT",
    50,
    "Of the manifests that a registry allows the facade's address (Docker Hub: 100 in six hours, and it says so), how "
    "many percent one tenant may have relayed without an account. Over it: 429. 100: all.",
    least=1,
)
FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR = declare.whole(
    "FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR",
    30_000,
    "Where a registry doesn't say what it allows: manifests that one tenant may have relayed from it in an hour "
    "without an account. Over it: 429.",
    least=1,
)
FACADE_MANIFEST_STORE_BYTES = declare.whole(
    "FACADE_MANIFEST_STORE_BYTES",
    256 * 1024**2,
    "How many bytes of public manifests the facade remembers in the state folder, for all workers of a machine, so "
    "that they cost the registry nothing. It keeps only what it fetched itself, with nobody's credentials. One "
    "tenant's may be half of it, and 256 MiB of the disk stay free. 0: none, so that each is asked for with its "
    "caller's token.",
)
FACADE_PUBLIC_SECONDS = declare.seconds(
    "FACADE_PUBLIC_SECONDS",
    600.0,
    "For how many seconds a manifest that everybody could read counts as public, unless its repository refuses the "
    "facade before. While one is in use the registry is asked again in time.",
)
FACADE_TAG_SECONDS = declare.whole(
    "FACADE_TAG_SECONDS",
    5,
    "For how many seconds what a registry said of a tag is good for others who ask. 0: each asks, but for those who "
    "come while it is being asked.",
)
FACADE_STALE_SECONDS = declare.whole(
    "FACADE_STALE_SECONDS",
    3600,
    "For how many seconds remembered manifests are given while their registry can't answer (429, 5xx, no connection). "
    "0: not at all.",
)
FACADE_MAX_HOSTNAMES_PER_TENANT = declare.whole(
    "FACADE_MAX_HOSTNAMES_PER_TENANT", 50, "Hostnames that one tenant may have, where its record says nothing else."
)
FACADE_MAX_MAPPINGS_PER_TENANT = declare.whole(
    "FACADE_MAX_MAPPINGS_PER_TENANT", 10_000, "Mappings that one tenant may have, where its record says nothing else."
)
FACADE_MAX_REGISTRIES_PER_TENANT = declare.whole(
    "FACADE_MAX_REGISTRIES_PER_TENANT",
    200,
    "Registries of its own that one tenant may have, where its record says nothing else.",
)
FACADE_MAX_MEMBERS_PER_TENANT = declare.whole(
    "FACADE_MAX_MEMBERS_PER_TENANT",
    500,
    "Members and open invitations that one tenant may have, where its record says nothing else.",
)
FACADE_MAX_HISTORY_PER_TENANT = declare.whole(
    "FACADE_MAX_HISTORY_PER_TENANT",
    100_000,
    "How many entries of its history one tenant keeps, of its mappings, hostnames, registries and members each: the "
    "newest. What is thrown away was logged when it happened.",
    least=100,
)
FACADE_STATISTICS_DAYS = declare.whole(
    "FACADE_STATISTICS_DAYS",
    400,
    "For how many days numbers of pulls are kept, by day; those by hour are kept for a week at most. No address, name "
    "or token of who pulls is among them. 0: nothing is counted, and what was is thrown away.",
    most=4000,
)
FACADE_STATISTICS_ROWS = declare.whole(
    "FACADE_STATISTICS_ROWS",
    1000,
    "How many rows of such numbers a hostname may have in one hour, and in one day: one for each repository, client "
    "and target. A tenant may have ten times as many. What is new beyond that is counted together, as others.",
    least=10,
    most=100_000,
)
FACADE_MAX_STREAMED_BYTES_PER_TENANT = declare.whole(
    "FACADE_MAX_STREAMED_BYTES_PER_TENANT",
    100 * 1024**3,
    "How many bytes of layers may pass through the facade (where a registry's streaming switch is on) for one tenant "
    "in a calendar month (UTC), where its own record says nothing else. The default is 100 GiB. 0: none. Over it the "
    "facade passes nothing more through for that tenant until the month is over; redirects go on.",
)
FACADE_MAX_CHECKS = declare.whole(
    "FACADE_MAX_CHECKS",
    16,
    "How many registries are probed at once, and how many proofs of hostnames looked up, on all servers together. Who "
    "waits for more than that is told to come back (429).",
    least=2,
)
FACADE_MAX_CHECKS_PER_TENANT = declare.whole(
    "FACADE_MAX_CHECKS_PER_TENANT", 4, "How many of these may be one tenant's.", least=1
)
FACADE_MAX_CHECKS_PER_MINUTE = declare.whole(
    "FACADE_MAX_CHECKS_PER_MINUTE",
    60,
    "How many checks (probes and look-ups of proofs) the people of one tenant may ask for in a minute, and one "
    "operator of the platform. Over it: 429.",
    least=1,
)
FACADE_MAX_CHANGES_PER_MINUTE = declare.whole(
    "FACADE_MAX_CHANGES_PER_MINUTE",
    600,
    "How many changes one person may make in a minute, whether in the admin or by the API. Over it: 429. Commands, and "
    "operators of the platform, have no such limit.",
    least=1,
)
FACADE_DNS_SERVERS = declare.names(
    "FACADE_DNS_SERVERS",
    [],
    "Recursive name servers that are asked for the TXT records with which tenants prove their hostnames, as ADDRESS or "
    "ADDRESS:PORT, separated by commas; best are some that validate DNSSEC. None: the system's.",
    what="addresses of name servers",
    check=parse_name_server,
)
FACADE_DNS_SECONDS = declare.seconds("FACADE_DNS_SECONDS", 5.0, "The deadline for one such look-up.")
FACADE_PROOF_SECONDS = declare.seconds(
    "FACADE_PROOF_SECONDS",
    86_400.0,
    "After how many seconds a hostname's proof is looked up again. The default is a day.",
)
FACADE_PROOF_GRACE_SECONDS = declare.seconds(
    "FACADE_PROOF_GRACE_SECONDS",
    7 * 86_400.0,
    "For how many seconds a hostname's proof may be missing until the hostname is withdrawn. The default is seven "
    "days. Name servers that don't answer never count as a missing proof.",
)
FACADE_PLATFORM_DOMAINS = declare.names(
    "FACADE_PLATFORM_DOMAINS",
    [],
    "Domains of the platform itself, separated by commas: no tenant may claim a hostname at or below one. None: the "
    "registrable domains of FACADE_CONTROL_HOSTS (example.com for facade.example.com).",
    what="domains",
    check=normalise_hostname,
)
FACADE_PROBE_ON_SAVE = declare.switch(
    "FACADE_PROBE_ON_SAVE", True, "Whether a new mapping's registry is asked at once what it wants of its clients."
)
FACADE_PROBE_SECONDS = declare.seconds(
    "FACADE_PROBE_SECONDS", 3600.0, "After how many seconds a registry in use is asked again."
)
FACADE_VERIFY_ON_REPOINT = declare.switch(
    "FACADE_VERIFY_ON_REPOINT",
    True,
    "Whether a sample of images is compared before a mapping is repointed, by the command and in the admin.",
)
FACADE_SNAPSHOT_SECONDS = declare.seconds(
    "FACADE_SNAPSHOT_SECONDS",
    5.0,
    "At most how often, in seconds, the routing table is written to a file in the state folder, from which a server "
    "that starts while the database is gone serves.",
)
FACADE_MAX_CHANGE_SHARE = declare.whole(
    "FACADE_MAX_CHANGE_SHARE",
    33,
    "How many percent of all hostnames, and a hundred at least, may be gone or lead elsewhere with what comes at once. "
    "More is not served before somebody confirms it: facade confirm. 0: all is served.",
    most=100,
)
FACADE_TABLE_CHECK_SECONDS = declare.seconds(
    "FACADE_TABLE_CHECK_SECONDS",
    300.0,
    "How often, in seconds, all rows of the routing table are read, for every worker and the snapshot to be compared "
    "with. What differs is loaded anew and counted. Of several servers on one database, one reads them.",
)
FACADE_MAINTAIN = declare.choice(
    "FACADE_MAINTAIN",
    "true",
    "Whether the server starts `manage.py maintain` beside its workers: probes, proofs and notices are its work. Of "
    "several servers on one database one is enough; those that do it share the work. false: nothing but the "
    "snapshot of this machine, and the gate. elsewhere: not even that, because `manage.py maintain` runs beside it "
    "with the same state folder, as in the compose file.",
    ("true", "false", "elsewhere"),
    compose="${FACADE_MAINTAIN:-elsewhere}",
)
FACADE_POLL_SECONDS = declare.seconds(
    "FACADE_POLL_SECONDS", 0.25, "How often, in seconds, each worker looks for changes of the routing table."
)
FACADE_METRICS_TOKEN = declare.text(
    "FACADE_METRICS_TOKEN",
    "",
    "Who sends this token (Authorization: Bearer) may read /metrics. None: programs on this machine may, without one, "
    "that ask directly and not by a proxy.",
    secret=True,
)
FACADE_ABUSE_CONTACT = declare.text(
    "FACADE_ABUSE_CONTACT",
    "",
    "Where people report abuse, an e-mail address or the address of a page: shown on /abuse, which everybody can read.",
)

declare.group("Certificates")
FACADE_GATE_BIND = declare.listener(
    "FACADE_GATE_BIND",
    "Where the edge in front of the facade asks whether it may get a certificate for a name (Caddy's on-demand TLS, "
    "permission http): 127.0.0.1:8001, say, or unix:/run/facade/gate.sock. Clients must not reach it. None: nothing "
    "listens.",
    compose="${FACADE_GATE_BIND:-unix:/run/facade/gate.sock}",
)
FACADE_ACME_EMAIL = declare.text(
    "FACADE_ACME_EMAIL",
    "",
    "An e-mail address that the edge (deploy/caddy/Caddyfile) gives to the certificate authority, which writes to "
    "it when something is wrong. internal: Caddy's own authority, for networks that no public one reaches. The "
    "facade doesn't read it.",
    compose=None,
    by_file=False,
)
FACADE_MAX_CERTIFICATES_PER_TENANT = declare.whole(
    "FACADE_MAX_CERTIFICATES_PER_TENANT",
    50,
    "For how many new names of one tenant the edge may get certificates within 24 hours; names below a wildcard get "
    "half of it. Names that had one before are not counted.",
)
FACADE_MAX_CERTIFICATES_PER_DOMAIN = declare.whole(
    "FACADE_MAX_CERTIFICATES_PER_DOMAIN",
    100,
    "The same for new names below one registrable domain (acme.com), whoever's they are.",
)

declare.group("Sign-in and mail")
FACADE_TLS = declare.switch(
    "FACADE_TLS",
    True,
    "Whether browsers reach FACADE_CONTROL_HOSTS by HTTPS. Then plain HTTP is sent on to HTTPS, except on loopback "
    "names (http://localhost:8000), and cookies are Secure. false: plain HTTP everywhere, with passwords in the clear.",
)
FACADE_HSTS_SECONDS = declare.whole(
    "FACADE_HSTS_SECONDS",
    31_536_000,
    "For how many seconds browsers remember to come by HTTPS only (HSTS). Not sent over plain HTTP. 0: not at all.",
)
FACADE_MFA_REQUIRED_FOR = declare.names(
    "FACADE_MFA_REQUIRED_FOR",
    [],
    "Roles whose bearers must set up a second factor: platform, owner, operator, viewer, separated by commas.",
    what=f"any of {', '.join(ROLES)}",
    check=_check_role,
)
EMAIL_URL = declare.url(
    "EMAIL_URL",
    ("smtp", "smtp+tls", "smtp+ssl", "smtps", "consolemail", "filemail", "dummymail"),
    "Mail: smtp+tls://user:password@mail.example.com:587 (also smtp:// and smtp+ssl://). Invitations and forgotten "
    "passwords go by it. Without it nothing is sent: an invitation's link is shown once to who invites, to be handed "
    "on. consolemail:// prints mails, with the links that let people in, to the server's log: for trying out only.",
)
FACADE_MAIL_FROM = declare.text("FACADE_MAIL_FROM", "registry-facade@localhost", "The sender of these mails.")
FACADE_OIDC_ISSUER = declare.text(
    "FACADE_OIDC_ISSUER",
    "",
    "Sign-in by an OpenID Connect provider: its issuer. Its redirect address is "
    "https://CONTROL-HOST/accounts/oidc/sso/login/callback/ See docs/how-to/sign-in.md.",
)
FACADE_OIDC_CLIENT_ID = declare.text("FACADE_OIDC_CLIENT_ID", "", "The facade's client id there.")
FACADE_OIDC_CLIENT_SECRET = declare.text("FACADE_OIDC_CLIENT_SECRET", "", "The secret of that client.", secret=True)
FACADE_OIDC_NAME = declare.text("FACADE_OIDC_NAME", "single sign-on", "What the button for this sign-in says.")
FACADE_OIDC_SCOPES = declare.names(
    "FACADE_OIDC_SCOPES", ["openid", "profile", "email"], "What the provider is asked for, separated by commas."
)
FACADE_OIDC_CLAIM = declare.text(
    "FACADE_OIDC_CLAIM", "groups", "The claim that gives roles: a name, or a path such as realm_access.roles."
)
FACADE_OIDC_ROLES = declare.names(
    "FACADE_OIDC_ROLES",
    [],
    "What each of the claim's values gives, separated by commas: acme-admins=acme:owner makes members of acme-admins "
    "owners of the tenant acme; sre=*:platform makes members of sre operators of the platform.",
)
FACADE_OIDC_ROLE_SECONDS = declare.seconds(
    "FACADE_OIDC_ROLE_SECONDS",
    86_400.0,
    "For how many seconds such a role counts without a new sign-in by the provider, also for API tokens. With more, "
    "pipelines go on whose person stays away, and so do the tokens of somebody who has left the group.",
)

declare.group("Data")
DATABASE_URL = declare.url(
    "DATABASE_URL",
    ("sqlite", "postgres", "postgresql", "psql", "pgsql"),
    "sqlite:////absolute/path or postgres://user:password@host:5432/name (postgres://user@/name?host=/folder for a "
    "socket). None: SQLite, facade.sqlite3 in the state folder.",
    compose="${DATABASE_URL:-postgres://facade@/facade?host=/var/run/postgresql}",
)
FACADE_LISTEN_DATABASE_URL = declare.url(
    "FACADE_LISTEN_DATABASE_URL",
    ("postgres", "postgresql"),
    "Where DATABASE_URL leads to a pooler such as PgBouncer: the PostgreSQL server itself, which each worker listens "
    "to by one connection. None: behind a pooler changes are looked for every FACADE_POLL_SECONDS.",
)
FACADE_LOCK_SECONDS = declare.seconds(
    "FACADE_LOCK_SECONDS",
    10.0,
    "How long a change waits, in seconds, for another one that holds the database. Then it is refused, and told so.",
)
FACADE_IDLE_TRANSACTION_SECONDS = declare.seconds(
    "FACADE_IDLE_TRANSACTION_SECONDS",
    30.0,
    "After how many seconds PostgreSQL ends a connection of the facade's that has begun a change and does nothing, "
    "such as that of a process that was stopped: nobody else can change anything meanwhile.",
)
# Read by environment.state_dir, because var/run.env is looked for there.
FACADE_STATE_DIR = declare.text(
    "FACADE_STATE_DIR",
    "",
    "The folder for what the facade keeps itself: the SQLite database and the generated key. None: var/ "
    "A relative one is below the project's folder.",
    compose=None,
    by_file=False,
)
SECRET_KEY = declare.text(
    "SECRET_KEY",
    "",
    "Signs sessions. None: made on the first run and kept in the state folder. Processes that share a database need "
    "the same one.",
    secret=True,
)
SECRET_KEY_FALLBACKS = declare.names(
    "SECRET_KEY_FALLBACKS",
    [],
    "Former keys, separated by commas: what was encrypted or signed under one is still read. `manage.py rotate_keys` "
    "encrypts it under SECRET_KEY.",
    secret=True,
)
FACADE_BACKUP_PASSPHRASE = declare.text(
    "FACADE_BACKUP_PASSPHRASE",
    "",
    "The passphrase under which `manage.py backup` encrypts, and with which `manage.py restore` reads.",
    secret=True,
)

declare.group("Looking inside")
LOG_LEVEL = declare.choice(
    "LOG_LEVEL",
    "INFO",
    "From which level on log lines are written. DEBUG also writes what the server tells of its processes.",
    ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
)
FACADE_LOG_FORMAT = declare.choice(
    "FACADE_LOG_FORMAT",
    "line",
    "How log lines are written: “line” for people, “json” for programs that collect logs (one object a line).",
    tuple(LOG_FORMATS),
)
FACADE_ACCESS_LOG = declare.switch(
    "FACADE_ACCESS_LOG",
    False,
    "Whether each request makes a line on stdout, in the form of FACADE_LOG_FORMAT: time, method, path, status, what "
    "was decided, duration, host, client, User-Agent and request id. It holds addresses of clients, and costs more CPU "
    "than a redirect.",
)
DEBUG = declare.switch(
    "DEBUG",
    False,
    "Django's debug pages. They show settings and code to whoever meets an error: never where others can reach it.",
)

declare.refuse_unknown("FACADE_")
plain.check_together(REGISTRY_HOST, REGISTRY_ORG, FACADE_HOSTNAME, FACADE_TRUSTED_PROXIES, FACADE_TLS_CERTIFICATES)
