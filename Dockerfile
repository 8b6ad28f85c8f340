# The image of web, worker, delivery and beat; compose.yaml runs the four of them.
FROM python:3.13.14-slim AS build
WORKDIR /app
RUN python -m venv /venv
# requirements-watching.txt has what SENTRY_DSN and OTEL_EXPORTER_OTLP_ENDPOINT need, too.
ARG REQUIREMENTS=requirements.txt
COPY ${REQUIREMENTS} ./
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r ${REQUIREMENTS}

FROM python:3.13.14-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATIC_ROOT=/app/.static
WORKDIR /app
RUN useradd --system --uid 10001 --no-create-home holdfast
COPY --from=build /venv /venv
COPY manage.py ./
COPY templates templates
COPY static static
COPY locale locale
COPY docs docs
COPY scheduling scheduling
COPY patients patients
COPY booking booking
# Collecting the static files needs none of these, but nothing starts without them.
RUN SECRET_KEY=0123456789-only-while-the-image-is-being-built-0123456789 \
    DATABASE_URL=postgres://nowhere/none REDIS_URL=redis://nowhere ALLOWED_HOSTS=nowhere \
    EMAIL_URL=dummymail:// DEFAULT_FROM_EMAIL=nobody@nowhere.example \
    python manage.py collectstatic --no-input --verbosity 0
USER holdfast
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz/live', timeout=4)"]
CMD ["gunicorn", "--config", "python:booking.gunicorn", "booking.wsgi"]
