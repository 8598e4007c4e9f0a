"""The settings under which the tests run: as in production, with cheap password hashes and TEST_DATABASE_URL."""

import os
import tempfile

os.environ.setdefault("SECRET_KEY", "only-for-tests")
# On a busy machine writers wait longer for each other.
os.environ.setdefault("FACADE_LOCK_SECONDS", "60")
os.environ.setdefault("FACADE_STATE_DIR", tempfile.mkdtemp(prefix="facade-test-"))
os.environ["DATABASE_URL"] = os.environ.get(
    "TEST_DATABASE_URL", f"sqlite:///{os.environ['FACADE_STATE_DIR']}/db.sqlite3"
)

from facade_site.settings import *  # noqa: F403
from facade_site.settings import STATE_DIR, STORAGES
from routing.database.sqlite_connection import allow_new_file

allow_new_file()

# Nothing is collected here, and WhiteNoise would say so each time that a test makes Django anew.
STATIC_ROOT = STATE_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
FACADE_CONTROL_HOSTS = ["testserver", "localhost", "127.0.0.1"]
ALLOWED_HOSTS = FACADE_CONTROL_HOSTS
FACADE_FOLLOW_CHANGES = False
FACADE_PROBE_ON_SAVE = False
FACADE_VERIFY_ON_REPOINT = False
# The test client speaks plain HTTP to a name that isn't loopback.
FACADE_TLS = False
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# What a relay asks a registry with its caller's token is what most tests look at. Those of the memory switch it on.
FACADE_MANIFEST_STORE_BYTES = 0
# Whatever the process that runs the tests has for PORT.
FACADE_LOOPBACK_PORT = 8000
