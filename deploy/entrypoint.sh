#!/bin/sh
# What a container does: `prepare` (roles, schemas, migrations, topics; then it ends), `restored` (what follows when the
# database was restored by other means; services stopped), or serve the service that is named.
# Passwords come from /run/secrets, so that no URL with a password stands in a compose file.
set -eu

secret() { cat "/run/secrets/$1"; }

database_url() { echo "postgresql://$1:$2@${LIANDU_DATABASE_HOST:-postgres:5432}/${LIANDU_DATABASE_NAME:-liandu}"; }

service_url() { database_url "liandu_$1" "$(secret "$1_password")"; }

case "${1:-}" in
prepare)
  for service in intake assessment notification; do
    LIANDU_ADMIN_DATABASE_URL=$(database_url postgres "$(secret postgres_password)") \
      LIANDU_DATABASE_URL=$(service_url "$service") python -m "services.$service" migrate
  done
  exec python -m services.operator topics create
  ;;
restored)
  for service in intake assessment notification; do
    LIANDU_DATABASE_URL=$(service_url "$service") python -m "services.$service" restored
  done
  ;;
intake | assessment | notification)
  LIANDU_DATABASE_URL=$(service_url "$1")
  export LIANDU_DATABASE_URL
  exec python -m "services.$1"
  ;;
*)
  exec python -m services.operator "$@"
  ;;
esac
