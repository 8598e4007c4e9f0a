"""Django's settings. Every variable that is read here is described in `.env.example`."""

from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from facade_site.environment import BASE_DIR, kept_secret_key, load, made, state_dir
from facade_site.log_formats import LOG_FORMATS

env = load()
STATE_DIR = made(state_dir())

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or kept_secret_key(STATE_DIR)
# Former keys, which still open what they encrypted.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])

# ---------------------------------------------------------------- the facade
# Names on which Django (admin, health) answers. Every other name is either a tenant's hostname or unknown.
FACADE_CONTROL_HOSTS: list[str] = env.list("FACADE_CONTROL_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# http:// registries: content and tokens would travel in the clear.
FACADE_ALLOW_INSECURE_REGISTRIES = env.bool("FACADE_ALLOW_INSECURE_REGISTRIES", default=False)
# Registries on private or loopback addresses: on a shared instance a tenant could look into the internal network.
FACADE_ALLOW_PRIVATE_REGISTRIES = env.bool("FACADE_ALLOW_PRIVATE_REGISTRIES", default=False)
# How long a client may keep a redirect. 0 sends no-store, so that a repoint is seen by the very next request.
FACADE_REDIRECT_MAX_AGE_SECONDS = env.int("FACADE_REDIRECT_MAX_AGE_SECONDS", default=0)
# Clients that authorise every hop of a redirect, such as "docker,containerd<=2.1". Empty: the built-in table.
FACADE_CLIENTS: list[str] = env.list("FACADE_CLIENTS", default=[])
# How often a worker looks for changes of the routing table.
FACADE_POLL_SECONDS = env.float("FACADE_POLL_SECONDS", default=0.25)
# How often the table is written to a file, for workers that start while the database is gone; only when it changed.
FACADE_SNAPSHOT_SECONDS = env.float("FACADE_SNAPSHOT_SECONDS", default=5.0)
# Whether this process follows the table in a thread of its own (tests refresh it themselves).
FACADE_FOLLOW_CHANGES = True
# How much memory a worker may use to remember answers, so as not to work them out again; 0: none.
FACADE_REMEMBERED_ANSWERS_BYTES = env.int("FACADE_REMEMBERED_ANSWERS_BYTES", default=64 * 1024 * 1024)
# Proxies (addresses or networks) whose X-Forwarded-Proto and X-Forwarded-Host are believed. Nobody else's are.
FACADE_TRUSTED_PROXIES: list[str] = env.list("FACADE_TRUSTED_PROXIES", default=[])

# Deadlines towards backing registries, in seconds: for a connection, and for a whole relayed answer.
FACADE_CONNECT_SECONDS = env.float("FACADE_CONNECT_SECONDS", default=3.0)
FACADE_RELAY_SECONDS = env.float("FACADE_RELAY_SECONDS", default=15.0)
# What one tenant may have, where its own record says nothing else.
FACADE_MAX_HOSTNAMES_PER_TENANT = env.int("FACADE_MAX_HOSTNAMES_PER_TENANT", default=50)
FACADE_MAX_MAPPINGS_PER_TENANT = env.int("FACADE_MAX_MAPPINGS_PER_TENANT", default=10_000)
# Bytes of layers that may pass through the facade for one tenant in a calendar month: 100 GiB.
FACADE_MAX_STREAMED_BYTES_PER_TENANT = env.int("FACADE_MAX_STREAMED_BYTES_PER_TENANT", default=100 * 1024**3)
# Whether a new mapping's registry is asked at once what it wants of its clients, and how old a finding may grow.
FACADE_PROBE_ON_SAVE = env.bool("FACADE_PROBE_ON_SAVE", default=True)
FACADE_PROBE_SECONDS = env.float("FACADE_PROBE_SECONDS", default=3600.0)
# Recursive name servers that are asked for the proof of hostnames (ADDRESS or ADDRESS:PORT). Empty: the system's.
FACADE_DNS_SERVERS: list[str] = env.list("FACADE_DNS_SERVERS", default=[])
# The deadline for one such look-up.
FACADE_DNS_SECONDS = env.float("FACADE_DNS_SECONDS", default=5.0)
# How often a hostname's proof is looked up again, and how long it may be missing until the hostname is withdrawn.
FACADE_PROOF_SECONDS = env.float("FACADE_PROOF_SECONDS", default=86_400.0)
FACADE_PROOF_GRACE_SECONDS = env.float("FACADE_PROOF_GRACE_SECONDS", default=7 * 86_400.0)
# Domains at and below which no tenant may claim hostnames. Empty: the control hosts' own.
FACADE_PLATFORM_DOMAINS: list[str] = env.list("FACADE_PLATFORM_DOMAINS", default=[])
# Connections of clients that one worker keeps open at once. One more is closed.
FACADE_MAX_CONNECTIONS = env.int("FACADE_MAX_CONNECTIONS", default=4096)
# The ports by which people reach hostnames, for the commands that pages and manage.py print.
FACADE_PUBLIC_PORT = env.int("FACADE_PUBLIC_PORT", default=443)
FACADE_LOOPBACK_PORT = env.int("FACADE_LOOPBACK_PORT", default=env.int("PORT", default=8000))
# Relays at once, in one worker and for one tenant in one worker. Over it: 429, with Retry-After.
FACADE_MAX_RELAYS = env.int("FACADE_MAX_RELAYS", default=512)
FACADE_MAX_RELAYS_PER_TENANT = env.int("FACADE_MAX_RELAYS_PER_TENANT", default=256)
# Of these, how many may be at one registry. More wait for a connection's deadline.
FACADE_MAX_RELAYS_PER_REGISTRY = env.int("FACADE_MAX_RELAYS_PER_REGISTRY", default=256)

# Whoever sends it may read /metrics. Empty: programs on this machine may, that come by no proxy.
FACADE_METRICS_TOKEN = env.str("FACADE_METRICS_TOKEN", default="").strip()

# Where people report abuse: an e-mail address or a page. Shown on /abuse.
FACADE_ABUSE_CONTACT = env.str("FACADE_ABUSE_CONTACT", default="")

# ---------------------------------------------------------------- Django
ALLOWED_HOSTS = FACADE_CONTROL_HOSTS
CSRF_TRUSTED_ORIGINS = [f"https://{name}" for name in FACADE_CONTROL_HOSTS]

INSTALLED_APPS = [
    "routing",
    "simple_history",
    "facade_site.apps.FacadeAdminConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    # Around everything, so that each answer of a control host names its request.
    "routing.accounts.request_ids.RequestIdMiddleware",
    # Then: a registry client's request is answered before sessions, cookies or the database are thought of.
    "routing.dataplane.serving.middleware.FacadeMiddleware",
    "routing.accounts.transport.TransportMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "routing.accounts.second_factor.SecondFactorMiddleware",
]

ROOT_URLCONF = "facade_site.urls"
WSGI_APPLICATION = "facade_site.wsgi.application"
ASGI_APPLICATION = "facade_site.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "routing.accounts.context.accounts",
            ],
        },
    },
]


def database(url: str) -> dict[str, Any]:
    """Django's settings for one database URL: SQLite in WAL mode, or PostgreSQL with a pool."""
    config: dict[str, Any] = env.db_url_config(url)
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["OPTIONS"] = {
            # WAL: readers (every worker's poll) never wait for a writer, nor a writer for them.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000;",
            # Take the write lock at BEGIN: a verb that reads, then writes, can't be refused half-way.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        }
    elif config["ENGINE"] == "django.db.backends.postgresql":
        # The pool's own default is to wait 30 s for a server that is gone.
        pool = {"min_size": 0, "max_size": 8, "timeout": 5.0}
        config["OPTIONS"] = {**config.get("OPTIONS", {}), "connect_timeout": 5, "pool": pool}
    else:
        raise ImproperlyConfigured("DATABASE_URL: this facade runs on sqlite:// and postgres:// only")
    return config


DATABASES = {"default": database(env.str("DATABASE_URL", default=f"sqlite:///{STATE_DIR / 'facade.sqlite3'}"))}

# Counts the attempts to sign in, for all workers and servers together: docs/decisions/0011.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "django_cache",
        # Culling throws counts away: let nobody force it by guessing at a few hundred names.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# How log records are written: a line for people, or an object of JSON for programs.
FACADE_LOG_FORMAT = env.str("FACADE_LOG_FORMAT", default="line")
if FACADE_LOG_FORMAT not in LOG_FORMATS:
    raise ImproperlyConfigured(f"FACADE_LOG_FORMAT is {FACADE_LOG_FORMAT!r}: choose one of {', '.join(LOG_FORMATS)}")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "routing.request_id.RequestIdFilter"}},
    "formatters": {name: {"()": formatter} for name, formatter in LOG_FORMATS.items()},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": FACADE_LOG_FORMAT, "filters": ["request_id"]}
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}

# ---------------------------------------------------------------- transport and headers
# Whether browsers reach the control hosts by HTTPS. On loopback names plain HTTP is answered in any case.
FACADE_TLS = env.bool("FACADE_TLS", default=True)
SECURE_HSTS_SECONDS = env.int("FACADE_HSTS_SECONDS", default=31_536_000)
# The middleware takes Secure off again where it answers in the clear.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
# Not Strict: the way back from an identity provider is a cross-site navigation.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# A day: what the identity provider takes back is gone with the next sign-in.
SESSION_COOKIE_AGE = 86_400
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        # data: for the QR code of a new authenticator.
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
SILENCED_SYSTEM_CHECKS = [
    # SECURE_SSL_REDIRECT: TransportMiddleware does that, and lets loopback names be.
    "security.W008",
    # HSTS for all subdomains, and in browsers' preload lists: not ours to promise for the owner of the domain.
    "security.W005",
    "security.W021",
]

# ---------------------------------------------------------------- sign-in
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    # Signs nobody in; it says what whoever is may do.
    "routing.accounts.permission_backend.RoleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Roles (owner, operator, viewer, platform) whose bearers must have a second factor.
FACADE_MFA_REQUIRED_FOR: list[str] = env.list("FACADE_MFA_REQUIRED_FOR", default=[])
ACCOUNT_ADAPTER = "routing.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
# The e-mail address of a new account is the one that was invited.
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Registry Facade] "
# Tells nobody that there is no account for an address: it would only mail strangers.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_ADAPTER = "routing.accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Registry Facade"
# Only the invited have accounts, so nobody can lock an address of somebody else's with a second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# The identity provider, by OpenID Connect. FACADE_OIDC_ROLES maps values of the claim: "acme-admins=acme:owner".
FACADE_OIDC_ISSUER = env.str("FACADE_OIDC_ISSUER", default="")
FACADE_OIDC_CLIENT_ID = env.str("FACADE_OIDC_CLIENT_ID", default="")
FACADE_OIDC_CLIENT_SECRET = env.str("FACADE_OIDC_CLIENT_SECRET", default="")
FACADE_OIDC_CLAIM = env.str("FACADE_OIDC_CLAIM", default="groups")
FACADE_OIDC_ROLES: list[str] = env.list("FACADE_OIDC_ROLES", default=[])
SOCIALACCOUNT_ADAPTER = "routing.accounts.adapters.SocialAccountAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {"openid_connect": {"provider_class": "routing.accounts.provider.Provider"}}
if FACADE_OIDC_ISSUER and FACADE_OIDC_CLIENT_ID:
    SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"] = [
        {
            "provider_id": "sso",
            "name": env.str("FACADE_OIDC_NAME", default="single sign-on"),
            "client_id": FACADE_OIDC_CLIENT_ID,
            "secret": FACADE_OIDC_CLIENT_SECRET,
            "settings": {
                "server_url": FACADE_OIDC_ISSUER.rstrip("/"),
                "oauth_pkce_enabled": True,
                "scope": env.list("FACADE_OIDC_SCOPES", default=["openid", "profile", "email"]),
            },
        }
    ]

# ---------------------------------------------------------------- mail
# Without it nothing is sent, rather than links that let people in being written to a log.
_mail = env.email_url_config(env.str("EMAIL_URL", default="") or "dummymail://")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST = _mail["EMAIL_HOST"] or "localhost"
EMAIL_PORT = _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_FILE_PATH = _mail["EMAIL_FILE_PATH"]
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("FACADE_MAIL_FROM", default="registry-facade@localhost")

# ---------------------------------------------------------------- history
SIMPLE_HISTORY_HISTORY_ID_USE_UUID = False
SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True
