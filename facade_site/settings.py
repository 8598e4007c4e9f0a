"""Django's settings. Every variable of `variables.py` is one, under its own name."""

from typing import Any

from csp.constants import NONE, SELF

from facade_site.databases import database, listen_options
from facade_site.environment import kept_secret_key, made, state_dir, static_root
from facade_site.log_formats import LOG_FORMATS, RefusalFilter
from facade_site.redaction import redact_log_records
from facade_site.variables import *  # noqa: F403
from facade_site.variables import (
    DATABASE_URL,
    EMAIL_URL,
    FACADE_CONTROL_HOSTS,
    FACADE_HSTS_SECONDS,
    FACADE_LISTEN_DATABASE_URL,
    FACADE_LOCK_SECONDS,
    FACADE_LOG_FORMAT,
    FACADE_MAIL_FROM,
    FACADE_OIDC_CLIENT_ID,
    FACADE_OIDC_CLIENT_SECRET,
    FACADE_OIDC_ISSUER,
    FACADE_OIDC_NAME,
    FACADE_OIDC_SCOPES,
    FACADE_PUBLIC_PORT,
    LOG_LEVEL,
    SECRET_KEY,
    env,
)

STATE_DIR = made(state_dir())
SECRET_KEY = SECRET_KEY or kept_secret_key(STATE_DIR)
# Whether this process follows the table in a thread of its own (tests refresh it themselves).
FACADE_FOLLOW_CHANGES = True

# ---------------------------------------------------------------- Django
ALLOWED_HOSTS = FACADE_CONTROL_HOSTS
_port = "" if FACADE_PUBLIC_PORT == 443 else f":{FACADE_PUBLIC_PORT}"
CSRF_TRUSTED_ORIGINS = [f"https://{name}{_port}" for name in FACADE_CONTROL_HOSTS]

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
    "routing.api.middleware.ProblemMiddleware",
    # Around the refusals that follow, which may be pages.
    "csp.middleware.CSPMiddleware",
    "routing.accounts.transport.TransportMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "routing.accounts.early_refusals.EarlyRefusalsMiddleware",
    "routing.accounts.static_files.StaticFilesMiddleware",
    "routing.accounts.no_store.NoStoreMiddleware",
    "routing.unavailable.middleware.DatabaseMiddleware",
    "routing.accounts.session_middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "routing.accounts.plain_forms.PlainFormsMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "routing.accounts.time_zones.TimeZoneMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "routing.accounts.second_factor.SecondFactorMiddleware",
    "routing.accounts.error_pages.NotAllowedPages",
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


LISTEN_OPTIONS = listen_options(FACADE_LISTEN_DATABASE_URL)
DATABASES = {"default": database(DATABASE_URL, STATE_DIR, FACADE_LOCK_SECONDS)}

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
FORMAT_MODULE_PATH = ["facade_site.formats"]
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = static_root(STATE_DIR)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

redact_log_records()
DEFAULT_EXCEPTION_REPORTER = "facade_site.redaction.ExceptionReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "facade_site.redaction.ReporterFilter"
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "routing.request_id.RequestIdFilter"},
        "refusal": {"()": RefusalFilter},
    },
    "formatters": {name: {"()": formatter} for name, formatter in LOG_FORMATS.items()},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": FACADE_LOG_FORMAT,
            "filters": ["request_id", "refusal"],
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
}

# ---------------------------------------------------------------- transport and headers
SECURE_HSTS_SECONDS = FACADE_HSTS_SECONDS
# The middleware takes Secure off again where it answers in the clear.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
# Not Strict: the way back from an identity provider is a cross-site navigation.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# A day, counted from the sign-in.
SESSION_ENGINE = "routing.accounts.sessions"
SESSION_COOKIE_AGE = 86_400
CSRF_FAILURE_VIEW = "routing.accounts.error_pages.csrf_failure"
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
    "routing.accounts.password_backend.PasswordBackend",
    # Signs nobody in; it says what whoever is may do.
    "routing.accounts.permission_backend.RoleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

ACCOUNT_ADAPTER = "routing.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
# The e-mail address of a new account is the one that was invited.
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_FORMS = {
    "login": "routing.accounts.forms.LoginForm",
    "change_password": "routing.accounts.forms.PasswordForm",
}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = True
# Each is a row, and a mail to whomever it belongs to.
ACCOUNT_MAX_EMAIL_ADDRESSES = 5
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Registry Facade] "
# Only a verified address is one account's alone: an unverified one keeps nobody else from it.
ACCOUNT_PREVENT_ENUMERATION = "strict"
# Such a mail is written, so that it takes as long as one for a known address, and not sent: it would go to strangers.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_ADAPTER = "routing.accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {
    "add_webauthn": "routing.accounts.webauthn.AddForm",
    "authenticate_webauthn": "routing.accounts.webauthn.AuthenticateForm",
    "login_webauthn": "routing.accounts.webauthn.LoginForm",
    "reauthenticate_webauthn": "routing.accounts.webauthn.ReauthenticateForm",
}
MFA_TOTP_ISSUER = "Registry Facade"
# Only the invited have accounts, so nobody can lock an address of somebody else's with a second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# The identity provider, by OpenID Connect.
SOCIALACCOUNT_ADAPTER = "routing.accounts.adapters.SocialAccountAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {"openid_connect": {"provider_class": "routing.accounts.provider.Provider"}}
if FACADE_OIDC_ISSUER and FACADE_OIDC_CLIENT_ID:
    SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"] = [
        {
            "provider_id": "sso",
            "name": FACADE_OIDC_NAME,
            "client_id": FACADE_OIDC_CLIENT_ID,
            "secret": FACADE_OIDC_CLIENT_SECRET,
            "settings": {
                "server_url": FACADE_OIDC_ISSUER.rstrip("/"),
                "oauth_pkce_enabled": True,
                "scope": FACADE_OIDC_SCOPES,
            },
        }
    ]

# ---------------------------------------------------------------- mail
# Without it nothing is sent, rather than links that let people in being written to a log.
_mail = env.email_url_config(EMAIL_URL or "dummymail://")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
if EMAIL_BACKEND == "django.core.mail.backends.smtp.EmailBackend":
    EMAIL_BACKEND = "routing.accounts.mail.SmtpBackend"
EMAIL_HOST = _mail["EMAIL_HOST"] or "localhost"
EMAIL_PORT = _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_FILE_PATH = _mail["EMAIL_FILE_PATH"]
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = FACADE_MAIL_FROM

# ---------------------------------------------------------------- history
SIMPLE_HISTORY_HISTORY_ID_USE_UUID = False
SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True

# They hold passwords under names by which Django's debug pages would not know that.
del DATABASE_URL, EMAIL_URL, FACADE_LISTEN_DATABASE_URL
