"""Django's settings. Every variable that is read here is described in `.env.example`."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from facade_site.environment import BASE_DIR, kept_secret_key, load, state_dir

env = load()
STATE_DIR = state_dir()

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or kept_secret_key(STATE_DIR)

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
FACADE_REAUTHORISING_CLIENTS: list[str] = env.list("FACADE_REAUTHORISING_CLIENTS", default=[])
# How often a worker looks for changes of the routing table.
FACADE_POLL_SECONDS = env.float("FACADE_POLL_SECONDS", default=0.25)
# Whether this process follows the table in a thread of its own (tests refresh it themselves).
FACADE_FOLLOW_CHANGES = True
# Proxies (addresses or networks) whose X-Forwarded-Proto and X-Forwarded-Host are believed. Nobody else's are.
FACADE_TRUSTED_PROXIES: list[str] = env.list("FACADE_TRUSTED_PROXIES", default=[])

# Deadlines towards backing registries, in seconds: for a connection, and for a whole relayed answer.
FACADE_CONNECT_SECONDS = env.float("FACADE_CONNECT_SECONDS", default=3.0)
FACADE_RELAY_SECONDS = env.float("FACADE_RELAY_SECONDS", default=15.0)
# What one tenant may have, where its own record says nothing else.
FACADE_MAX_HOSTNAMES_PER_TENANT = env.int("FACADE_MAX_HOSTNAMES_PER_TENANT", default=50)
FACADE_MAX_MAPPINGS_PER_TENANT = env.int("FACADE_MAX_MAPPINGS_PER_TENANT", default=10_000)
# Whether a new mapping's registry is asked at once what it wants of its clients, and how old a finding may grow.
FACADE_PROBE_ON_SAVE = env.bool("FACADE_PROBE_ON_SAVE", default=True)
FACADE_PROBE_SECONDS = env.float("FACADE_PROBE_SECONDS", default=3600.0)
# Relays at once, in one worker and for one tenant in one worker. Over it: 429, with Retry-After.
FACADE_MAX_RELAYS = env.int("FACADE_MAX_RELAYS", default=512)
FACADE_MAX_RELAYS_PER_TENANT = env.int("FACADE_MAX_RELAYS_PER_TENANT", default=256)

# ---------------------------------------------------------------- Django
ALLOWED_HOSTS = FACADE_CONTROL_HOSTS
CSRF_TRUSTED_ORIGINS = [f"https://{name}" for name in FACADE_CONTROL_HOSTS]

INSTALLED_APPS = [
    "routing",
    "simple_history",
    "facade_site.apps.FacadeAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    # First: a registry client's request is answered before sessions, cookies or the database are thought of.
    "routing.dataplane.middleware.FacadeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
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
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000;",
            # Take the write lock at BEGIN: a verb that reads, then writes, can't be refused half-way.
            "transaction_mode": "IMMEDIATE",
            "timeout": 5,
        }
    elif config["ENGINE"] == "django.db.backends.postgresql":
        config["OPTIONS"] = {**config.get("OPTIONS", {}), "connect_timeout": 5, "pool": {"min_size": 0, "max_size": 8}}
    else:
        raise ImproperlyConfigured("DATABASE_URL: this facade runs on sqlite:// and postgres:// only")
    return config


DATABASES = {"default": database(env.str("DATABASE_URL", default=f"sqlite:///{STATE_DIR / 'facade.sqlite3'}"))}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

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

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}

# ---------------------------------------------------------------- history
SIMPLE_HISTORY_HISTORY_ID_USE_UUID = False
SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True
