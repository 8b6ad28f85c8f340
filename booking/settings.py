"""All settings. What differs between installations comes from the environment; README.md has the table."""

import re
import zoneinfo
from importlib.util import find_spec
from pathlib import Path

import phonenumbers
from celery.schedules import crontab
from csp.constants import NONCE, NONE, SELF

from booking import env
from booking.ops.logs import LOGGING  # noqa: F401

BASE_DIR = Path(__file__).resolve().parent.parent

# The clinic

CLINIC_NAME = env.text("CLINIC_NAME", "Holdfast Clinic")
DEFAULT_PHONE_REGION = env.text("DEFAULT_PHONE_REGION", "GB")
if DEFAULT_PHONE_REGION not in phonenumbers.SUPPORTED_REGIONS:
    env.refuse("DEFAULT_PHONE_REGION", "must be a country in two capital letters, such as GB.")

# What the clinic must tell about itself, linked on every page for patients and in their e-mails.
PRIVACY_NOTICE_URL = env.page_address("PRIVACY_NOTICE_URL")
PRIVACY_NOTICE_VERSION = env.text("PRIVACY_NOTICE_VERSION", "")  # kept with each patient who was shown it
if len(PRIVACY_NOTICE_VERSION) > 40:
    env.refuse("PRIVACY_NOTICE_VERSION", "may have 40 characters, such as 2026-11.")
IMPRINT_URL = env.page_address("IMPRINT_URL")
TERMS_URL = env.page_address("TERMS_URL")

LANGUAGE_CODE = "en-gb"  # of what staff and programs read
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch"), ("fr", "Français"), ("ar", "العربية")]
# Those that patients can choose; the first is the clinic's own, for those whose browsers ask for none of them.
PATIENT_LANGUAGES = env.word_list("PATIENT_LANGUAGES", "en-gb,de,fr,ar")
if not set(PATIENT_LANGUAGES) <= set(dict(LANGUAGES)):
    env.refuse("PATIENT_LANGUAGES", f"may have {', '.join(dict(LANGUAGES))}.")
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["booking.formats"]
TIME_ZONE = env.text("TIME_ZONE", "UTC")  # of what admin shows; bookings are told in their location's zone
if TIME_ZONE not in zoneinfo.available_timezones():
    env.refuse("TIME_ZONE", "must be a time zone such as Europe/London.")
USE_I18N = True
USE_TZ = True

# Who may reach it

DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY")
if not DEBUG and (len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5):
    env.refuse("SECRET_KEY", "is too easy to guess: it needs 50 random characters or more.")
# The one before, while what was encrypted with it is still there.
SECRET_KEY_FALLBACKS = env.word_list("SECRET_KEY_FALLBACKS", "")
ALLOWED_HOSTS = env.word_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if DEBUG else None)
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS", "")
TRUSTED_PROXIES = env.integer("TRUSTED_PROXIES", 0)
# Where people reach it, for links in what is not an answer to a request: e-mails, calendars. Without it, no such links.
SITE_URL = env.text("SITE_URL", "")
if SITE_URL and not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", SITE_URL):
    env.refuse("SITE_URL", "must be an origin such as https://booking.clinic.example.")

# The code

INSTALLED_APPS = [
    "booking.apps.StaffPagesConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_htmx",
    "csp",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "scheduling",
    "patients",
    "booking",
]

MIDDLEWARE = [
    "booking.ops.page_middleware.pages_only",
    "booking.ops.health.answer_probes",
    "booking.widget.live_times.answer_changes",
    "booking.widget.waiting_room.wait_in_line",
    "booking.ops.page_middleware.end_pages_only",
    "booking.ops.middleware.request_id",
    "booking.ops.languages.page_language",
    "booking.widget.waiting_room.keep_pass",
    "booking.api.middleware.only_problems",
    "booking.ops.middleware.resource_policies",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "booking.ops.middleware.access_log",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "booking.ops.middleware.ContentSecurityPolicy",
    "booking.ops.middleware.framing",
    "booking.ops.request_limits.RequestLimits",
    "django.middleware.common.CommonMiddleware",
    "booking.ops.page_middleware.pages_only",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "booking.admin.sign_in.middleware.StaffSession",
    "booking.ops.middleware.Busy",
    "booking.admin.patient_access.record_shown_patients",
    "booking.ops.page_middleware.end_pages_only",
]

# Who may read /metrics: whoever has the token, or can reach an address that has nothing else. Without both nobody can,
# and nothing is counted.
METRICS_TOKEN = env.text("METRICS_TOKEN", "")
if METRICS_TOKEN and len(METRICS_TOKEN) < 20:
    env.refuse("METRICS_TOKEN", "is too easy to guess: it needs 20 random characters or more.")
METRICS_BIND = env.address("METRICS_BIND")
WORKER_METRICS_BIND = env.address("WORKER_METRICS_BIND")  # each of Celery's workers counts its tasks, and has its own
if METRICS_TOKEN or METRICS_BIND:
    MIDDLEWARE.insert(0, "booking.ops.metrics.middleware.measure")

ROOT_URLCONF = "booking.urls"
WSGI_APPLICATION = "booking.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# Staff's sign-in. What allauth limits in its cache is limited by booking.access.sign_in_attempts instead.

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "booking.access.passwords.NotTheClinicsName"},
]
PASSWORD_RESET_TIMEOUT = 60 * 60
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"

# Groups whose members need a second factor; "superusers" are one too. "none" demands it of nobody.
SECOND_FACTOR_GROUPS = env.word_list("SECOND_FACTOR_GROUPS", "none" if DEBUG else "superusers,manager")
if "none" in SECOND_FACTOR_GROUPS:
    SECOND_FACTOR_GROUPS = []

ACCOUNT_ADAPTER = "booking.admin.sign_in.adapters.AccountAdapter"
ACCOUNT_FORMS = {"login": "booking.admin.sign_in.forms.SignInForm"}
ACCOUNT_LOGIN_METHODS = {"username"}  # with an address too, one try would hash twice, and so tell which are known
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600

MFA_ADAPTER = "booking.admin.sign_in.adapters.MFAAdapter"
MFA_FORMS = {
    "authenticate": "booking.admin.sign_in.forms.AuthenticateForm",
    "reauthenticate": "booking.admin.sign_in.forms.ReauthenticateForm",
    "authenticate_webauthn": "booking.admin.sign_in.forms.AuthenticateWithPasskeyForm",
    "reauthenticate_webauthn": "booking.admin.sign_in.forms.ReauthenticateWithPasskeyForm",
    "login_webauthn": "booking.admin.sign_in.forms.SignInWithPasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = CLINIC_NAME
MFA_TOTP_TOLERANCE = 1  # of 30 seconds, for clocks that are a little off
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # managers type staff's addresses

# The clinic's own sign-in service, if it has one: OpenID Connect.
OIDC_ISSUER = env.text("OIDC_ISSUER", "")
OIDC_HAS_SECOND_FACTOR = env.boolean("OIDC_HAS_SECOND_FACTOR", False)
SOCIALACCOUNT_ADAPTER = "booking.admin.sign_in.adapters.SocialAccountAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = True  # a form could not lead to another site: form-action
SOCIALACCOUNT_PROVIDERS = {}
if OIDC_ISSUER:
    if not re.fullmatch(r"https://\S+" if not DEBUG else r"https?://\S+", OIDC_ISSUER):
        env.refuse("OIDC_ISSUER", "must be an address such as https://login.clinic.example.")
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "clinic",
                "name": env.text("OIDC_NAME", "your clinic account"),
                "client_id": env.text("OIDC_CLIENT_ID"),
                "secret": env.text("OIDC_CLIENT_SECRET"),
                "settings": {"server_url": OIDC_ISSUER.rstrip("/")},
            }
        ],
    }

# The web server; booking.gunicorn has the rest

BIND = env.text("BIND", "0.0.0.0:8000")
if not re.fullmatch(r"[^:\s]+:[0-9]{1,5}|\[[0-9a-f:]+\]:[0-9]{1,5}|unix:/\S+|fd://[0-9]+", BIND):
    env.refuse("BIND", "must look like 0.0.0.0:8000.")
WEB_PROCESSES = env.integer("WEB_PROCESSES", 2, minimum=1)
# Behind a socket's file the port is what the Host header says.
if METRICS_BIND and (BIND.startswith(("unix", "fd")) or BIND.rpartition(":")[2] == METRICS_BIND.rpartition(":")[2]):
    env.refuse("METRICS_BIND", "needs a BIND with another port.")

# The largest body of a request, in bytes: booking.ops.web_connections and request_limits read no more.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

# How many requests a minute a network may make: an IPv4 address or a /64 of IPv6; a /56 twice and a /48 four times as
# many. A hospital's patients may share one address.
PAGES_PER_NETWORK = env.integer("PAGES_PER_NETWORK", 1_200, minimum=1)
SEARCHES_PER_NETWORK = env.integer("SEARCHES_PER_NETWORK", 600, minimum=1)

# For how long a process may take an API key for what it was, in seconds: a key that is revoked, or changed, may be
# accepted so much longer. 0 reads it with each request.
API_KEY_CACHE_SECONDS = env.integer("API_KEY_CACHE_SECONDS", 1, minimum=0)

# Whether newcomers to the patient's pages stand in line while more come than can be served.
WAITING_ROOM = env.choice("WAITING_ROOM", "automatic", "off")

# Error reports and traces go to whom these name; both need the packages of requirements-watching.txt

SENTRY_DSN = env.text("SENTRY_DSN", "")
if SENTRY_DSN and not re.fullmatch(r"https?://\w+@[^\s/@]+(/\S*)?/[0-9]+", SENTRY_DSN):
    env.refuse("SENTRY_DSN", "must look like https://key@sentry.clinic.example/1.")
SENTRY_ENVIRONMENT = env.text("SENTRY_ENVIRONMENT", "production")
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT", "")
if OTEL_EXPORTER_OTLP_ENDPOINT and not re.fullmatch(r"https?://[^\s?#]+", OTEL_EXPORTER_OTLP_ENDPOINT):
    env.refuse("OTEL_EXPORTER_OTLP_ENDPOINT", "must look like http://collector:4318.")
for _name, _package in [("SENTRY_DSN", "sentry_sdk"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "opentelemetry")]:
    if globals()[_name] and not find_spec(_package):
        env.refuse(_name, "needs the packages of requirements-watching.txt.")

if OTEL_EXPORTER_OTLP_ENDPOINT:
    MIDDLEWARE.insert(0, "booking.ops.tracing.trace_requests")

# The databases. booking.ops.deadlines limits how long a web request or a task may wait for them.

# Whether a pooler gives each transaction another connection, as PgBouncer does in transaction mode.
DATABASE_POOLER = env.choice("DATABASE_POOLER", "none", "transaction")
_connection = {
    "ENGINE": "scheduling.lib.pipelined_postgresql",
    "CONN_MAX_AGE": 600,
    "DISABLE_SERVER_SIDE_CURSORS": DATABASE_POOLER == "transaction",
}
_options = {
    "connect_timeout": 5,
    # What a connection asks for the third time is prepared: half of PostgreSQL's work was reading and planning
    # the same statements. Behind a pooler the next statement may reach a connection that has prepared nothing.
    "server_side_binding": DATABASE_POOLER == "none",
    "prepare_threshold": 3 if DATABASE_POOLER == "none" else None,
}


def _connect(config, **options):
    return config | _connection | {"OPTIONS": _options | options | config.get("OPTIONS", {})}


DATABASES = {"default": _connect(env.database("DATABASE_URL")) | {"CONN_HEALTH_CHECKS": True}}
# Streaming replicas of it, from which availability is read as long as they are no further behind than this, in
# seconds. A broken connection to one needs no check: booking.ops.replicas asks the primary then.
REPLICA_MAX_LAG = env.integer("REPLICA_MAX_LAG", 2, minimum=1)
_replicas = {f"replica{number}": each for number, each in enumerate(env.databases("REPLICA_URLS"), start=1)}
REPLICAS = list(_replicas)
if REPLICAS:
    DATABASES |= {name: _connect(each, connect_timeout=2) for name, each in _replicas.items()}
    DATABASE_ROUTERS = ["scheduling.lib.reading.Router"]
    MIDDLEWARE.append("booking.ops.replicas.note_writes")

# Only allauth's guard against codes that are used twice. Redis may be away.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "booking_cache"}}

# Booking online, of visitors who have proved nothing: booking.domain.scarcity

# So many bookings of one network are confirmed at once each day; then the link in their mail must be pressed first.
ONLINE_BOOKINGS_PER_NETWORK = env.integer("ONLINE_BOOKINGS_PER_NETWORK", 5)
# And so many at one location: a multiple of what is usual there, or this many where that is less.
ONLINE_BOOKINGS_FACTOR = env.integer("ONLINE_BOOKINGS_FACTOR", 3, minimum=1)
ONLINE_BOOKINGS_FLOOR = env.integer("ONLINE_BOOKINGS_FLOOR", 40)
# For so many hours of holds a network keeps times from others each day.
ONLINE_HELD_HOURS_PER_NETWORK = env.integer("ONLINE_HELD_HOURS_PER_NETWORK", 12, minimum=1)
# Who has so many visits to come needs the link for the next.
ONLINE_VISITS_PER_PERSON = env.integer("ONLINE_VISITS_PER_PERSON", 3, minimum=1)

# The broker carries work from beat to the workers and nothing else: no page ever waits for it.

REDIS_URL = env.redis("REDIS_URL")
BROKER_URL = env.broker("BROKER_URL", REDIS_URL)
# How many e-mails, deliveries and other requests to the outside run at once; booking.outbox.relay shares them out.
DELIVERY_THREADS = env.integer("DELIVERY_THREADS", 64, minimum=8)

CELERY_BROKER_URL = BROKER_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
if BROKER_URL.startswith("amqp"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {"confirm_publish": True, "connect_timeout": 5}
    CELERY_BROKER_HEARTBEAT = 20  # seconds; a broker that is silent for two of them is gone
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # Redis keeps no list of tasks in progress: the outbox and beat hand them out again. With that list,
        # a worker whose Redis dies in the middle of a task fails to put the task back, and ends.
        "ack_emulation": False,
        "socket_connect_timeout": 2,
        "socket_timeout": 2,
        "retry_on_timeout": False,
        "socket_keepalive": True,
        "health_check_interval": 30,
    }
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 50  # seconds, where the pool has limits: threads have none, so their tasks bound themselves
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = DELIVERY_THREADS  # the Procfile says otherwise for the worker of beat's tasks
# A connection per task costs more than most tasks. booking.celery closes those that are broken or old instead.
CELERY_DB_REUSE_MAX = 1_000_000_000
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
# The plain scheduler keeps no file: what is due by seconds is due again that soon after a start.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
# A tick that nobody ran in time is dropped, so a worker that comes back finds no flood of old ones.
CELERY_BEAT_SCHEDULE = {
    "relay outbox": {"task": "booking.tasks.relay_outbox", "schedule": 1.0, "options": {"expires": 1}},
    "send reminders": {"task": "booking.tasks.enqueue_reminders", "schedule": 2.0, "options": {"expires": 2}},
    "expire stale holds": {"task": "booking.tasks.expire_stale_holds", "schedule": 10.0, "options": {"expires": 10}},
    "cancel unanswered": {"task": "booking.tasks.cancel_unanswered", "schedule": 10.0, "options": {"expires": 10}},
    # Who looks at the times in these two seconds is quicker than who waits for one.
    "offer freed times": {"task": "booking.tasks.offer_freed_times", "schedule": 2.0, "options": {"expires": 2}},
    "forget old drafts": {"task": "booking.tasks.forget_old_drafts", "schedule": 60.0, "options": {"expires": 60}},
    "advance imports": {"task": "booking.tasks.advance_imports", "schedule": 2.0, "options": {"expires": 2}},
    "heartbeat": {"task": "booking.tasks.beat", "schedule": 5.0, "options": {"expires": 5}},
    **{
        f"heartbeat of {queue}": {
            "task": "booking.tasks.beat",
            "schedule": 10.0,
            "options": {"expires": 10, "queue": queue},
        }
        for queue in ("email", "webhooks", "approvers", "calendars")
    },
    "sync calendars": {
        "task": "booking.tasks.sync_due_calendars",
        "schedule": 30.0,
        "options": {"expires": 30, "queue": "calendars"},  # it waits for others
    },
    # By the clock: counted from the start, it would wait for an hour without a restart.
    "forget old answers": {
        "task": "booking.tasks.forget_old_answers",
        "schedule": crontab(minute=40),
        "options": {"expires": 3000},
    },
    "forget expired tokens": {
        "task": "booking.tasks.forget_expired_tokens",
        "schedule": crontab(minute=50),
        "options": {"expires": 3000},
    },
    "mark on holidays": {
        "task": "booking.tasks.mark_on_holidays",
        "schedule": crontab(minute=15),
        "options": {"expires": 3000},
    },
    "count activity": {
        "task": "booking.tasks.count_activity",
        "schedule": crontab(minute=5),
        "options": {"expires": 3000},
    },
    "refold names": {
        "task": "booking.tasks.refold_names",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "forget old sign-ins": {
        "task": "booking.tasks.forget_old_sign_ins",
        "schedule": crontab(minute=30),
        "options": {"expires": 3000},
    },
    "forget old accesses": {
        "task": "booking.tasks.forget_old_accesses",
        "schedule": crontab(hour=3, minute=10),
        "options": {"expires": 3000},
    },
    "forget origins": {
        "task": "booking.tasks.forget_origins",
        "schedule": crontab(minute="*/15"),
        "options": {"expires": 900},
    },
    "forget lapsed requests": {
        "task": "booking.tasks.forget_lapsed_requests",
        "schedule": crontab(minute="7-59/15"),
        "options": {"expires": 900},
    },
    "forget import files": {
        "task": "booking.tasks.forget_import_files",
        "schedule": crontab(minute="9-59/15"),
        "options": {"expires": 900},
    },
    "forget old wishes": {
        "task": "booking.tasks.forget_old_wishes",
        "schedule": crontab(minute="11-59/15"),
        "options": {"expires": 900},
    },
    "forget old merges": {
        "task": "booking.tasks.forget_old_merges",
        "schedule": crontab(minute="8-59/15"),
        "options": {"expires": 900},
    },
    "forget old messages": {
        "task": "booking.tasks.forget_old_messages",
        "schedule": crontab(minute=20),
        "options": {"expires": 3000},
    },
}

# How long the clinic has to keep the records of visits that took place: until then a patient is restricted, not erased.
RETENTION_YEARS = env.integer("RETENTION_YEARS", 10)
# From where an online booking came is what the limits of its day and the list of unusual bookings need.
ORIGIN_RETENTION_HOURS = env.integer("ORIGIN_RETENTION_HOURS", 48, minimum=26)
# Who asked for what nobody confirmed in time.
LAPSED_RETENTION_HOURS = env.integer("LAPSED_RETENTION_HOURS", 24, minimum=1)

# Mail

_mail = env.email("EMAIL_URL", "consolemail://" if DEBUG else None)
EMAIL_BACKEND = _mail["EMAIL_BACKEND"].replace("django.core.mail.backends.smtp", "booking.integrations.email.smtp")
EMAIL_HOST = _mail["EMAIL_HOST"]
EMAIL_PORT = _mail["EMAIL_PORT"]
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
EMAIL_FILE_PATH = _mail["EMAIL_FILE_PATH"]
EMAIL_TIMEOUT = 10  # seconds for each reply; booking.integrations.email.smtp bounds the whole
DEFAULT_FROM_EMAIL = env.sender("DEFAULT_FROM_EMAIL", "bookings@localhost" if DEBUG else None)
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# Where e-mails come back to that cannot be delivered; by default whom they are from. See `manage.py read_bounce`.
BOUNCE_ADDRESS = env.text("BOUNCE_ADDRESS", "")
if BOUNCE_ADDRESS and not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", BOUNCE_ADDRESS):
    env.refuse("BOUNCE_ADDRESS", "must be an address such as bounces@clinic.example.")

# Text messages (SMS)

SMS_BACKEND = env.choice("SMS_BACKEND", "none", "console", "http_gateway", "twilio")
# Who they are from: a number, a name of up to eleven letters, or of Twilio's a messaging service (MG…).
SMS_SENDER = env.text("SMS_SENDER", None if SMS_BACKEND == "twilio" else "")
# Texts go to numbers of these countries only, and this many a day to one number.
SMS_COUNTRIES = env.word_list("SMS_COUNTRIES", DEFAULT_PHONE_REGION)
if not set(SMS_COUNTRIES) <= phonenumbers.SUPPORTED_REGIONS:
    env.refuse("SMS_COUNTRIES", "must be countries in two capital letters, such as GB,IE.")
SMS_PER_NUMBER = env.integer("SMS_PER_NUMBER", 10, minimum=1)
# How http_gateway asks: {to}, {text}, {sender}, {id} and {callback} are replaced in the texts of the body.
SMS_GATEWAY_URL = env.page_address("SMS_GATEWAY_URL")
if SMS_BACKEND == "http_gateway" and not SMS_GATEWAY_URL:
    env.refuse("SMS_GATEWAY_URL", "is not set.")
SMS_GATEWAY_FORMAT = env.choice("SMS_GATEWAY_FORMAT", "json", "form")
SMS_GATEWAY_BODY = env.json_object(
    "SMS_GATEWAY_BODY", '{"from": "{sender}", "to": "{to}", "text": "{text}", "callback": "{callback}"}'
)
SMS_GATEWAY_HEADERS = env.json_object("SMS_GATEWAY_HEADERS", "{}")
SMS_GATEWAY_ID_FIELD = env.text("SMS_GATEWAY_ID_FIELD", "id")
SMS_GATEWAY_STATUS_FIELD = env.text("SMS_GATEWAY_STATUS_FIELD", "status")
SMS_GATEWAY_DELIVERED = env.word_list("SMS_GATEWAY_DELIVERED", "delivered,delivrd")
SMS_GATEWAY_FAILED = env.word_list(
    "SMS_GATEWAY_FAILED", "failed,undelivered,undeliverable,undeliv,rejected,rejectd,expired"
)
TWILIO_ACCOUNT_SID = env.text("TWILIO_ACCOUNT_SID", None if SMS_BACKEND == "twilio" else "")
TWILIO_AUTH_TOKEN = env.text("TWILIO_AUTH_TOKEN", None if SMS_BACKEND == "twilio" else "")
TWILIO_API_URL = env.text("TWILIO_API_URL", "https://api.twilio.com")

# Static files

STATIC_URL = "/static/"  # below no element that names a language
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(BASE_DIR / ".data" / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG

# Sessions are for staff only: a patient's page sets no cookie.

# Admin's messages can contain a patient's name: store them in the session, not in a cookie.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_IDLE_SECONDS = 60 * env.integer("SESSION_IDLE_MINUTES", 30, minimum=1)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.boolean("SECURE_COOKIES", not DEBUG)
if SESSION_COOKIE_SECURE:  # no other host, nor a page over http, can set such a cookie
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SESSION_COOKIE_SECURE  # of localhost: browsers allow no other
CSRF_COOKIE_HTTPONLY = True

# What browsers are told

SECURE_SSL_REDIRECT = env.boolean("SECURE_SSL_REDIRECT", not DEBUG)
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 31_536_000 if SECURE_SSL_REDIRECT else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.boolean("SECURE_HSTS_INCLUDE_SUBDOMAINS", False)
SECURE_HSTS_PRELOAD = env.boolean("SECURE_HSTS_PRELOAD", False)
# Only who owns the whole domain can promise for every name below it.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Sites that may show the patient's pages in a frame. booking.ops.middleware adds: admin in none.
WIDGET_FRAME_ANCESTORS = env.frame_ancestors("WIDGET_FRAME_ANCESTORS")
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": WIDGET_FRAME_ANCESTORS,
    }
}

# Other systems, which staff name the addresses of: calendars, webhooks, upstream systems

# Of these, and of these only, an address may be http or in a private network: host:port.
PRIVATE_HOSTS = env.word_list("PRIVATE_HOSTS", "")

# The API

REST_FRAMEWORK = {
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_AUTHENTICATION_CLASSES": ["booking.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_THROTTLE_CLASSES": [
        "booking.api.throttles.AddressThrottle",
        "booking.api.throttles.ApiKeyThrottle",
        "booking.api.throttles.SiteThrottle",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "booking.api.permissions.IsAllowedOrigin",
        "booking.api.permissions.HasScope",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "booking.api.negotiation.ContentNegotiation",
    "DEFAULT_PARSER_CLASSES": ["booking.api.parsers.JsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["booking.api.renderers.JsonRenderer"],
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS is a preflight, or no method of an endpoint
    "DEFAULT_SCHEMA_CLASS": "booking.api.openapi.autoschema.OperationSchema",
    "EXCEPTION_HANDLER": "booking.api.exception_handler.handle_exception",
}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "Holdfast",
    "VERSION": "1",
    "DESCRIPTION": "Search for free times, hold one, confirm it, and it is an appointment. What is held, holds.",
    "SERVERS": [{"url": "/", "description": "This clinic"}],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATIONS": False,
    "SORT_OPERATION_PARAMETERS": False,
    "POSTPROCESSING_HOOKS": ["booking.api.openapi.document.complete"],
}
# Which site may ask is a matter of each key: see booking/api/cors.py.
CORS_URLS_REGEX = r"^/(api|onsched|junction)/"
CORS_ALLOW_HEADERS = [
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-api-key",
    "x-client-id",
    "x-idempotency-error",
    "x-idempotency-key",
    "x-request-id",
    "x-vital-api-key",
]
CORS_EXPOSE_HEADERS = [
    "Deprecation",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "X-Request-Id",
]
